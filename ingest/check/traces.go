// SPDX-License-Identifier: Apache-2.0

package check

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/strata-apm/strata/signal"
)

// Traces takes invalid spans out of td and applies the limits to the rest.
func (l Limits) Traces(td ptrace.Traces, now time.Time) Tally {
	var t Tally
	w := l.Window(signal.Traces, now)
	td.ResourceSpans().RemoveIf(func(rs ptrace.ResourceSpans) bool {
		l.attributes(rs.Resource().Attributes(), &t)
		text(rs.SchemaUrl(), rs.SetSchemaUrl, &t)
		rs.ScopeSpans().RemoveIf(func(ss ptrace.ScopeSpans) bool {
			l.scope(ss.Scope(), &t)
			text(ss.SchemaUrl(), ss.SetSchemaUrl, &t)
			t.Items += ss.Spans().Len()
			ss.Spans().RemoveIf(func(s ptrace.Span) bool { return l.rejectSpan(s, w, &t) })
			return ss.Spans().Len() == 0
		})
		return rs.ScopeSpans().Len() == 0
	})
	return t
}

func (l Limits) rejectSpan(s ptrace.Span, w Window, t *Tally) bool {
	reason := w.Reason(s.StartTimestamp())
	if s.TraceID().IsEmpty() || s.SpanID().IsEmpty() {
		reason = ReasonInvalidID
	}
	if reason != "" {
		t.Reject(reason, 1)
		return true
	}
	if s.EndTimestamp() < s.StartTimestamp() {
		s.SetEndTimestamp(s.StartTimestamp())
		t.Note(NoteNegative, 1)
	}
	text(s.Name(), s.SetName, t)
	text(s.Status().Message(), s.Status().SetMessage, t)
	text(s.TraceState().AsRaw(), s.TraceState().FromRaw, t)
	var cut truncated
	if len(s.Name()) > l.AttributeBytes {
		cut.add("name", len(s.Name()))
		s.SetName(clip(s.Name(), l.AttributeBytes))
		t.Note(NoteCut, 1)
	}
	if n := l.attributes(s.Attributes(), t); n > 0 {
		s.SetDroppedAttributesCount(s.DroppedAttributesCount() + uint32(n)) //nolint:gosec // Bounded by the body.
	}
	cut.put(s.Attributes())
	for _, e := range s.Events().All() {
		text(e.Name(), e.SetName, t)
		l.attributes(e.Attributes(), t)
	}
	for _, k := range s.Links().All() {
		text(k.TraceState().AsRaw(), k.TraceState().FromRaw, t)
		l.attributes(k.Attributes(), t)
	}
	return false
}

// scope applies the limits to a scope.
func (l Limits) scope(s pcommon.InstrumentationScope, t *Tally) {
	text(s.Name(), s.SetName, t)
	text(s.Version(), s.SetVersion, t)
	l.attributes(s.Attributes(), t)
}
