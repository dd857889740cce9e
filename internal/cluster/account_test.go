// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/ingest/bus"
	"github.com/strata-apm/strata/internal/ledger"
	"github.com/strata-apm/strata/signal"
)

func TestTotalsBalance(t *testing.T) {
	counts := map[signal.Signal]ledger.Counts{
		signal.Traces: {Received: 10, Accepted: 8, Refused: map[string]int64{"x": 2}, Stored: 5},
		signal.Logs:   {Received: 3, Accepted: 3, Stored: 2, Rejected: map[string]int64{"y": 1}},
	}
	idle := []bus.TopicStats{{Topic: signal.Traces.Topic(), Next: 7, Committed: 7}}
	busy := []bus.TopicStats{{Topic: signal.Traces.Topic(), Next: 7, Committed: 6}}
	by := func(before, after []bus.TopicStats) map[signal.Signal]LedgerTotal {
		out := map[signal.Signal]LedgerTotal{}
		for _, tot := range totals(counts, before, after) {
			out[tot.Signal] = tot
		}
		return out
	}
	require.False(t, by(idle, idle)[signal.Traces].Balanced, "three spans vanished")
	require.Equal(t, int64(3), by(idle, idle)[signal.Traces].InFlight)
	require.True(t, by(busy, idle)[signal.Traces].Balanced, "they were on the bus")
	require.True(t, by(idle, idle)[signal.Logs].Balanced)
	require.True(t, by(idle, idle)[signal.Metrics].Balanced)
}

// account is one process's answer: one row and the sums of the three signals, of which logs have figures.
func account(at time.Time, source string, received, stored int64) LedgerAnswer {
	return LedgerAnswer{
		Rows: []LedgerRow{{
			Minute: at, Signal: signal.Logs, Source: source, Received: received, Accepted: received, Stored: stored,
			Refused: map[string]int64{}, Rejected: map[string]int64{},
		}},
		Totals: []LedgerTotal{{Signal: signal.Metrics}, {Signal: signal.Traces}, {Signal: signal.Logs, Received: received, Accepted: received, Stored: stored}},
		Bus:    []BusRow{}, Warnings: []string{},
	}
}

func TestMergeOfLedgers(t *testing.T) {
	long := time.Now().Add(-time.Hour).Truncate(time.Minute)
	all := account(long, "shop", 10, 0) // A gateway: what it took in, another stored.
	all.merge(account(long, "shop", 0, 7))
	all.merge(account(long.Add(time.Minute), "shop", 0, 3))
	other := account(long, "cart", 5, 5)
	other.Totals = append([]LedgerTotal{{Signal: "profiles", Received: 1, Accepted: 1, Stored: 1}}, other.Totals...) // Of a newer release.
	other.Rows[0].Rejected = map[string]int64{"duplicate_timestamp": 1}
	all.merge(other)
	all.balance()
	require.Len(t, all.Rows, 3)
	require.Equal(t, long.Add(time.Minute), all.Rows[0].Minute, "the newest first")
	require.Equal(t, "cart", all.Rows[1].Source)
	require.Equal(t, map[string]int64{"duplicate_timestamp": 1}, all.Rows[1].Rejected)
	require.Equal(t, int64(10), all.Rows[2].Received)
	require.Equal(t, int64(7), all.Rows[2].Stored)
	logs := all.Totals[2]
	require.Equal(t, int64(15), logs.Stored)
	require.Zero(t, logs.InFlight)
	require.True(t, logs.Balanced)
	require.Equal(t, int64(1), all.Totals[3].Stored)
}

// TestBalanceOfAll: what is missing is in flight only while something arrives or waits on the bus.
func TestBalanceOfAll(t *testing.T) {
	old, fresh := time.Now().Add(-time.Hour), time.Now()
	for _, c := range []struct {
		name     string
		at       time.Time
		lag      int64
		stored   int64
		balanced bool
	}{
		{"all is stored", old, 0, 10, true},
		{"nothing arrives and three are missing", old, 0, 7, false},
		{"three wait on the bus", old, 3, 7, true},
		{"three may be on their way", fresh, 0, 7, true},
		{"more than was taken in", fresh, 3, 11, false},
	} {
		a := account(c.at, "shop", 10, c.stored)
		a.Bus = []BusRow{{Topic: signal.Logs.Topic(), Lag: c.lag}}
		a.balance()
		require.Equal(t, c.balanced, a.Totals[2].Balanced, c.name)
	}
}

func TestReplicasAreNotCountedTwice(t *testing.T) {
	a := account(time.Now(), "shop", 10, 10)
	a.forgetStored()
	require.Zero(t, a.Rows[0].Stored)
	require.Zero(t, a.Totals[2].Stored)
	require.Equal(t, int64(10), a.Totals[2].Received, "what it took in counts")
	named := func(groups ...string) (out []Peer) {
		for _, g := range groups {
			p := Peer{}
			p.Group = g
			out = append(out, p)
		}
		return out
	}
	require.Equal(t, "b", primaryGroup(named("a", "b"), "b"), "the own group")
	require.Equal(t, "a", primaryGroup(named("", "a", "b"), "c"), "else the first")
	require.Empty(t, primaryGroup(nil, "c"))
}

// TestLocalLedger: what one process says. While something arrives between the looks at the bus and at the counts, it is in flight and not missing.
func TestLocalLedger(t *testing.T) {
	l, err := ledger.Open(t.TempDir(), slog.New(slog.DiscardHandler), time.Now)
	require.NoError(t, err)
	topic := signal.Logs.Topic()
	l.Accepted("t-0", 0, ledger.Item{Signal: signal.Logs, Source: "shop", N: 5})
	l.Refused(signal.Logs, "shop", "too_large", 2)
	oldest := time.Unix(1000, 0)
	looks := 0
	stats := func() []bus.TopicStats {
		looks++
		return []bus.TopicStats{{Topic: topic, Next: int64(looks), Committed: int64(looks), Bytes: 7, LimitBytes: 9}, {Topic: "lags", Partition: 1, First: 1, Next: 9, Committed: 4, Oldest: oldest}}
	}
	ans := LocalLedger(l, stats, time.Now().Add(-time.Hour), time.Now())
	require.Equal(t, 2, looks)
	require.Equal(t, []LedgerRow{{
		Minute: ans.Rows[0].Minute, Signal: signal.Logs, Source: "shop", Received: 7, Accepted: 5, Refused: map[string]int64{"too_large": 2}, Rejected: map[string]int64{},
	}}, ans.Rows)
	require.Equal(t, BusRow{Topic: topic, Next: 2, Committed: 2, Bytes: 7, Limit: 9}, ans.Bus[0])
	require.Equal(t, BusRow{Topic: "lags", Partition: 1, First: 1, Next: 9, Committed: 4, Lag: 5, Oldest: &oldest}, ans.Bus[1])
	require.Len(t, ans.Totals, len(signal.All()))
	logs := ans.Totals[2]
	require.Equal(t, LedgerTotal{Signal: signal.Logs, Received: 7, Accepted: 5, Refused: 2, InFlight: 5, Balanced: true}, logs, "the bus moved between the looks")
	idle := LocalLedger(l, func() []bus.TopicStats { return []bus.TopicStats{{Topic: topic, Next: 2, Committed: 2}} }, time.Unix(0, 0), time.Unix(60, 0))
	require.False(t, idle.Totals[2].Balanced, "five are missing where the bus is empty and idle")
	require.Empty(t, idle.Rows)
}
