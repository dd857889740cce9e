// SPDX-License-Identifier: Apache-2.0

package match

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/strata-apm/strata/search"
	"github.com/strata-apm/strata/signal"
)

// Log is a log record with what it came from.
type Log struct {
	Resource pcommon.Resource
	Scope    pcommon.InstrumentationScope
	Record   plog.LogRecord
}

// Span is a span with what it came from.
type Span struct {
	Resource pcommon.Resource
	Scope    pcommon.InstrumentationScope
	Span     ptrace.Span
}

// Logs decides on log records. Safe for concurrent use.
type Logs struct{ root node }

// Spans decides on spans. Safe for concurrent use.
type Spans struct{ root node }

// CompileLogs compiles a filter of log records; nil holds for all. A field that log records do not have, and what cannot be asked, is an
// error that wraps search.ErrBadQuery.
func CompileLogs(f search.Filter) (*Logs, error) {
	root, err := compile(f, signal.Logs, 0)
	if err != nil {
		return nil, err
	}
	return &Logs{root}, nil
}

// CompileSpans is CompileLogs for spans.
func CompileSpans(f search.Filter) (*Spans, error) {
	root, err := compile(f, signal.Traces, 0)
	if err != nil {
		return nil, err
	}
	return &Spans{root}, nil
}

// Match reports whether the filter holds for a log record. It does not modify it.
func (m *Logs) Match(l Log) bool {
	r := record{signal: signal.Logs, attrs: l.Record.Attributes(), resource: l.Resource.Attributes(), scope: l.Scope, log: l.Record}
	return m.root.holds(&r)
}

// Match reports whether the filter holds for a span. It does not modify it.
func (m *Spans) Match(s Span) bool {
	r := record{signal: signal.Traces, attrs: s.Span.Attributes(), resource: s.Resource.Attributes(), scope: s.Scope, span: s.Span}
	return m.root.holds(&r)
}

type operation int

const (
	opAll operation = iota
	opAny
	opNot
	opText   // the text of field fulfils test
	opExists // field is there
	opNumber // the number of a field that is one fulfils bound
)

// node is a condition of a filter.
type node struct {
	op    operation
	of    []node
	field search.Field
	test  test
	bound bound
}

func (n *node) holds(r *record) bool {
	switch n.op {
	case opAll:
		for i := range n.of {
			if !n.of[i].holds(r) {
				return false
			}
		}
		return true
	case opAny:
		for i := range n.of {
			if n.of[i].holds(r) {
				return true
			}
		}
		return false
	case opNot:
		return !n.of[0].holds(r)
	case opText:
		return n.textHolds(r)
	case opExists:
		return n.exists(r)
	case opNumber:
		v := r.number(n.field.Name)
		if v == 0 && n.field.Name != search.FieldDuration { // 0 is the absence of one
			return false
		}
		return n.bound.holdsNumber(v)
	default:
		return false
	}
}
