// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/signal"
)

type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func open(t *testing.T, dir string, c *clock) *Ledger {
	t.Helper()
	l, err := Open(dir, slog.New(slog.DiscardHandler), c.now)
	require.NoError(t, err)
	return l
}

func TestColumnsBalanceAndSurviveAKill(t *testing.T) {
	dir := t.TempDir()
	c := &clock{time.Date(2026, 3, 1, 12, 0, 30, 0, time.UTC)}
	l := open(t, dir, c)
	l.Refused(signal.Traces, "a", "invalid_id", 3)
	l.Accepted("t", 0, Item{signal.Traces, "a", 10})
	l.Accepted("t", 1, Item{signal.Traces, "b", 5})
	require.NoError(t, l.Stored("t", []Outcome{{Item: Item{signal.Traces, "a", 10}}, {Item: Item{signal.Traces, "b", 5}, Offset: 1, Rejected: map[string]int64{"store": 2}}}))
	want := Counts{Received: 18, Accepted: 15, Refused: map[string]int64{"invalid_id": 3}, Stored: 13, Rejected: map[string]int64{"store": 2}}
	require.Equal(t, want, l.Totals()[signal.Traces])

	// Accepted after the last save and lost by a kill: the bus is read again from AcceptedOffset.
	l.Accepted("t", 2, Item{signal.Traces, "a", 7})
	l = open(t, dir, c)
	require.Equal(t, int64(2), l.AcceptedOffset("t"))
	l.Accepted("t", 1, Item{signal.Traces, "b", 5}) // Counted before the kill.
	l.Accepted("t", 2, Item{signal.Traces, "a", 7})
	// The batch replayed after the kill reaches further than before it.
	require.NoError(t, l.Stored("t", []Outcome{{Item: Item{signal.Traces, "b", 5}, Offset: 1}, {Item: Item{signal.Traces, "a", 7}, Offset: 2}}))
	got := l.Totals()[signal.Traces]
	require.Equal(t, got.Received, got.Accepted+Sum(got.Refused))
	require.Equal(t, got.Accepted, got.Stored+Sum(got.Rejected))
	require.Equal(t, int64(25), got.Received)
}

func TestRowsByMinuteOverRestart(t *testing.T) {
	dir := t.TempDir()
	c := &clock{time.Date(2026, 3, 1, 23, 59, 30, 0, time.UTC)}
	l := open(t, dir, c)
	l.Accepted("x", 0, Item{signal.Logs, "a", 1})
	c.t = c.t.Add(time.Minute)
	l.Accepted("x", 1, Item{signal.Logs, "a", 2})
	require.NoError(t, l.Save())
	c.t = c.t.Add(time.Minute)
	l.Accepted("x", 2, Item{signal.Logs, "b", 3})
	require.NoError(t, l.Close())

	l = open(t, dir, c)
	rows := l.Rows(c.t.Add(-time.Hour), c.t.Add(time.Minute))
	require.Len(t, rows, 3)
	require.Equal(t, []int64{3, 2, 1}, []int64{rows[0].Accepted, rows[1].Accepted, rows[2].Accepted})
	require.Len(t, l.Rows(c.t.Add(-time.Minute), c.t), 2)
	require.Equal(t, int64(6), l.Totals()[signal.Logs].Accepted)
}

func TestDamagedSnapshotStartsAnew(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, snapshotName), nil, 0o600))
	c := &clock{time.Unix(1e9, 0)}
	require.Empty(t, open(t, dir, c).Totals())
}
