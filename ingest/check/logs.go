// SPDX-License-Identifier: Apache-2.0

package check

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/strata-apm/strata/ansi"
	"github.com/strata-apm/strata/signal"
)

// Logs takes records outside the time window out of ld and applies the limits to the rest.
func (l Limits) Logs(ld plog.Logs, now time.Time) Tally {
	var t Tally
	w := l.Window(signal.Logs, now)
	ld.ResourceLogs().RemoveIf(func(rl plog.ResourceLogs) bool {
		l.attributes(rl.Resource().Attributes(), &t)
		text(rl.SchemaUrl(), rl.SetSchemaUrl, &t)
		rl.ScopeLogs().RemoveIf(func(sl plog.ScopeLogs) bool {
			l.scope(sl.Scope(), &t)
			text(sl.SchemaUrl(), sl.SetSchemaUrl, &t)
			t.Items += sl.LogRecords().Len()
			sl.LogRecords().RemoveIf(func(r plog.LogRecord) bool { return l.rejectRecord(r, w, now, &t) })
			return sl.LogRecords().Len() == 0
		})
		return rl.ScopeLogs().Len() == 0
	})
	return t
}

func (l Limits) rejectRecord(r plog.LogRecord, w Window, now time.Time, t *Tally) bool {
	if r.Timestamp() == 0 && r.ObservedTimestamp() == 0 {
		r.SetObservedTimestamp(pcommon.NewTimestampFromTime(now))
		t.Note(NoteNoTime, 1)
	}
	at := r.Timestamp()
	if at == 0 { // The data model: use the observed time where the event's own is unknown.
		at = r.ObservedTimestamp()
	}
	if reason := w.Reason(at); reason != "" {
		t.Reject(reason, 1)
		return true
	}
	// An invalid id means the record is not associated with a span (opentelemetry-proto, LogRecord.trace_id).
	if r.TraceID().IsEmpty() && !r.SpanID().IsEmpty() {
		r.SetSpanID(pcommon.SpanID{})
		t.Note(NoteBadTraceID, 1)
	}
	if n := r.SeverityNumber(); n < 0 || n > MaxSeverity {
		r.SetSeverityNumber(plog.SeverityNumberUnspecified)
		t.Note(NoteBadLevel, 1)
	}
	if n := l.attributes(r.Attributes(), t); n > 0 {
		r.SetDroppedAttributesCount(r.DroppedAttributesCount() + uint32(n)) //nolint:gosec // Bounded by the body.
	}
	text(r.SeverityText(), r.SetSeverityText, t)
	text(r.EventName(), r.SetEventName, t)
	if !l.KeepColours {
		if level := ansi.Strip(r.SeverityText()); level != r.SeverityText() {
			r.SetSeverityText(level)
			t.Changed = true
		}
		t.Changed = stripColours(r.Body()) || t.Changed
	}
	var cut truncated
	cut.add("body", l.value(r.Body(), l.LogBodyBytes, 0, t))
	cut.put(r.Attributes())
	return false
}

// stripColours takes the control sequences of terminals out of every text in a body, and says whether there were any.
func stripColours(v pcommon.Value) (changed bool) {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		s := ansi.Strip(v.Str())
		if changed = s != v.Str(); changed {
			v.SetStr(s)
		}
	case pcommon.ValueTypeMap:
		for _, e := range v.Map().All() {
			changed = stripColours(e) || changed
		}
	case pcommon.ValueTypeSlice:
		for _, e := range v.Slice().All() {
			changed = stripColours(e) || changed
		}
	default: // Nothing else is text.
	}
	return changed
}
