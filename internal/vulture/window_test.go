// SPDX-License-Identifier: Apache-2.0

package vulture

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// whole is a request that is there n times.
func whole(n int) *[perRequest]int {
	var out [perRequest]int
	for i := range out {
		out[i] = n
	}
	return &out
}

func TestJudge(t *testing.T) {
	short := whole(1)
	short[3] = 0
	twice := whole(1)
	twice[0] = 2
	for name, c := range map[string]struct {
		acknowledged bool
		got          found
		wrong        int64
		want         verdict
	}{
		"there":               {true, found{1: whole(1)}, 0, verdict{verified: 1}},
		"gone":                {true, found{}, 0, verdict{missing: 1, example: "missing: 1"}},
		"a part is gone":      {true, found{1: short}, 0, verdict{missing: 1, example: "missing: 1"}},
		"twice":               {true, found{1: whole(2)}, 0, verdict{doubled: 1, example: "doubled: 1"}},
		"a part is twice":     {true, found{1: twice}, 0, verdict{doubled: 1, example: "doubled: 1"}},
		"no answer, there":    {false, found{1: whole(1)}, 0, verdict{verified: 1}},
		"no answer, gone":     {false, found{}, 0, verdict{verified: 1}},
		"no answer, in parts": {false, found{1: short}, 0, verdict{verified: 1}},
		"no answer, twice":    {false, found{1: whole(2)}, 0, verdict{doubled: 1, example: "doubled: 1"}},
		"never sent":          {true, found{1: whole(1), 9: whole(1)}, 0, verdict{verified: 1, wrong: 1, example: "never sent in this window: 9"}},
		"not readable":        {true, found{1: whole(1)}, 2, verdict{verified: 1, wrong: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			x := &window{sent: map[uint64]bool{1: c.acknowledged}}
			require.Equal(t, c.want, x.judge(c.got, c.wrong))
		})
	}
}

func TestWindowsAreJudgedOnce(t *testing.T) {
	began := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	w := &windows{length: 10 * time.Second}
	w.note(0, began, true)
	w.note(1, began.Add(9*time.Second), false)
	w.note(2, began.Add(10*time.Second), true)
	require.Empty(t, w.due(began.Add(10*time.Second), time.Minute, false))
	due := w.due(began.Add(12*time.Second), time.Minute, false)
	require.Len(t, due, 1)
	require.Equal(t, map[uint64]bool{0: true, 1: false}, due[0].sent)
	w.complete(due[0], 5*time.Second, time.Second)
	require.Empty(t, w.due(began.Add(12*time.Second), time.Minute, false), "complete, and not old enough to be judged")
	require.Len(t, w.due(began.Add(2*time.Minute), time.Minute, false), 2)
	w.settle(due[0], verdict{verified: 2})
	require.Len(t, w.rest(), 1)
	require.Equal(t, Counts{Sent: 3, Acknowledged: 2, Uncertain: 1, Verified: 2, Late: 2, LatestSeconds: 5}, w.snapshot())
	require.False(t, Report{Signals: map[string]Counts{"x": w.snapshot()}}.Bad())
	w.settle(w.rest()[0], verdict{doubled: 1})
	require.True(t, Report{Signals: map[string]Counts{"x": w.snapshot()}}.Bad())
}

// TestDue: a window is looked at when it has ended, and again when it is old enough to be judged; at the end of a run all are.
func TestDue(t *testing.T) {
	began := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	w := &windows{length: 10 * time.Second}
	for seq := range uint64(3) {
		w.note(seq, began.Add(time.Duration(seq)*10*time.Second), true)
	}
	starts := func(now time.Duration, over bool) []time.Duration {
		out := []time.Duration{}
		for _, x := range w.due(began.Add(now), time.Minute, over) {
			out = append(out, x.start.Sub(began))
		}
		return out
	}
	require.Empty(t, starts(11*time.Second, false), "a request may still come")
	require.Equal(t, []time.Duration{0}, starts(11*time.Second+1, false))
	require.Equal(t, []time.Duration{0, 10 * time.Second}, starts(22*time.Second, false))
	require.Len(t, starts(0, true), 3)
	w.complete(w.all[0], 0, time.Second)
	require.Equal(t, []time.Duration{10 * time.Second}, starts(22*time.Second, false))
	require.Equal(t, []time.Duration{10 * time.Second, 20 * time.Second}, starts(0, true))
	require.Equal(t, []time.Duration{0, 10 * time.Second, 20 * time.Second}, starts(70*time.Second+1, false), "it is judged by a last look")
	require.Zero(t, w.snapshot().Late)
	w.complete(w.all[1], 2*time.Second, time.Second)
	require.Equal(t, int64(1), w.snapshot().Late)
	require.InDelta(t, 2, w.snapshot().LatestSeconds, 0)
}

// TestNote: a request that carries an earlier time than the newest window opens one of its own behind it.
func TestNote(t *testing.T) {
	began := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	w := &windows{length: 10 * time.Second}
	for seq, at := range []time.Duration{0, 9999 * time.Millisecond, 10 * time.Second} {
		w.note(uint64(seq), began.Add(at), seq != 1)
	}
	require.Len(t, w.rest(), 2)
	require.Equal(t, began.Add(10*time.Second), w.rest()[0].end)
	require.Equal(t, map[uint64]bool{0: true, 1: false}, w.rest()[0].sent)
	w.settle(w.rest()[1], verdict{verified: 1, missing: 2, doubled: 3, wrong: 4})
	require.Equal(t, Counts{Sent: 3, Acknowledged: 2, Uncertain: 1, Verified: 1, Missing: 2, Doubled: 3, Wrong: 4}, w.snapshot())
	w.settle(&window{}, verdict{})
	require.Len(t, w.rest(), 1)
}

func TestBad(t *testing.T) {
	for _, c := range []struct {
		counts Counts
		bad    bool
	}{{Counts{}, false}, {Counts{Late: 9, Uncertain: 9, Verified: 9}, false}, {Counts{Missing: 1}, true}, {Counts{Doubled: 1}, true}, {Counts{Wrong: 1}, true}} {
		require.Equal(t, c.bad, Report{Signals: map[string]Counts{"a": {}, "b": c.counts}}.Bad())
	}
}
