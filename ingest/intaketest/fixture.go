// SPDX-License-Identifier: Apache-2.0

package intaketest

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/ingest/intake"
	"github.com/strata-apm/strata/internal/ledger"
	"github.com/strata-apm/strata/signal"
)

// fixture is one row of the suite: a server of the protocol before an empty bus.
type fixture struct {
	Protocol
	intake *intake.Intake
	bus    *Bus
	sender Sender
	begin  time.Time
}

func newFixture(t *testing.T, p Protocol, change func(*intake.Options)) *fixture {
	t.Helper()
	if p.Topic == "" {
		p.Topic = p.Signal.Topic()
	}
	if p.Decode == nil {
		p.Decode = func(tb testing.TB, body []byte) []Record { tb.Helper(); return decode(tb, p.Signal, body) }
	}
	f := &fixture{Protocol: p, begin: time.Now()}
	f.intake, f.bus = New(t, change)
	f.sender = p.Serve(t, f.intake)
	return f
}

// again is a fixture of the same protocol whose intake is made otherwise.
func (f *fixture) again(t *testing.T, change func(*intake.Options)) *fixture {
	t.Helper()
	return newFixture(t, f.Protocol, change)
}

// records are n good records.
func records(n int) []Record {
	recs := make([]Record, n)
	for i := range recs {
		recs[i] = Record{
			Name: fmt.Sprintf("record_%03d", i), Service: fmt.Sprintf("service_%d", i%7), Time: time.Now().Truncate(time.Millisecond), Value: float64(i),
			Attributes: []Attribute{{"color", "red"}, {"shape", strconv.Itoa(i)}},
		}
	}
	return recs
}

// request is a body in the coding that the protocol always has, if it has one.
func (f *fixture) request(t *testing.T, body []byte) Request {
	t.Helper()
	if !f.Coded {
		return Request{Body: body}
	}
	return Request{Body: f.Codings[0].Encode(t, body), Coding: f.Codings[0].Name}
}

// send sends a request and returns its answer.
func (f *fixture) send(t *testing.T, r Request) Answer {
	t.Helper()
	a, err := f.sender(t.Context(), r)
	require.NoError(t, err)
	require.NotEqual(t, Other, a.Verdict, a.Status)
	return a
}

// sendRecords sends good and bad records in one request.
func (f *fixture) sendRecords(t *testing.T, recs ...Record) Answer {
	t.Helper()
	return f.send(t, f.request(t, f.Encode(t, recs...)))
}

// refuses sends a request that must have the verdict, must not be asked for again, and must leave nothing on the bus.
func (f *fixture) refuses(t *testing.T, want Verdict, r Request) {
	t.Helper()
	a := f.send(t, r)
	require.Equal(t, want, a.Verdict, a.Status)
	require.Zero(t, a.RetryAfter, a.Status)
	require.Zero(t, f.bus.Len())
}

// arrived are the records on the bus, all of them, by name.
func (f *fixture) arrived(t *testing.T) map[string]Record {
	t.Helper()
	out := map[string]Record{}
	for _, rec := range f.bus.Records(f.Topic) {
		_, items, ok := intake.RecordItem(rec.Headers)
		require.True(t, ok)
		found := f.Decode(t, rec.Value)
		require.Len(t, found, int(items), "the headers of a record count what is in it")
		for _, r := range found {
			require.NotContains(t, out, r.Name, "twice on the bus")
			out[r.Name] = r
		}
	}
	return out
}

// totals are the ledger's columns, which must balance.
func (f *fixture) totals(t *testing.T) ledger.Counts {
	t.Helper()
	for s, tot := range f.bus.Ledger.Totals() {
		require.Equal(t, f.Signal, s)
		require.Equal(t, tot.Received, tot.Accepted+ledger.Sum(tot.Refused), "%+v", tot)
	}
	return f.bus.Ledger.Totals()[f.Signal]
}

// partly checks the answer to a request of which so many records were refused for the given reasons, or for whatever reason when there are none.
func (f *fixture) partly(t *testing.T, a Answer, kept int, reasons map[string]int64, refused int64) {
	t.Helper()
	require.Equal(t, f.Partial, a.Verdict, a.Status)
	require.Zero(t, a.RetryAfter, a.Status)
	if f.Rejected != nil {
		require.EqualValues(t, refused, f.Rejected(t, a), a.Status)
	}
	require.Len(t, f.arrived(t), kept)
	tot := f.totals(t)
	require.EqualValues(t, kept, tot.Accepted)
	require.Equal(t, refused, ledger.Sum(tot.Refused), "%+v", tot)
	if reasons != nil {
		require.Equal(t, reasons, tot.Refused)
	}
}

// wholly checks the answer to a request of which everything was taken.
func (f *fixture) wholly(t *testing.T, a Answer, n int) {
	t.Helper()
	require.Equal(t, Taken, a.Verdict, a.Status)
	require.Len(t, f.arrived(t), n)
	tot := f.totals(t)
	require.EqualValues(t, n, tot.Accepted)
	require.Empty(t, tot.Refused)
}

// cuts says that too long or too many attributes are cut, where those of a data point cost the point.
func (f *fixture) cuts() bool { return f.Signal != signal.Metrics }

// eventually waits for a condition.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	require.Eventually(t, ok, 10*time.Second, 5*time.Millisecond, what)
}

// inBackground sends a request and returns where its answer comes.
func (f *fixture) inBackground(ctx context.Context, r Request) <-chan Verdict {
	out := make(chan Verdict, 1)
	go func() {
		a, err := f.sender(ctx, r)
		if err != nil {
			a.Verdict = ""
		}
		out <- a.Verdict
	}()
	return out
}
