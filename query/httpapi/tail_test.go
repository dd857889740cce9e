// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/tenant"
)

// memoryLogs keeps log records and answers as storage.LogSearcher says, cursors and buckets included.
type memoryLogs struct {
	mu   sync.Mutex
	rows []storage.Log
	err  error
	// after runs behind each count: what arrives between a look's count and its reading.
	after func()
}

func (m *memoryLogs) add(rows ...storage.Log) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range rows {
		if r.ID == "" {
			r.ID = fmt.Sprintf("%08d", len(m.rows))
		}
		m.rows = append(m.rows, r)
	}
}

func (m *memoryLogs) within(r storage.TimeRange) []storage.Log {
	var out []storage.Log
	for _, l := range m.rows {
		if !l.Time.Before(r.Start) && l.Time.Before(r.End) {
			out = append(out, l)
		}
	}
	slices.SortStableFunc(out, func(a, b storage.Log) int { return b.Time.Compare(a.Time)*2 + strings.Compare(b.ID, a.ID) })
	return out
}

func (m *memoryLogs) SearchLogs(_ context.Context, q storage.LogSearch) (storage.LogPage, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	skip, _ := strconv.Atoi(q.Cursor)
	rows := m.within(q.Range)
	rows = rows[min(skip, len(rows)):]
	page := storage.LogPage{Logs: rows[:min(q.Limit, len(rows))]}
	if len(rows) > q.Limit {
		page.NextCursor = strconv.Itoa(skip + q.Limit)
	}
	return page, m.err
}

func (m *memoryLogs) LogHistogram(_ context.Context, q storage.Selection, buckets int) (storage.Histogram, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	h := storage.Histogram{Step: time.Second}
	for at := q.Range.Start.Truncate(time.Second); at.Before(q.Range.End); at = at.Add(time.Second) {
		h.Buckets = append(h.Buckets, storage.HistogramBucket{Start: at})
	}
	if len(h.Buckets) > buckets+1 {
		return h, fmt.Errorf("%d seconds, %d buckets asked for", len(h.Buckets), buckets)
	}
	for _, l := range m.within(q.Range) {
		h.Buckets[l.Time.Unix()-h.Buckets[0].Start.Unix()].Total++
		h.Total++
	}
	if m.after != nil {
		after := m.after
		m.after = nil
		defer after()
	}
	return h, m.err
}

func (m *memoryLogs) LogFacets(context.Context, storage.Selection) ([]storage.Facet, error) {
	return nil, nil
}

// follower makes looks at times of its own choice and adds up what it is told.
type follower struct {
	t       *testing.T
	logs    *memoryLogs
	account *tailAccount
	at      time.Time
	shown   map[string]int
	skipped int
}

func newFollower(t *testing.T, logs *memoryLogs) *follower {
	t.Helper()
	return &follower{t: t, logs: logs, account: newTailAccount(now), at: now, shown: map[string]int{}}
}

func (f *follower) look(later time.Duration) {
	f.t.Helper()
	f.at = f.at.Add(later)
	fresh, skipped, err := f.account.collect(f.t.Context(), f.logs, storage.Selection{Tenant: tenant.Default}, f.at)
	require.NoError(f.t, err)
	require.LessOrEqual(f.t, len(fresh), tailBurst)
	for _, l := range fresh {
		if f.shown[l.ID]++; f.shown[l.ID] != 1 {
			require.Equal(f.t, 1, f.shown[l.ID], "shown once")
		}
	}
	f.skipped += int(skipped)
	require.LessOrEqual(f.t, f.account.remembered, tailRemembered)
}

func many(n int, at time.Time) []storage.Log {
	out := make([]storage.Log, n)
	for i := range out {
		out[i] = storage.Log{Time: at, Body: "the same"}
	}
	return out
}

func TestTailShowsAllOfOneTimestamp(t *testing.T) {
	logs := &memoryLogs{}
	f := newFollower(t, logs)
	for range 3 {
		logs.add(many(500, now.Add(time.Second))...)
		f.look(time.Second)
	}
	require.Len(t, f.shown, 1500)
	require.Zero(t, f.skipped)
}

func TestTailSaysHowManyItSkips(t *testing.T) {
	logs := &memoryLogs{}
	f := newFollower(t, logs)
	logs.add(many(1500, now.Add(time.Second))...) // in one look
	f.look(time.Second)
	require.Len(t, f.shown, tailBurst)
	require.Equal(t, 1000, f.skipped)
	logs.add(many(3, now.Add(time.Second))...) // late, into the same timestamp
	f.look(time.Second)
	require.Equal(t, 1503, len(f.shown)+f.skipped)
	f.look(time.Second)
	require.Equal(t, 1503, len(f.shown)+f.skipped, "nothing is told twice")
}

func TestTailShowsLateRecordsBehindManyNewer(t *testing.T) {
	logs := &memoryLogs{}
	f := newFollower(t, logs)
	for i := range 20 {
		logs.add(many(400, now.Add(time.Duration(i)*time.Second))...)
		f.look(time.Second)
	}
	logs.add(storage.Log{ID: "late", Time: now.Add(2 * time.Second)}, storage.Log{ID: "ahead", Time: f.at.Add(5 * time.Minute)})
	f.look(time.Second)
	require.Equal(t, 1, f.shown["late"])
	require.Equal(t, 1, f.shown["ahead"])
	require.Len(t, f.shown, 20*400+2)
	require.Zero(t, f.skipped)
}

func TestTailBeginsWithItsReader(t *testing.T) {
	logs := &memoryLogs{}
	logs.add(many(7, now.Add(-time.Millisecond))...)
	f := newFollower(t, logs)
	f.look(time.Second)
	logs.add(many(2, now)...)
	f.look(time.Second)
	require.Len(t, f.shown, 2)
	require.Zero(t, f.skipped)
}

func TestTailLooksBackOverAnOutage(t *testing.T) {
	logs := &memoryLogs{}
	f := newFollower(t, logs)
	f.look(time.Second)
	logs.err = errors.New("away")
	logs.add(many(3, now.Add(2*time.Second))...)
	_, _, err := f.account.collect(t.Context(), logs, storage.Selection{Tenant: tenant.Default}, now.Add(3*time.Second))
	require.Error(t, err)
	logs.err = nil
	f.look(5 * time.Minute)
	require.Len(t, f.shown, 3)
}

func TestTailCountsWhatArrivesWhileItReads(t *testing.T) {
	logs := &memoryLogs{}
	f := newFollower(t, logs)
	at := now.Add(time.Second)
	logs.add(many(10, at)...)
	logs.after = func() {
		for i := range 10 {
			logs.rows = append(logs.rows, storage.Log{ID: fmt.Sprintf("between %d", i), Time: at})
		}
	}
	f.look(time.Second)
	f.look(time.Second)
	require.Len(t, f.shown, 20)
	require.Zero(t, f.skipped)
}

// Records the store cannot tell apart are still counted.
func TestTailCountsRecordsOfOneID(t *testing.T) {
	logs := &memoryLogs{}
	f := newFollower(t, logs)
	for range 4 {
		logs.add(storage.Log{ID: "same", Time: now.Add(time.Second)})
	}
	f.look(time.Second)
	require.Equal(t, 4, len(f.shown)+f.skipped)
}

func TestTailMemoryIsBounded(t *testing.T) {
	logs := &memoryLogs{}
	f := newFollower(t, logs)
	for i := range 120 { // a clock far ahead: its seconds stay within reach for minutes
		logs.add(many(tailBurst, f.at.Add(9*time.Minute))...)
		f.look(time.Second)
		if i == 110 {
			logs.add(many(5, now.Add(9*time.Minute))...) // into a second that was forgotten
		}
	}
	require.Equal(t, 120*tailBurst+5, len(f.shown)+f.skipped)
	require.GreaterOrEqual(t, f.skipped, 5)
	f.look(15 * time.Minute)
	require.LessOrEqual(t, len(f.account.seconds), 700)
}

// Whatever arrives in whatever order, shown plus skipped is what there is, for each of several readers.
func TestTailAddsUp(t *testing.T) {
	for seed := range uint64(4) {
		r := rand.New(rand.NewPCG(seed, 7))
		logs := &memoryLogs{}
		readers := []*follower{newFollower(t, logs), newFollower(t, logs), newFollower(t, logs)}
		total := 0
		for step := range 40 {
			when := now.Add(time.Duration(step) * time.Second)
			for range r.IntN(3) {
				n := r.IntN(700)
				late := time.Duration(r.IntN(28000)) * time.Millisecond
				if late > when.Sub(now) {
					late = -time.Duration(r.IntN(600)) * time.Second
				}
				logs.add(many(n, when.Add(-late).Truncate(time.Duration(1+r.IntN(1000))*time.Millisecond).Add(time.Second))...)
				total += n
			}
			for i, f := range readers {
				if r.IntN(i+1) == 0 {
					f.look(when.Add(time.Second).Sub(f.at))
				}
			}
		}
		for _, f := range readers {
			f.look(time.Second)
			require.Equal(t, total, len(f.shown)+f.skipped, "seed %d", seed)
		}
	}
}

func TestTail(t *testing.T) {
	logs := &memoryLogs{}
	srv := serve(t, &fake{}, func(o *Options) { o.MaxTails, o.Logs = 1, logs })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, srv.URL+"/api/v1/logs/tail?query=x", nil)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, "text/event-stream", resp.Header.Get("Content-Type"))
	lines := bufio.NewScanner(resp.Body)
	next := func() (event, data string) {
		for lines.Scan() {
			if text, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
				event = text
			}
			if text, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				return event, text
			}
		}
		return "", ""
	}
	status, _, _ := get(t, srv, "/logs/tail")
	require.Equal(t, http.StatusServiceUnavailable, status)
	for i := range 3 {
		logs.add(storage.Log{Body: fmt.Sprint("body ", i), Time: now.Add(time.Duration(i))})
		event, data := next()
		require.Equal(t, "log", event)
		require.Contains(t, data, fmt.Sprintf(`"body":"body %d"`, i))
	}
	logs.add(many(tailBurst+20, now.Add(time.Minute))...)
	for range tailBurst {
		event, _ := next()
		require.Equal(t, "log", event)
	}
	event, data := next()
	require.Equal(t, "skipped", event)
	var said struct{ Count int }
	require.NoError(t, json.Unmarshal([]byte(data), &said))
	require.Equal(t, 20, said.Count)
}
