// SPDX-License-Identifier: Apache-2.0

package intake_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/grpc/codes"

	"github.com/strata-apm/strata/ingest/bus"
	"github.com/strata-apm/strata/ingest/check"
	"github.com/strata-apm/strata/ingest/intake"
	"github.com/strata-apm/strata/ingest/intaketest"
	"github.com/strata-apm/strata/ingest/split"
	"github.com/strata-apm/strata/internal/ledger"
	"github.com/strata-apm/strata/signal"
	"github.com/strata-apm/strata/tenant"
)

// sample is one record.
func sample(name string, at time.Time) intaketest.Record {
	return intaketest.Record{Name: name, Service: "shop", Time: at, Attributes: []intaketest.Attribute{{Key: "k", Value: "v"}}}
}

// submitter submits records of one signal.
type submitter func(context.Context, *intake.Intake, intake.Decoded, ...intaketest.Record) (check.Tally, error)

func submitters() map[signal.Signal]submitter {
	return map[signal.Signal]submitter{
		signal.Metrics: func(ctx context.Context, in *intake.Intake, d intake.Decoded, recs ...intaketest.Record) (check.Tally, error) {
			return in.SubmitMetrics(ctx, intaketest.Metrics(recs...), d)
		},
		signal.Traces: func(ctx context.Context, in *intake.Intake, d intake.Decoded, recs ...intaketest.Record) (check.Tally, error) {
			return in.SubmitTraces(ctx, intaketest.Traces(recs...), d)
		},
		signal.Logs: func(ctx context.Context, in *intake.Intake, d intake.Decoded, recs ...intaketest.Record) (check.Tally, error) {
			return in.SubmitLogs(ctx, intaketest.Logs(recs...), d)
		},
	}
}

// encoded is a request of the records.
func encoded(t *testing.T, s signal.Signal, recs ...intaketest.Record) []byte {
	t.Helper()
	var b []byte
	var err error
	switch s {
	case signal.Metrics:
		b, err = (&pmetric.ProtoMarshaler{}).MarshalMetrics(intaketest.Metrics(recs...))
	case signal.Traces:
		b, err = (&ptrace.ProtoMarshaler{}).MarshalTraces(intaketest.Traces(recs...))
	default:
		b, err = (&plog.ProtoMarshaler{}).MarshalLogs(intaketest.Logs(recs...))
	}
	require.NoError(t, err)
	return b
}

// TestSubmit: what is submitted is checked, encoded, keyed, put on the bus under its source, and counted.
func TestSubmit(t *testing.T) {
	for s, submit := range submitters() {
		in, b := intaketest.New(t, nil)
		now := time.Now()
		good, old := sample("good", now), sample("old", time.Unix(1, 0))
		ctx := intake.WithSource(t.Context(), "agent")
		tally, err := submit(ctx, in, intake.Decoded{}, good, old)
		require.NoError(t, err)
		require.Equal(t, check.Tally{Items: 2, Rejected: map[string]int{check.ReasonTooOld: 1}}, tally, s)
		recs := b.Records(s.Topic())
		require.Len(t, recs, 1)
		require.Equal(t, encoded(t, s, good), recs[0].Value)
		require.Equal(t, split.Key(s, recs[0].Value), recs[0].Key)
		require.NotEmpty(t, recs[0].Key)
		source, n, ours := intake.RecordItem(recs[0].Headers)
		require.True(t, ours)
		require.Equal(t, "agent", source)
		require.Equal(t, int64(1), n)
		rows := b.Ledger.Rows(now.Add(-time.Minute), now.Add(time.Minute))
		require.Len(t, rows, 1)
		require.Equal(t, "agent", rows[0].Source)
		require.Equal(t, ledger.Counts{Received: 2, Accepted: 1, Refused: map[string]int64{check.ReasonTooOld: 1}}, rows[0].Counts)
	}
}

// TestSubmitWhatTheDecoderFound: its losses are counted among the request's, and a request of which nothing is left goes nowhere.
func TestSubmitWhatTheDecoderFound(t *testing.T) {
	for s, submit := range submitters() {
		in, b := intaketest.New(t, nil)
		found := intake.Decoded{Found: check.Tally{Items: 2, Rejected: map[string]int{"unreadable": 2}, Notes: map[string]int{"odd": 1}}}
		tally, err := submit(t.Context(), in, found, sample("good", time.Now()))
		require.NoError(t, err)
		require.Equal(t, check.Tally{Items: 3, Rejected: map[string]int{"unreadable": 2}, Notes: map[string]int{"odd": 1}}, tally)
		require.Equal(t, 1, b.Len())
		tally, err = submit(t.Context(), in, found)
		require.NoError(t, err)
		require.Equal(t, 0, tally.Kept())
		require.Equal(t, 1, b.Len())
		require.Equal(t, ledger.Counts{Received: 5, Accepted: 1, Refused: map[string]int64{"unreadable": 4}}, b.Ledger.Totals()[s])
		tally, err = submit(t.Context(), in, intake.Decoded{})
		require.NoError(t, err)
		require.Equal(t, check.Tally{}, tally)
		require.Equal(t, 1, b.Len())
	}
}

// TestSubmitKeepsTheBody: a body in OTLP goes on the bus to the byte, unless the checks or the decoder changed something.
func TestSubmitKeepsTheBody(t *testing.T) {
	for s, submit := range submitters() {
		good := sample("good", time.Now())
		body := append(encoded(t, s, good), 0xfa, 0x3f, 2, 'h', 'i') // An unknown field, which encoding anew would lose.
		for name, c := range map[string]struct {
			decoded intake.Decoded
			more    []intaketest.Record
			kept    bool
		}{
			"clean":                 {intake.Decoded{Body: body}, nil, true},
			"the decoder changed":   {intake.Decoded{Body: body, Found: check.Tally{Changed: true}}, nil, false},
			"the decoder noted":     {intake.Decoded{Body: body, Found: check.Tally{Notes: map[string]int{"x": 1}}}, nil, false},
			"one record is refused": {intake.Decoded{Body: body}, []intaketest.Record{sample("old", time.Unix(1, 0))}, false},
		} {
			in, b := intaketest.New(t, nil)
			_, err := submit(t.Context(), in, c.decoded, append([]intaketest.Record{good}, c.more...)...)
			require.NoError(t, err)
			want := encoded(t, s, good)
			if c.kept {
				want = body
			}
			require.Equal(t, want, b.Records(s.Topic())[0].Value, "%s, %s", s, name)
		}
	}
}

// TestSubmitRefused: of a request that the bus does not take every record is counted as refused, those the checks had taken out too.
func TestSubmitRefused(t *testing.T) {
	in, b := intaketest.New(t, nil)
	b.Fail(fmt.Errorf("test: %w", bus.ErrFull))
	_, err := submitters()[signal.Logs](t.Context(), in, intake.Decoded{}, sample("good", time.Now()), sample("old", time.Unix(1, 0)))
	require.ErrorIs(t, err, bus.ErrFull)
	require.ErrorContains(t, err, "put 1 logs on the bus")
	require.Equal(t, ledger.Counts{Received: 2, Refused: map[string]int64{"bus_full": 2}}, b.Ledger.Totals()[signal.Logs])
}

// seriesBound has room for a number of series, and knows none.
type seriesBound struct{ full bool }

func (b seriesBound) Full() bool                              { return b.full }
func (seriesBound) Known(context.Context, labels.Labels) bool { return false }
func (seriesBound) RemoveNew(_ context.Context, md pmetric.Metrics) int {
	n := md.DataPointCount()
	md.ResourceMetrics().RemoveIf(func(pmetric.ResourceMetrics) bool { return true })
	return n
}

func TestSeries(t *testing.T) {
	in, _ := intaketest.New(t, nil)
	require.False(t, in.SeriesFull())
	require.Nil(t, in.Series())
	for _, full := range []bool{false, true} {
		in, b := intaketest.New(t, func(o *intake.Options) { o.Series = seriesBound{full} })
		require.Equal(t, full, in.SeriesFull())
		require.False(t, in.Series().Known(t.Context(), labels.EmptyLabels()))
		tally, err := in.SubmitMetrics(t.Context(), intaketest.Metrics(sample("m", time.Now())), intake.Decoded{})
		require.NoError(t, err)
		if full {
			require.Equal(t, map[string]int{check.ReasonSeriesLimit: 1}, tally.Rejected)
			require.Zero(t, b.Len())
		} else {
			require.True(t, tally.Clean())
			require.Equal(t, 1, b.Len())
		}
	}
}

// parts is a bus of two partitions, by the last byte of the key.
type parts struct{ max int }

func (parts) Partitions(string) int             { return 2 }
func (parts) PartitionOf(key []byte, n int) int { return int(key[len(key)-1]) % n }
func (p parts) MaxRecordBytes() int             { return p.max }
func (p parts) layout(o *intake.Options)        { o.Layout = p }
func spanOf(s ptrace.Span, trace byte, at time.Time) {
	s.SetTraceID(pcommon.TraceID{15: trace})
	s.SetSpanID(pcommon.SpanID{1})
	s.SetStartTimestamp(pcommon.NewTimestampFromTime(at))
	s.SetEndTimestamp(s.StartTimestamp())
}

// TestCut: a request is cut where the bus has partitions; the records say how many spans each has, and the key of each leads to its partition.
func TestCut(t *testing.T) {
	in, b := intaketest.New(t, parts{1 << 20}.layout)
	require.Equal(t, parts{1 << 20}, in.Layout())
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for i := range byte(5) {
		spanOf(spans.AppendEmpty(), i+1, time.Now())
	}
	tally, err := in.SubmitTraces(t.Context(), td, intake.Decoded{})
	require.NoError(t, err)
	require.Equal(t, check.Tally{Items: 5}, tally)
	recs, items := b.Records(signal.Traces.Topic()), map[int]int64{}
	require.Len(t, recs, 2)
	for _, r := range recs {
		_, n, _ := intake.RecordItem(r.Headers)
		items[parts{}.PartitionOf(r.Key, 2)] += n
	}
	require.Equal(t, map[int]int64{0: 2, 1: 3}, items)

	in, b = intaketest.New(t, parts{40}.layout)
	tally, err = in.SubmitLogs(t.Context(), intaketest.Logs(sample("a log record that is larger than forty bytes", time.Now())), intake.Decoded{})
	require.NoError(t, err)
	require.Equal(t, check.Tally{Items: 1, Rejected: map[string]int{check.ReasonRecordSize: 1}}, tally)
	require.Zero(t, b.Len())

	_, err = in.Accept(t.Context(), intake.Request{Signal: signal.Traces, Body: []byte{0xff, 0xff}, Tally: check.Tally{Items: 1}})
	require.ErrorIs(t, err, intake.ErrMalformed)
}

// TestAcceptOtherForms: parts of a form of their own go to their topic as they are, under the name of the form.
func TestAcceptOtherForms(t *testing.T) {
	in, b := intaketest.New(t, parts{1}.layout)
	req := intake.Request{
		Signal: signal.Metrics, Topic: "other", Format: "form", Tally: check.Tally{Items: 3},
		Parts: []split.Part{{Key: []byte("a"), Body: []byte("one"), Items: 1}, {Key: []byte("b"), Body: []byte("two"), Items: 2}},
	}
	_, err := in.Accept(t.Context(), req)
	require.NoError(t, err)
	recs := b.Records("other")
	require.Len(t, recs, 2)
	require.Equal(t, "two", string(recs[1].Value))
	require.Contains(t, recs[1].Headers, bus.Header{Key: intake.HeaderFormat, Value: "form"})
	require.Zero(t, b.Ledger.Totals()[signal.Metrics].Resent)
	req.Parts[0], req.Parts[1] = req.Parts[1], req.Parts[0]
	_, err = in.Accept(t.Context(), req)
	require.NoError(t, err)
	require.Equal(t, int64(3), b.Ledger.Totals()[signal.Metrics].Resent, "the order of parts is none of the request")
	req.Parts = req.Parts[:1]
	_, err = in.Accept(t.Context(), req)
	require.NoError(t, err)
	require.Equal(t, int64(3), b.Ledger.Totals()[signal.Metrics].Resent, "another request")
}

// TestResentAfterTheClientLeft: the bus may have kept what was on its way when the client left.
func TestResentAfterTheClientLeft(t *testing.T) {
	in, b := intaketest.New(t, nil)
	ctx, leave := context.WithCancel(t.Context())
	b.Before(func(context.Context, []bus.Record) error { leave(); return context.Canceled })
	good := sample("good", time.Now())
	_, err := in.SubmitLogs(ctx, intaketest.Logs(good), intake.Decoded{})
	require.ErrorIs(t, err, context.Canceled)
	b.Before(nil)
	_, err = in.SubmitLogs(t.Context(), intaketest.Logs(good), intake.Decoded{})
	require.NoError(t, err)
	require.Equal(t, ledger.Counts{Received: 2, Accepted: 1, Refused: map[string]int64{"client_left": 1}, Resent: 1}, b.Ledger.Totals()[signal.Logs])
}

// TestNow: records are checked by the clock that was handed in.
func TestNow(t *testing.T) {
	at := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
	in, _ := intaketest.New(t, func(o *intake.Options) { o.Now = func() time.Time { return at } })
	require.Equal(t, at, in.Now())
	tally, err := in.SubmitLogs(t.Context(), intaketest.Logs(sample("then", at), sample("now", time.Now())), intake.Decoded{})
	require.NoError(t, err)
	require.Equal(t, map[string]int{check.ReasonTooNew: 1}, tally.Rejected)
}

// TestTenant: a record says whose it is, unless it is the default tenant's, and the same bytes of two tenants are two requests.
func TestTenant(t *testing.T) {
	in, b := intaketest.New(t, nil)
	good := sample("good", time.Now())
	for _, owner := range []tenant.ID{"", tenant.Default, "shop"} {
		_, err := in.SubmitLogs(tenant.NewContext(t.Context(), owner), intaketest.Logs(good), intake.Decoded{})
		require.NoError(t, err)
		recs := b.Records(signal.Logs.Topic())
		last := recs[len(recs)-1]
		got, err := intake.RecordTenant(last.Headers)
		require.NoError(t, err)
		require.Equal(t, owner.OrDefault(), got)
		require.Equal(t, owner == "shop", slices.ContainsFunc(last.Headers, func(h bus.Header) bool { return h.Key == intake.HeaderTenant }))
	}
	require.Equal(t, int64(1), b.Ledger.Totals()[signal.Logs].Resent)
	_, err := intake.RecordTenant([]bus.Header{{Key: intake.HeaderTenant, Value: "../x"}})
	require.ErrorIs(t, err, tenant.ErrInvalid)
}

func TestRecordItem(t *testing.T) {
	for name, c := range map[string]struct {
		headers []bus.Header
		source  string
		items   int64
		ours    bool
	}{
		"ours":       {[]bus.Header{{Key: intake.HeaderSource, Value: "a"}, {Key: intake.HeaderItems, Value: "7"}}, "a", 7, true},
		"another's":  {[]bus.Header{{Key: "x", Value: "7"}}, "kafka", 0, false},
		"no headers": {nil, "kafka", 0, false},
		"no number":  {[]bus.Header{{Key: intake.HeaderItems, Value: "many"}}, "kafka", 0, false},
	} {
		source, n, ours := intake.RecordItem(c.headers)
		require.Equal(t, []any{c.source, c.items, c.ours}, []any{source, n, ours}, name)
	}
	require.Equal(t, intake.DefaultSource, intake.Source(t.Context()))
	require.Equal(t, intake.DefaultSource, intake.Source(intake.WithSource(t.Context(), "")))
}

// TestAnswers is the table from errors to statuses: only what may be sent again says when.
func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		err    error
		http   int
		grpc   codes.Code
		after  time.Duration
		reason string
	}{
		{intake.ErrMalformed, 400, codes.InvalidArgument, 0, "bus_unavailable"},
		{intake.ErrTooLarge, 413, codes.ResourceExhausted, 0, "bus_unavailable"},
		{bus.ErrTooLarge, 413, codes.ResourceExhausted, 0, "too_large"},
		{intake.ErrUnsupported, 415, codes.InvalidArgument, 0, "bus_unavailable"},
		{bus.ErrFull, 429, codes.ResourceExhausted, intake.RetryAfter, "bus_full"},
		{&intake.ThrottledError{After: 1500 * time.Millisecond}, 429, codes.ResourceExhausted, 1500 * time.Millisecond, "bus_unavailable"},
		{intake.ErrBusy, 503, codes.Unavailable, intake.RetryAfter, "bus_unavailable"},
		{bus.ErrUnavailable, 503, codes.Unavailable, intake.RetryAfter, "bus_unavailable"},
		{bus.ErrFailed, 503, codes.Unavailable, intake.RetryAfter, "bus_unavailable"},
		{context.Canceled, 503, codes.Canceled, intake.RetryAfter, "client_left"},
		{context.DeadlineExceeded, 503, codes.DeadlineExceeded, intake.RetryAfter, "client_left"},
		{errors.New("unforeseen"), 503, codes.Unavailable, intake.RetryAfter, "bus_unavailable"},
	} {
		err := fmt.Errorf("wrapped: %w", c.err)
		require.Equal(t, intake.Answer{HTTP: c.http, GRPC: c.grpc, RetryAfter: c.after}, intake.AnswerOf(err), c.err)
		require.Equal(t, c.reason, intake.Reason(err), c.err)
		st := intake.Status(err)
		require.Equal(t, c.grpc, st.Code())
		require.Equal(t, err.Error(), st.Message())
		require.Equal(t, c.after > 0, len(st.Details()) == 1, c.err)
		h := http.Header{}
		intake.AnswerOf(err).SetRetryAfter(h)
		require.Equal(t, map[time.Duration]string{0: "", 1500 * time.Millisecond: "2", intake.RetryAfter: "5"}[c.after], h.Get("Retry-After"))
	}
}

func TestConfig(t *testing.T) {
	require.NoError(t, intake.DefaultConfig().Validate())
	for want, change := range map[string]func(*intake.Config){
		"intake: max_body_bytes":     func(c *intake.Config) { c.MaxBodyBytes = 1 },
		"in_flight_bytes":            func(c *intake.Config) { c.InFlightBytes = c.MaxBodyBytes - 1 },
		"intake.limits: attributes":  func(c *intake.Config) { c.Limits.Attributes = 0 },
		"intake.limits: traces_past": func(c *intake.Config) { c.Limits.Future = 0 },
	} {
		c := intake.DefaultConfig()
		change(&c)
		require.ErrorContains(t, c.Validate(), want)
	}
}
