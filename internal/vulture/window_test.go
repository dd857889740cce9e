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
