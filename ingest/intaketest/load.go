// SPDX-License-Identifier: Apache-2.0

package intaketest

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/ingest/bus"
	"github.com/strata-apm/strata/ingest/check"
	"github.com/strata-apm/strata/ingest/intake"
	"github.com/strata-apm/strata/internal/ledger"
)

func testBusRefuses(t *testing.T, f *fixture) {
	t.Helper()
	want := map[string]int64{}
	for _, c := range []struct {
		err     error
		verdict Verdict
		reason  string
	}{
		{bus.ErrFull, Full, "bus_full"},
		{bus.ErrUnavailable, Unavailable, "bus_unavailable"},
		{bus.ErrFailed, Unavailable, "bus_unavailable"},
		{errors.New("unforeseen"), Unavailable, "bus_unavailable"},
		{bus.ErrTooLarge, TooLarge, "too_large"},
	} {
		f.bus.Fail(fmt.Errorf("test: %w", c.err))
		a := f.sendRecords(t, records(2)...)
		require.Equal(t, c.verdict, a.Verdict, a.Status)
		if c.verdict == TooLarge {
			require.Zero(t, a.RetryAfter, a.Status)
		} else {
			require.Equal(t, intake.RetryAfter, a.RetryAfter, a.Status)
		}
		want[c.reason] += 2
		require.Equal(t, want, f.totals(t).Refused)
	}
	require.Zero(t, f.bus.Len())
	f.bus.Fail(nil)
	require.Equal(t, Taken, f.sendRecords(t, records(2)...).Verdict)
	require.Len(t, f.arrived(t), 2)
}

func testBusy(t *testing.T, f *fixture) {
	t.Helper()
	all, err := f.intake.Claim(make([]byte, InFlight))
	require.NoError(t, err)
	a := f.sendRecords(t, records(2)...)
	require.Equal(t, Unavailable, a.Verdict, a.Status)
	require.Equal(t, intake.RetryAfter, a.RetryAfter)
	require.Zero(t, f.bus.Len())
	all.Release()
	f.wholly(t, f.sendRecords(t, records(2)...), 2)
	f.allReleased(t)
}

// allReleased waits until no request holds memory.
func (f *fixture) allReleased(t *testing.T) {
	t.Helper()
	eventually(t, "all memory is given back", func() bool {
		all, err := f.intake.Claim(make([]byte, InFlight))
		if err == nil {
			all.Release()
		}
		return err == nil
	})
}

func testClientLeaves(t *testing.T, f *fixture) {
	t.Helper()
	entered := make(chan struct{})
	f.bus.Before(func(ctx context.Context, _ []bus.Record) error {
		close(entered)
		<-ctx.Done()
		return context.Cause(ctx)
	})
	ctx, leave := context.WithCancel(t.Context())
	answer := f.inBackground(ctx, f.request(t, f.Encode(t, records(2)...)))
	<-entered
	leave()
	require.Empty(t, <-answer)
	eventually(t, "counted as refused", func() bool { return f.bus.Ledger.Totals()[f.Signal].Refused["client_left"] == 2 })
	f.totals(t)
	f.allReleased(t)
	f.bus.Fail(nil)
	f.send(t, f.request(t, f.Encode(t, records(3)...)))
	require.Len(t, f.arrived(t), 3)
}

func testSlowClient(t *testing.T, f *fixture) {
	t.Helper()
	half, goOn := make(chan struct{}), make(chan struct{})
	slow := f.request(t, f.Encode(t, records(2)...))
	slow.Pause = func() { close(half); <-goOn }
	answer := f.inBackground(t.Context(), slow)
	<-half
	require.Equal(t, Taken, f.sendRecords(t, records(5)[2:]...).Verdict, "others are served meanwhile")
	require.Len(t, f.arrived(t), 3)
	close(goOn)
	require.Equal(t, Taken, <-answer)
	require.Len(t, f.arrived(t), 5)
}

func testConcurrent(t *testing.T, f *fixture) {
	t.Helper()
	const clients, requests, good = 8, 8, 4
	var wg sync.WaitGroup
	for c := range clients {
		bodies := make([]Request, requests)
		for i := range bodies {
			recs := records(good + 1)
			for j := range recs {
				recs[j].Name = fmt.Sprintf("record_%d_%d_%d", c, i, j)
			}
			recs[good].Time = time.Now().Add(-20 * 24 * time.Hour)
			bodies[i] = f.request(t, f.Encode(t, recs...))
		}
		wg.Go(func() {
			for _, r := range bodies {
				a, err := f.sender(t.Context(), r)
				assert.NoError(t, err)
				assert.Equal(t, f.Partial, a.Verdict, a.Status)
			}
		})
	}
	wg.Wait()
	require.Len(t, f.arrived(t), clients*requests*good)
	tot := f.totals(t)
	require.EqualValues(t, clients*requests*(good+1), tot.Received)
	require.Equal(t, map[string]int64{check.ReasonTooOld: clients * requests}, tot.Refused)
	f.allReleased(t)
}

// layout is a bus of several partitions.
type layout struct{ partitions, max int }

func (l layout) Partitions(string) int { return l.partitions }
func (l layout) MaxRecordBytes() int   { return l.max }
func (l layout) PartitionOf(key []byte, n int) int {
	h := fnv.New32a()
	_, _ = h.Write(key)
	return int(h.Sum32()) % n
}

func testPartitions(t *testing.T, f *fixture) {
	t.Helper()
	l := layout{partitions: 5, max: 16 << 10}
	f = f.again(t, func(o *intake.Options) { o.Layout = l })
	recs := records(400)
	f.wholly(t, f.sendRecords(t, recs...), len(recs))
	where := map[string]int{}
	for _, rec := range f.bus.Records(f.Topic) {
		require.LessOrEqual(t, len(rec.Value), l.max)
		for _, r := range f.Decode(t, rec.Value) {
			where[r.Name] = l.PartitionOf(rec.Key, l.partitions)
		}
	}
	used := map[int]bool{}
	for _, n := range where {
		used[n] = true
	}
	require.Greater(t, len(used), 2)
	// The same records in another request go the same way.
	require.Equal(t, Taken, f.sendRecords(t, recs[:50]...).Verdict)
	for _, rec := range f.bus.Records(f.Topic) {
		for _, r := range f.Decode(t, rec.Value) {
			require.Equal(t, where[r.Name], l.PartitionOf(rec.Key, l.partitions), r.Name)
		}
	}
}

func testOversized(t *testing.T, f *fixture) {
	t.Helper()
	f = f.again(t, func(o *intake.Options) { o.Layout = layout{partitions: 1, max: 3000} })
	recs := records(3)
	recs[1].Attributes = []Attribute{{"large", strings.Repeat("x", 3500)}}
	a := f.sendRecords(t, recs...)
	f.partly(t, a, 2, map[string]int64{check.ReasonRecordSize: 1}, 1)
	require.Equal(t, int64(1), ledger.Sum(f.totals(t).Refused))
}
