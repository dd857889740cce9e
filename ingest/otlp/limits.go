// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"errors"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/strata-apm/strata/ingest/intake"
)

// Reasons for which a record is taken out of a request; the ledger and the partial-success message use these words.
const (
	reasonInvalidID          = "invalid_id"
	reasonTooOld             = "too_old"
	reasonTooNew             = "too_far_in_future"
	reasonNoTime             = "no_timestamp"
	reasonTemporality        = "delta_temporality"
	reasonUnknownTemporality = "unknown_temporality"
	reasonNoValue            = "no_value"
	reasonNoName             = "no_name"
	reasonNoData             = "no_data_type"
	reasonTooMany            = "too_many_attributes"
	reasonTooLong            = "attribute_too_long"

	noteCut        = "values cut to the length limit"
	noteDropped    = "attributes dropped over the limit"
	noteNegative   = "spans that end before they start, stored with duration 0"
	noteNoTime     = "log records without a time, stored with the time of receipt"
	noteBadID      = "malformed trace or span ids, left out"
	noteBadNumber  = "numbers that are none of their field's, left out"
	noteBadLevel   = "severity numbers outside 0 to 24, stored as unspecified"
	noteBadTraceID = "log records with an invalid trace or span id, stored without it"
)

// maxSeverity is FATAL4, the highest severity number (opentelemetry-proto, SeverityNumber).
const maxSeverity = 24

// Limits bound one record. The zero value is not usable; take DefaultLimits.
type Limits struct {
	// Attributes a record, resource or scope may have. Spans and log records keep the first ones and count the rest as dropped;
	// data points over it are refused, because a series without some of its labels is another series.
	Attributes int `yaml:"attributes"`
	// AttributeBytes is the longest string value; longer ones are cut on a character boundary, in data points refused.
	AttributeBytes int `yaml:"attribute_bytes"`
	// LogBodyBytes is the longest log body; longer ones are cut.
	LogBodyBytes int `yaml:"log_body_bytes"`
	// KeepColours leaves the control sequences of terminals in log bodies and texts of levels.
	KeepColours bool `yaml:"keep_colours"`
	// TracesPast, LogsPast and MetricsPast say how old a record may be when it arrives.
	TracesPast  time.Duration `yaml:"traces_past"`
	LogsPast    time.Duration `yaml:"logs_past"`
	MetricsPast time.Duration `yaml:"metrics_past"`
	// Future says how far ahead of this machine's clock a record may be.
	Future time.Duration `yaml:"future"`
}

// DefaultLimits are the SDK's 128 attributes, values of 4 KiB, and Prometheus's ten minutes ahead.
func DefaultLimits() Limits {
	return Limits{
		Attributes: 128, AttributeBytes: 4 << 10, LogBodyBytes: 256 << 10,
		TracesPast: 15 * 24 * time.Hour, LogsPast: 15 * 24 * time.Hour, MetricsPast: 2 * time.Hour, Future: 10 * time.Minute,
	}
}

// Validate says which limit makes no sense.
func (l Limits) Validate() error {
	if l.Attributes < 1 || l.AttributeBytes < 16 || l.LogBodyBytes < 16 {
		return errors.New("limits: attributes must be at least 1, attribute_bytes and log_body_bytes at least 16")
	}
	if l.TracesPast <= 0 || l.LogsPast <= 0 || l.MetricsPast <= 0 || l.Future <= 0 {
		return errors.New("limits: traces_past, logs_past, metrics_past and future must be positive")
	}
	return nil
}

// window is the span of times a record may have.
type window struct{ from, to pcommon.Timestamp }

func newWindow(now time.Time, past, future time.Duration) window {
	return window{pcommon.NewTimestampFromTime(now.Add(-past)), pcommon.NewTimestampFromTime(now.Add(future))}
}

// reason says why t is refused, "" when it is not.
func (w window) reason(t pcommon.Timestamp) string {
	switch {
	case t < w.from:
		return reasonTooOld
	case t > w.to:
		return reasonTooNew
	default:
		return ""
	}
}

// clip cuts s to at most n bytes on a character boundary.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// limitAttributes keeps the first l.Attributes of m and cuts long values, which it names in AttrTruncated. It returns how many it dropped.
func (l Limits) limitAttributes(m pcommon.Map, t *intake.Tally) int {
	dropped, cut := l.limitMap(m, t)
	cut.put(m)
	return dropped
}

func (l Limits) limitMap(m pcommon.Map, t *intake.Tally) (dropped int, cut truncated) {
	if m.Len() > l.Attributes {
		kept := 0
		m.RemoveIf(func(string, pcommon.Value) bool {
			kept++
			return kept > l.Attributes
		})
		dropped = kept - l.Attributes
		t.Note(noteDropped, dropped)
	}
	for k, v := range m.All() {
		cut.add(k, l.limitValue(v, l.AttributeBytes, t))
	}
	return dropped, cut
}

// limitValue cuts long texts and bytes in v, and returns how many bytes the ones it cut had: 0 when there are none.
func (l Limits) limitValue(v pcommon.Value, maxBytes int, t *intake.Tally) (before int) {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		if len(v.Str()) > maxBytes {
			before = len(v.Str())
			v.SetStr(clip(v.Str(), maxBytes))
			t.Note(noteCut, 1)
		}
	case pcommon.ValueTypeBytes:
		if v.Bytes().Len() > maxBytes {
			before = v.Bytes().Len()
			v.Bytes().FromRaw(v.Bytes().AsRaw()[:maxBytes])
			t.Note(noteCut, 1)
		}
	case pcommon.ValueTypeMap:
		_, cut := l.limitMap(v.Map(), t)
		before = cut.bytes
	case pcommon.ValueTypeSlice:
		for i, s := 0, v.Slice(); i < s.Len(); i++ {
			before += l.limitValue(s.At(i), maxBytes, t)
		}
	default: // Numbers, booleans and the empty value are small.
	}
	return before
}

// labelReason says why the attributes of a data point cannot be labels, "" when they can.
func (l Limits) labelReason(m pcommon.Map) string {
	if m.Len() > l.Attributes {
		return reasonTooMany
	}
	for k, v := range m.All() {
		if len(k) > l.AttributeBytes || (v.Type() == pcommon.ValueTypeStr && len(v.Str()) > l.AttributeBytes) {
			return reasonTooLong
		}
	}
	return ""
}
