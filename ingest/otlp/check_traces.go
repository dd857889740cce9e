// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/strata-apm/strata/ingest/intake"
)

// checkTraces takes invalid spans out of td and applies the limits to the rest.
func (l Limits) checkTraces(td ptrace.Traces, now time.Time) intake.Tally {
	var t intake.Tally
	w := newWindow(now, l.TracesPast, l.Future)
	td.ResourceSpans().RemoveIf(func(rs ptrace.ResourceSpans) bool {
		l.limitAttributes(rs.Resource().Attributes(), &t)
		rs.ScopeSpans().RemoveIf(func(ss ptrace.ScopeSpans) bool {
			l.limitAttributes(ss.Scope().Attributes(), &t)
			t.Items += ss.Spans().Len()
			ss.Spans().RemoveIf(func(s ptrace.Span) bool { return l.rejectSpan(s, w, &t) })
			return ss.Spans().Len() == 0
		})
		return rs.ScopeSpans().Len() == 0
	})
	return t
}

func (l Limits) rejectSpan(s ptrace.Span, w window, t *intake.Tally) bool {
	reason := w.reason(s.StartTimestamp())
	if s.TraceID().IsEmpty() || s.SpanID().IsEmpty() {
		reason = reasonInvalidID
	}
	if reason != "" {
		t.Reject(reason, 1)
		return true
	}
	if s.EndTimestamp() < s.StartTimestamp() {
		s.SetEndTimestamp(s.StartTimestamp())
		t.Note(noteNegative, 1)
	}
	var cut truncated
	if len(s.Name()) > l.AttributeBytes {
		cut.add("name", len(s.Name()))
		s.SetName(clip(s.Name(), l.AttributeBytes))
		t.Note(noteCut, 1)
	}
	if n := l.limitAttributes(s.Attributes(), t); n > 0 {
		s.SetDroppedAttributesCount(s.DroppedAttributesCount() + uint32(n)) //nolint:gosec // Bounded by the body.
	}
	cut.put(s.Attributes())
	for i := range s.Events().Len() {
		l.limitAttributes(s.Events().At(i).Attributes(), t)
	}
	for i := range s.Links().Len() {
		l.limitAttributes(s.Links().At(i).Attributes(), t)
	}
	return false
}
