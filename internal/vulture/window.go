// SPDX-License-Identifier: Apache-2.0

package vulture

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// perRequest is how many spans, records or samples a request has.
const perRequest = 5

// window is what was sent of one signal in one stretch of time, [start, end).
type window struct {
	start, end time.Time
	// sent says of each sequence number whether it was acknowledged.
	sent map[uint64]bool
	// seen says that the window was complete once. It is looked at again before it is judged: what is doubled may come later.
	seen bool
}

// windows are those of one signal that are not judged yet. Safe for concurrent use.
type windows struct {
	length time.Duration

	mu     sync.Mutex
	counts Counts
	all    []*window
}

// note records a request by the time its data carries. The newest windows come last.
func (w *windows) note(seq uint64, at time.Time, acknowledged bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counts.Sent++
	if acknowledged {
		w.counts.Acknowledged++
	} else {
		w.counts.Uncertain++
	}
	start := at.Truncate(w.length)
	if n := len(w.all); n == 0 || !w.all[n-1].start.Equal(start) {
		w.all = append(w.all, &window{start: start, end: start.Add(w.length), sent: map[uint64]bool{}})
	}
	w.all[len(w.all)-1].sent[seq] = acknowledged
}

// due returns the windows to look at now: those that ended and were not complete yet, and those that are old enough to be judged. While the
// run goes on, a window that has just ended may still get a request.
func (w *windows) due(now time.Time, patience time.Duration, over bool) []*window {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []*window
	for _, x := range w.all {
		ended := over || now.After(x.end.Add(time.Second))
		if ended && (!x.seen || now.After(x.end.Add(patience))) {
			out = append(out, x)
		}
	}
	return out
}

// rest returns the windows that are complete and wait for their last look.
func (w *windows) rest() []*window {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]*window(nil), w.all...)
}

// complete notes how long a window took until it could be read as it was written.
func (w *windows) complete(x *window, took, lateAfter time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	x.seen = true
	w.counts.LatestSeconds = max(w.counts.LatestSeconds, took.Seconds())
	if took > lateAfter {
		w.counts.Late += int64(len(x.sent))
	}
}

func (w *windows) snapshot() Counts {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.counts
}

// found is what was read back of one window: how often each part of each sequence number is there.
type found map[uint64]*[perRequest]int

func (f found) add(seq uint64, part int) {
	if f[seq] == nil {
		f[seq] = &[perRequest]int{}
	}
	f[seq][part]++
}

// verdict counts what one look at a window shows.
type verdict struct {
	verified, missing, doubled, wrong int64
	// example names one sequence number that is not right.
	example string
}

// judge compares what was sent with what is there; wrong is what the reader could not make sense of.
func (x *window) judge(got found, wrong int64) verdict {
	v := verdict{wrong: wrong}
	note := func(kind string, seq uint64) {
		if v.example == "" {
			v.example = fmt.Sprintf("%s: %d", kind, seq)
		}
	}
	for seq, acknowledged := range x.sent {
		parts := got[seq]
		if parts == nil {
			parts = &[perRequest]int{}
		}
		least, most := parts[0], parts[0]
		for _, n := range parts {
			least, most = min(least, n), max(most, n)
		}
		switch {
		case most > 1:
			v.doubled++
			note("doubled", seq)
		case acknowledged && least == 0:
			v.missing++
			note("missing", seq)
		default:
			v.verified++
		}
	}
	for seq := range got {
		if _, ok := x.sent[seq]; !ok {
			v.wrong++
			note("never sent in this window", seq)
		}
	}
	return v
}

// settle takes a window out and counts its verdict.
func (w *windows) settle(x *window, v verdict) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = slices.DeleteFunc(w.all, func(y *window) bool { return y == x })
	w.counts.Verified += v.verified
	w.counts.Missing += v.missing
	w.counts.Doubled += v.doubled
	w.counts.Wrong += v.wrong
}
