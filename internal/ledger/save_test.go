// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/signal"
)

var logs = signal.Logs //nolint:gochecknoglobals // A short name.

func at(hour, minute int) *clock { return &clock{time.Date(2026, 3, 1, hour, minute, 30, 0, time.UTC)} }

// TestCounts: what each call counts, in the totals and in the row of its source.
func TestCounts(t *testing.T) {
	l := open(t, t.TempDir(), at(12, 0))
	l.Refused(logs, "a", "too_large", 3)
	l.Refused(logs, "a", "too_large", 2)
	l.Refused(logs, "a", "old", 1)
	l.Refused(logs, "a", "old", 0)
	l.Refused(logs, "a", "old", -5)
	l.AcceptedElsewhere(Item{logs, "a", 10})
	l.Resent(logs, "a", 4)
	l.Refused(signal.Metrics, "b", "old", 7)
	a := Counts{Received: 16, Accepted: 10, Resent: 4, Refused: map[string]int64{"too_large": 5, "old": 1}}
	b := Counts{Received: 7, Refused: map[string]int64{"old": 7}}
	require.Equal(t, map[signal.Signal]Counts{logs: a, signal.Metrics: b}, l.Totals())
	rows := l.Rows(time.Time{}, at(23, 0).t)
	minute := at(12, 0).t.Truncate(time.Minute)
	require.Equal(t, []Row{{minute, logs, "a", a}, {minute, signal.Metrics, "b", b}}, rows)
	require.Zero(t, l.AcceptedOffset("t-0"), "a bus elsewhere has offsets of its own")

	// What was handed out is the caller's.
	rows[0].Refused["old"] = 100
	l.Totals()[logs].Refused["old"] = 100
	require.Equal(t, int64(1), l.Totals()[logs].Refused["old"])
	require.Equal(t, int64(1), l.Rows(time.Time{}, at(23, 0).t)[0].Refused["old"])
}

// TestForeign: a record that another program put on the bus is counted when it is stored, in every column, and once.
func TestForeign(t *testing.T) {
	l := open(t, t.TempDir(), at(12, 0))
	out := []Outcome{{Item: Item{logs, "kafka", 5}, Offset: 7, Foreign: true, Rejected: map[string]int64{"bad": 2}}}
	for range 2 {
		require.NoError(t, l.Stored("t-0", out))
		require.Equal(t, Counts{Received: 5, Accepted: 5, Stored: 3, Rejected: map[string]int64{"bad": 2}}, l.Totals()[logs])
	}
	require.NoError(t, l.Stored("t-1", out), "another partition has offsets of its own")
	require.Equal(t, int64(10), l.Totals()[logs].Received)
}

// TestRows: a minute belongs to a range that it touches, newest first, then by signal and source.
func TestRows(t *testing.T) {
	c := at(12, 0)
	l := open(t, t.TempDir(), c)
	for range 3 {
		l.AcceptedElsewhere(Item{logs, "b", 1})
		l.AcceptedElsewhere(Item{logs, "a", 1})
		l.AcceptedElsewhere(Item{signal.Traces, "a", 1})
		c.t = c.t.Add(time.Minute)
	}
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, r := range []struct {
		start, end time.Duration
		minutes    []int
	}{
		{0, 3 * time.Minute, []int{2, 1, 0}},
		{time.Minute, 2 * time.Minute, []int{1}},
		{59 * time.Second, 61 * time.Second, []int{1, 0}},
		{time.Minute, 61 * time.Second, []int{1}},
		{3 * time.Minute, time.Hour, nil},
		{-time.Hour, 0, nil},
	} {
		var got []int
		for i, row := range l.Rows(noon.Add(r.start), noon.Add(r.end)) {
			require.Equal(t, []string{"logs a", "logs b", "traces a"}[i%3], string(row.Signal)+" "+row.Source)
			if i%3 == 0 {
				got = append(got, row.Minute.Minute())
			}
		}
		require.Equal(t, r.minutes, got, "%s to %s", r.start, r.end)
	}
}

// TestMinutesGo: what is older than a day is forgotten in memory and stays in its day's file; totals stay for ever.
func TestMinutesGo(t *testing.T) {
	dir, c := t.TempDir(), at(12, 0)
	l := open(t, dir, c)
	l.AcceptedElsewhere(Item{logs, "a", 1})
	c.t = c.t.Add(keepMinutes * time.Minute)
	require.NoError(t, l.Save())
	require.Len(t, l.Rows(time.Time{}, c.t), 1)
	c.t = c.t.Add(2 * time.Minute)
	require.NoError(t, l.Save())
	require.Empty(t, l.Rows(time.Time{}, c.t))
	require.Equal(t, int64(1), l.Totals()[logs].Accepted)
	b, err := os.ReadFile(filepath.Join(dir, "2026-03-01.jsonl"))
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(b), "\n"))
	require.Contains(t, string(b), `"source":"a"`)
	require.Equal(t, int64(1), open(t, dir, c).Totals()[logs].Accepted)
}

// TestDayIsWrittenOnce: a finished minute is appended once, however often the ledger is saved, and minutes of two days go to two files.
func TestDayIsWrittenOnce(t *testing.T) {
	dir, c := t.TempDir(), at(23, 58)
	l := open(t, dir, c)
	for range 4 {
		l.AcceptedElsewhere(Item{logs, "a", 1})
		require.NoError(t, l.Save())
		require.NoError(t, l.Save())
		c.t = c.t.Add(time.Minute)
	}
	require.NoError(t, l.Close())
	count := func(day string) int {
		b, err := os.ReadFile(filepath.Join(dir, day+".jsonl"))
		require.NoError(t, err)
		return bytes.Count(b, []byte("\n"))
	}
	require.Equal(t, []int{2, 2}, []int{count("2026-03-01"), count("2026-03-02")})
	l = open(t, dir, c)
	require.Len(t, l.Rows(time.Time{}, c.t), 4, "yesterday's file is read as well")
	require.NoError(t, l.Save())
	require.Equal(t, []int{2, 2}, []int{count("2026-03-01"), count("2026-03-02")}, "nor is it appended again after a start")
}

// TestTornDay: a line that a crash cut off costs that line alone.
func TestTornDay(t *testing.T) {
	dir, c := t.TempDir(), at(12, 0)
	l := open(t, dir, c)
	l.AcceptedElsewhere(Item{logs, "a", 1})
	c.t = c.t.Add(time.Minute)
	require.NoError(t, l.Save())
	day := filepath.Join(dir, "2026-03-01.jsonl")
	b, err := os.ReadFile(day)
	require.NoError(t, err)
	torn := append(append([]byte{}, b[:len(b)/2]...), '\n')
	require.NoError(t, os.WriteFile(day, append(torn, b...), 0o600))
	require.Len(t, open(t, dir, c).Rows(time.Time{}, c.t), 1)
}

// TestDamagedLedgerIsSaid: the account starts anew, and the log says so.
func TestDamagedLedgerIsSaid(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, snapshotName), []byte(`{"totals":`), 0o600))
	var log bytes.Buffer
	l, err := Open(dir, slog.New(slog.NewTextHandler(&log, nil)), at(12, 0).now)
	require.NoError(t, err)
	require.Empty(t, l.Totals())
	require.Contains(t, log.String(), "the ledger is damaged and starts anew")
	require.NoError(t, l.Close())
}

// TestFilesThatCannotBe: every file that cannot be read or written is named by the error.
func TestFilesThatCannotBe(t *testing.T) {
	log, c := slog.New(slog.DiscardHandler), at(12, 0)
	block := func(name string) string { // A folder where a file should be.
		dir := t.TempDir()
		require.NoError(t, os.MkdirAll(filepath.Join(dir, name, "x"), 0o700))
		return dir
	}
	_, err := Open(block(snapshotName), log, c.now)
	require.ErrorContains(t, err, "read ledger")
	_, err = Open(block("2026-03-01.jsonl"), log, c.now)
	require.ErrorContains(t, err, "read ledger day")
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = Open(filepath.Join(file, "below"), log, c.now)
	require.ErrorContains(t, err, "create ledger directory")

	dir := t.TempDir()
	l := open(t, dir, c)
	l.AcceptedElsewhere(Item{logs, "a", 1})
	c.t = c.t.Add(time.Minute)
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "2026-03-01.jsonl", "x"), 0o700))
	require.ErrorContains(t, l.Save(), "open ledger day")
	require.NoError(t, os.RemoveAll(dir))
	require.ErrorContains(t, l.Close(), "close ledger: ")
	require.Error(t, l.Stored("t-0", nil), "the position must not move past what is not counted durably")
}

// TestRun saves every five seconds, goes on when that fails, and saves at the end.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		dir := t.TempDir()
		l, err := Open(dir, slog.New(slog.NewTextHandler(&log, nil)), time.Now)
		require.NoError(t, err)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- l.Run(ctx) }()
		saved := func() int64 {
			again, err := Open(dir, slog.New(slog.DiscardHandler), time.Now)
			require.NoError(t, err)
			return again.Totals()[logs].Accepted
		}
		for n := range int64(2) {
			l.AcceptedElsewhere(Item{logs, "a", 1})
			synctest.Wait()
			require.Equal(t, n, saved())
			time.Sleep(saveInterval)
			synctest.Wait()
			require.Equal(t, n+1, saved())
		}
		require.NoError(t, os.Rename(dir, dir+"-away"))
		time.Sleep(saveInterval)
		synctest.Wait()
		require.Contains(t, log.String(), "ledger not saved")
		require.NoError(t, os.Rename(dir+"-away", dir))
		l.AcceptedElsewhere(Item{logs, "a", 1})
		stop()
		require.NoError(t, <-done)
		require.Equal(t, int64(3), saved())
	})
}

// TestConcurrentCounts: no count is lost between those who count and those who save.
func TestConcurrentCounts(t *testing.T) {
	dir, c := t.TempDir(), at(12, 0)
	l := open(t, dir, c)
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for offset := range int64(50) {
				name := "t-" + string(rune('0'+worker))
				l.Accepted(name, offset, Item{logs, "a", 2})
				if err := l.Stored(name, []Outcome{{Item: Item{logs, "a", 2}, Offset: offset}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	want := Counts{Received: 400, Accepted: 400, Stored: 400}
	require.Equal(t, want, l.Totals()[logs])
	require.Equal(t, want, open(t, dir, c).Totals()[logs], "every Stored saved it")
}

// TestCollector exposes every column under its stage.
func TestCollector(t *testing.T) {
	l := open(t, t.TempDir(), at(12, 0))
	l.Accepted("t-0", 0, Item{logs, "a", 10})
	l.Refused(logs, "a", "old", 3)
	l.Resent(logs, "a", 2)
	require.NoError(t, l.Stored("t-0", []Outcome{{Item: Item{logs, "b", 10}, Rejected: map[string]int64{"bad": 4}}}))
	require.NoError(t, testutil.CollectAndCompare(NewCollector(l), strings.NewReader(`
# HELP strata_ledger_items_total Data points, spans and log records by what became of them; rejected ones the store did not take after they were accepted.
# TYPE strata_ledger_items_total counter
strata_ledger_items_total{reason="",signal="logs",stage="accepted"} 10
strata_ledger_items_total{reason="",signal="logs",stage="received"} 13
strata_ledger_items_total{reason="",signal="logs",stage="resent"} 2
strata_ledger_items_total{reason="",signal="logs",stage="stored"} 6
strata_ledger_items_total{reason="bad",signal="logs",stage="rejected"} 4
strata_ledger_items_total{reason="old",signal="logs",stage="refused"} 3
`)))
}

// TestKilledBetweenDayAndSnapshot: the rows of a finished minute are in the day's file already and the snapshot does not say so. They are written there a second time, and read
// as one.
func TestKilledBetweenDayAndSnapshot(t *testing.T) {
	dir, c := t.TempDir(), at(12, 0)
	l := open(t, dir, c)
	l.Accepted("t-0", 0, Item{logs, "a", 1})
	require.NoError(t, l.Save())
	before, err := os.ReadFile(filepath.Join(dir, snapshotName))
	require.NoError(t, err)
	c.t = c.t.Add(time.Minute)
	l.Accepted("t-0", 1, Item{logs, "a", 2})
	require.NoError(t, l.Save())
	require.NoError(t, os.WriteFile(filepath.Join(dir, snapshotName), before, 0o600)) // As if it had not been replaced.

	l = open(t, dir, c)
	require.Equal(t, int64(1), l.AcceptedOffset("t-0"), "the bus is read again from there")
	l.Accepted("t-0", 1, Item{logs, "a", 2})
	c.t = c.t.Add(time.Minute)
	require.NoError(t, l.Save())
	b, err := os.ReadFile(filepath.Join(dir, "2026-03-01.jsonl"))
	require.NoError(t, err)
	require.Equal(t, 3, bytes.Count(b, []byte("\n")), "the first minute twice, the second once")
	rows := open(t, dir, c).Rows(time.Time{}, c.t)
	require.Equal(t, []int64{2, 1}, []int64{rows[0].Accepted, rows[1].Accepted})
	require.Len(t, rows, 2)
	require.Equal(t, int64(3), l.Totals()[logs].Accepted)
}
