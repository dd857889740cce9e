// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/strata-apm/strata/ingest/check"
)

// TestScan: what the checks would take out or change is never clean, and what they would keep as it is mostly is.
func TestScan(t *testing.T) {
	limits, sigs := check.DefaultLimits(), services()
	scanned := func(which int, body []byte, err error) bool {
		t.Helper()
		require.NoError(t, err)
		sc, err := scanBody(&sigs[which], body, limits, time.Now())
		require.NoError(t, err)
		return sc.clean
	}
	long := strings.Repeat("x", limits.AttributeBytes+1)
	for name, c := range map[string]struct {
		change func(plog.LogRecord)
		clean  bool
	}{
		"as it is":         {func(plog.LogRecord) {}, true},
		"long body":        {func(r plog.LogRecord) { r.Body().SetStr(long) }, true},
		"too long a body":  {func(r plog.LogRecord) { r.Body().SetStr(strings.Repeat("x", limits.LogBodyBytes+1)) }, false},
		"long attribute":   {func(r plog.LogRecord) { r.Attributes().PutStr("k", long) }, false},
		"coloured body":    {func(r plog.LogRecord) { r.Body().SetStr("\x1b[31mx") }, false},
		"coloured in it":   {func(r plog.LogRecord) { r.Body().SetEmptyMap().PutStr("k", "\x1b[31mx") }, false},
		"coloured level":   {func(r plog.LogRecord) { r.SetSeverityText("\x1b[31mx") }, false},
		"coloured string":  {func(r plog.LogRecord) { r.Attributes().PutStr("k", "\x1b[31mx") }, true},
		"severity":         {func(r plog.LogRecord) { r.SetSeverityNumber(25) }, false},
		"no time":          {func(r plog.LogRecord) { r.SetTimestamp(0) }, false},
		"observed time":    {func(r plog.LogRecord) { r.SetObservedTimestamp(r.Timestamp()); r.SetTimestamp(0) }, true},
		"span, no trace":   {func(r plog.LogRecord) { r.SetSpanID(pcommon.SpanID{1}) }, false},
		"trace and a span": {func(r plog.LogRecord) { r.SetSpanID(pcommon.SpanID{1}); r.SetTraceID(pcommon.TraceID{1}) }, true},
	} {
		ld := plog.NewLogs()
		r := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
		r.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
		c.change(r)
		body, err := (&plog.ProtoMarshaler{}).MarshalLogs(ld)
		require.Equal(t, c.clean, scanned(2, body, err), name)
	}
	for name, c := range map[string]struct {
		change func(ptrace.Span)
		clean  bool
	}{
		"as it is":    {func(ptrace.Span) {}, true},
		"no trace":    {func(s ptrace.Span) { s.SetTraceID(pcommon.TraceID{}) }, false},
		"no id":       {func(s ptrace.Span) { s.SetSpanID(pcommon.SpanID{}) }, false},
		"ends before": {func(s ptrace.Span) { s.SetEndTimestamp(1) }, false},
		"of 1970":     {func(s ptrace.Span) { s.SetStartTimestamp(1) }, false},
		"long name":   {func(s ptrace.Span) { s.SetName(long) }, false},
	} {
		req := traces(1, func(_ int, s ptrace.Span) { c.change(s) })
		body, err := req.MarshalProto()
		require.Equal(t, c.clean, scanned(1, body, err), name)
	}
	for name, c := range map[string]struct {
		change func(m pmetric.Metric, at pcommon.Timestamp)
		clean  bool
	}{
		"gauge": {func(m pmetric.Metric, at pcommon.Timestamp) { valued(m.SetEmptyGauge().DataPoints(), at) }, true},
		"without a value": {func(m pmetric.Metric, at pcommon.Timestamp) {
			m.SetEmptyGauge().DataPoints().AppendEmpty().SetTimestamp(at)
		}, false},
		"without a name": {func(m pmetric.Metric, at pcommon.Timestamp) {
			m.SetName("")
			valued(m.SetEmptyGauge().DataPoints(), at)
		}, false},
		"without a time":         {func(m pmetric.Metric, _ pcommon.Timestamp) { valued(m.SetEmptyGauge().DataPoints(), 0) }, false},
		"sum of no temporality":  {func(m pmetric.Metric, at pcommon.Timestamp) { valued(m.SetEmptySum().DataPoints(), at) }, false},
		"histogram":              {buckets(3, []uint64{1, 1, 1}, -1, 0), true},
		"without buckets":        {buckets(3, nil), true},
		"bound at infinity":      {buckets(3, []uint64{1, 1, 1}, 1, math.Inf(1)), false},
		"bounds NaN":             {buckets(3, []uint64{1, 1, 1}, 1, math.NaN()), false},
		"bound twice":            {buckets(3, []uint64{1, 1, 1}, 1, 1), false},
		"other count":            {buckets(4, []uint64{1, 1, 1}, 1, 2), false},
		"counts past 64 bits":    {buckets(1, []uint64{math.MaxUint64, 1, 1}, 1, 2), false},
		"summary":                {quantiles(0, 0.5, 0.99, 1), true},
		"quantile twice":         {quantiles(0.5, 0.9, 0.5), false},
		"quantile NaN":           {quantiles(0.5, math.NaN(), 0.9), false},
		"quantile above 1":       {quantiles(7), false},
		"quantile 0, both signs": {quantiles(0, math.Copysign(0, -1)), false},
	} {
		md := pmetric.NewMetrics()
		m := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
		m.SetName("m")
		c.change(m, pcommon.NewTimestampFromTime(time.Now()))
		body, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(md)
		require.Equal(t, c.clean, scanned(0, body, err), name)
	}
}

func buckets(count uint64, counts []uint64, bounds ...float64) func(pmetric.Metric, pcommon.Timestamp) {
	return func(m pmetric.Metric, at pcommon.Timestamp) {
		m.SetEmptyHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		p := m.Histogram().DataPoints().AppendEmpty()
		p.SetTimestamp(at)
		p.SetCount(count)
		p.BucketCounts().FromRaw(counts)
		p.ExplicitBounds().FromRaw(bounds)
	}
}

func quantiles(qs ...float64) func(pmetric.Metric, pcommon.Timestamp) {
	return func(m pmetric.Metric, at pcommon.Timestamp) {
		p := m.SetEmptySummary().DataPoints().AppendEmpty()
		p.SetTimestamp(at)
		for _, q := range qs {
			p.QuantileValues().AppendEmpty().SetQuantile(q)
		}
	}
}
