// SPDX-License-Identifier: Apache-2.0

package searchtest

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/strata-apm/strata/signal"
)

var errNoArrow = errors.New("the query has no =>")

// reader makes sections of lines.
type reader struct {
	start    time.Time
	sections []*Section
	record   target
}

// target is the record that lines fill.
type target struct {
	resource, attrs pcommon.Map
	scope           pcommon.InstrumentationScope
	log             plog.LogRecord
	span            ptrace.Span
	isSpan          bool
}

func (r *reader) line(line string) error {
	line = strings.TrimSpace(line)
	word, rest, _ := strings.Cut(line, " ")
	if word == "" || strings.HasPrefix(word, "#") {
		return nil
	}
	if word == "==" {
		s := &Section{Name: rest, Signal: signal.Logs, Start: r.start.Add(time.Duration(len(r.sections)) * time.Minute), Logs: plog.NewLogs(), Traces: ptrace.NewTraces()}
		if strings.HasPrefix(rest, "spans") {
			s.Signal = signal.Traces
		}
		r.sections = append(r.sections, s)
		return nil
	}
	if len(r.sections) == 0 {
		return errors.New("the line is in no section")
	}
	s := r.sections[len(r.sections)-1]
	switch word {
	case "record":
		r.record = s.add(rest)
		return nil
	case "query", "quoted":
		c, err := cutQuery(line)
		s.cases = append(s.cases, c)
		return err
	default:
		return r.record.fill(word, strings.TrimSpace(rest))
	}
}

// add appends a record. A span has an id and a trace of its own unless lines say otherwise.
func (s *Section) add(name string) target {
	at := pcommon.NewTimestampFromTime(s.Start.Add(time.Duration(len(s.names)) * time.Second))
	s.names = append(s.names, name)
	if s.Signal == signal.Logs {
		rl := s.Logs.ResourceLogs().AppendEmpty()
		sl := rl.ScopeLogs().AppendEmpty()
		rec := sl.LogRecords().AppendEmpty()
		rec.SetTimestamp(at)
		return target{resource: rl.Resource().Attributes(), attrs: rec.Attributes(), scope: sl.Scope(), log: rec}
	}
	rs := s.Traces.ResourceSpans().AppendEmpty()
	ss := rs.ScopeSpans().AppendEmpty()
	sp := ss.Spans().AppendEmpty()
	n, section := byte(len(s.names)), byte(s.Start.Minute()) //nolint:gosec // A script has few records.
	sp.SetTraceID(pcommon.TraceID{0: 1, 1: section, 15: n})
	sp.SetSpanID(pcommon.SpanID{0: 1, 7: n})
	sp.SetStartTimestamp(at)
	sp.SetEndTimestamp(at)
	return target{resource: rs.Resource().Attributes(), attrs: sp.Attributes(), scope: ss.Scope(), span: sp, isSpan: true}
}

// fill sets a field of a record.
func (r *target) fill(field, rest string) error {
	switch field {
	case "resource":
		return put(r.resource, rest)
	case "attr":
		return put(r.attrs, rest)
	case "body":
		return setValue(r.log.Body(), rest)
	case "many":
		return r.many(rest)
	}
	text := rest
	if strings.HasPrefix(rest, `"`) {
		var err error
		if text, err = strconv.Unquote(rest); err != nil {
			return err
		}
	}
	switch field {
	case "scope":
		r.scope.SetName(text)
	case "event":
		if r.isSpan {
			r.span.Events().AppendEmpty().SetName(text)
		} else {
			r.log.SetEventName(text)
		}
	case "severity":
		n, err := strconv.Atoi(text)
		r.log.SetSeverityNumber(plog.SeverityNumber(n)) //nolint:gosec // A test's small number.
		return err
	case "severity_text":
		r.log.SetSeverityText(text)
	case "name":
		r.span.SetName(text)
	default:
		return r.fillSpan(field, text)
	}
	return nil
}

// many appends an attribute of a line "key n" that is a map of n values, k0 to the last, each its own number.
func (r *target) many(line string) error {
	key, count, _ := strings.Cut(line, " ")
	n, err := strconv.Atoi(count)
	m := r.attrs.PutEmptyMap(key)
	for i := range n {
		m.PutInt("k"+strconv.Itoa(i), int64(i))
	}
	return err
}

func (r *target) fillSpan(field, text string) error {
	switch field {
	case "kind":
		n, err := strconv.Atoi(text)
		r.span.SetKind(ptrace.SpanKind(n)) //nolint:gosec // A test's small number.
		return err
	case "status":
		n, err := strconv.Atoi(text)
		r.span.Status().SetCode(ptrace.StatusCode(n)) //nolint:gosec // A test's small number.
		return err
	case "duration":
		d, err := time.ParseDuration(text)
		r.span.SetEndTimestamp(pcommon.NewTimestampFromTime(r.span.StartTimestamp().AsTime().Add(d)))
		return err
	case "trace", "span", "parent":
		return r.fillID(field, text)
	default:
		return fmt.Errorf("there is no field %q", field)
	}
}

func (r *target) fillID(field, digits string) error {
	b, err := hex.DecodeString(digits)
	switch {
	case err != nil:
		return err
	case field == "trace" && len(b) != 16 || field != "trace" && len(b) != 8:
		return errors.New("the id has another length")
	case field == "trace" && r.isSpan:
		r.span.SetTraceID(pcommon.TraceID(b))
	case field == "trace":
		r.log.SetTraceID(pcommon.TraceID(b))
	case field == "parent":
		r.span.SetParentSpanID(pcommon.SpanID(b))
	case r.isSpan:
		r.span.SetSpanID(pcommon.SpanID(b))
	default:
		r.log.SetSpanID(pcommon.SpanID(b))
	}
	return nil
}

// put appends the attribute of a line "key value" to a map, which may have the key already.
func put(m pcommon.Map, line string) error {
	key, value, _ := strings.Cut(line, " ")
	if strings.HasPrefix(line, `"`) {
		quoted, err := strconv.QuotedPrefix(line)
		if err != nil {
			return err
		}
		if key, err = strconv.Unquote(quoted); err != nil {
			return err
		}
		value = line[len(quoted):]
	}
	v := pcommon.NewValueEmpty()
	if err := setValue(v, strings.TrimSpace(value)); err != nil {
		return err
	}
	return putAgain(m, key, v)
}

// putAgain appends a key that may be there: Map has no method for it, a decoder of OTLP does it.
func putAgain(m pcommon.Map, key string, v pcommon.Value) error {
	const mark = "\x00again"
	if _, ok := m.Get(key); !ok {
		v.CopyTo(m.PutEmpty(key))
		return nil
	}
	v.CopyTo(m.PutEmpty(mark))
	td := ptrace.NewTraces()
	m.CopyTo(td.ResourceSpans().AppendEmpty().Resource().Attributes())
	td.ResourceSpans().At(0).ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	b, err := (&ptrace.JSONMarshaler{}).MarshalTraces(td)
	if err != nil {
		return err
	}
	before, err := json.Marshal(mark)
	if err != nil {
		return err
	}
	after, err := json.Marshal(key)
	if err != nil {
		return err
	}
	again, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces([]byte(strings.ReplaceAll(string(b), string(before), string(after))))
	if err != nil {
		return err
	}
	again.ResourceSpans().At(0).Resource().Attributes().MoveTo(m)
	return nil
}

// setValue sets a value to what a Go string or JSON says.
func setValue(v pcommon.Value, text string) error {
	if strings.HasPrefix(text, `"`) {
		s, err := strconv.Unquote(text)
		v.SetStr(s)
		return err
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	return decode(v, d)
}

func decode(v pcommon.Value, d *json.Decoder) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	switch token := token.(type) {
	case string:
		v.SetStr(token)
	case bool:
		v.SetBool(token)
	case json.Number:
		if n, err := token.Int64(); err == nil {
			v.SetInt(n)
			return nil
		}
		f, err := token.Float64()
		v.SetDouble(f)
		return err
	case json.Delim:
		return decodeMany(v, d, token)
	}
	return nil
}

func decodeMany(v pcommon.Value, d *json.Decoder, open json.Delim) error {
	if open == '[' {
		list := v.SetEmptySlice()
		for d.More() {
			if err := decode(list.AppendEmpty(), d); err != nil {
				return err
			}
		}
	} else {
		m := v.SetEmptyMap()
		for d.More() {
			key, err := d.Token()
			if err != nil {
				return err
			}
			element := pcommon.NewValueEmpty()
			if err := decode(element, d); err != nil {
				return err
			}
			if err := putAgain(m, fmt.Sprint(key), element); err != nil {
				return err
			}
		}
	}
	_, err := d.Token()
	return err
}
