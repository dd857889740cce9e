// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/strata-apm/strata/storage"
)

const (
	// tailBack is how far each look goes back behind the one before: a record is shown when it arrives up to this late after its own time.
	tailBack = 30 * time.Second
	// tailAhead takes in records of clocks that run ahead, as far as the gateway takes them by default.
	tailAhead = 10 * time.Minute
	// tailBurst is how many records one look sends; what comes faster is counted as skipped.
	tailBurst = 500
	// tailReads is how many pages of tailBurst records one look reads to find the new ones among those that were sent.
	tailReads = 10
	// tailRemembered bounds the ids one stream remembers, a few megabytes.
	tailRemembered = 50_000
)

// tailAccount knows, second by second, how many records a stream has told of: sent, or said to be skipped. Records that the store
// counts beyond those are new. So records of one timestamp, records that arrive late and bursts all add up: sent plus skipped is what there is.
type tailAccount struct {
	from       time.Time // nothing older than the beginning of the stream is new
	looked     time.Time // the last look that succeeded
	looks      uint64
	seconds    map[int64]*tailSecond // by Unix second, until no look reaches it again
	remembered int
}

// tailSecond is what was told of the records of one second.
type tailSecond struct {
	told    uint64
	sent    map[string]struct{}
	closed  bool   // its ids were forgotten: what else comes is counted, not shown
	touched uint64 // the look that told of it last
}

func newTailAccount(now time.Time) *tailAccount {
	return &tailAccount{from: now, looked: now, seconds: map[int64]*tailSecond{}}
}

// tailGap is a run of seconds in a row that hold new records.
type tailGap struct {
	storage.TimeRange
	missing map[int64]uint64 // by Unix second
	total   uint64
}

// collect returns the new records of a selection, whose range does not matter, the newest first, and how many others it leaves out
// for good. The records that it returns beside an error were found before the error and are not found again; the rest is left to the next look.
func (t *tailAccount) collect(ctx context.Context, store storage.LogSearcher, of storage.Selection, now time.Time) ([]storage.Log, uint64, error) {
	t.looks++
	start := t.looked.Add(-tailBack).Truncate(time.Second)
	if start.Before(t.from) {
		start = t.from
	}
	of.Range = storage.TimeRange{Start: start, End: now.Add(tailAhead)}
	gaps, err := t.gaps(ctx, store, of)
	if err != nil {
		return nil, 0, err
	}
	var fresh []storage.Log
	reads := tailReads
	for i := range gaps {
		if fresh, err = t.read(ctx, store, of, &gaps[i], fresh, &reads); err != nil {
			return fresh, 0, err
		}
	}
	skipped := uint64(0)
	for _, g := range gaps {
		for at, n := range g.missing {
			skipped += n
			t.second(at).told += n
		}
	}
	t.looked = now
	t.forget(start)
	return fresh, skipped, nil
}

// gaps asks the store for its counts and returns the runs of seconds with more than was told of, the newest first.
func (t *tailAccount) gaps(ctx context.Context, store storage.LogSearcher, sel storage.Selection) ([]tailGap, error) {
	// As many buckets as there are seconds make buckets of a second.
	h, err := store.LogHistogram(ctx, sel, int(sel.Range.End.Sub(sel.Range.Start)/time.Second)+1)
	if err != nil {
		return nil, err
	}
	if h.Step != time.Second {
		return nil, fmt.Errorf("count the records to follow: buckets of %s, want one second", h.Step)
	}
	var out []tailGap
	open := false
	for _, b := range slices.Backward(h.Buckets) {
		at := b.Start.Unix()
		if s := t.seconds[at]; b.Total == 0 || s != nil && b.Total <= s.told {
			open = false
			continue
		}
		if !open {
			out = append(out, tailGap{TimeRange: storage.TimeRange{End: b.Start.Add(time.Second)}, missing: map[int64]uint64{}})
			open = true
		}
		g := &out[len(out)-1]
		g.Start = b.Start
		if g.Start.Before(sel.Range.Start) {
			g.Start = sel.Range.Start
		}
		if g.End.After(sel.Range.End) {
			g.End = sel.Range.End
		}
		n := b.Total - t.second(at).told
		g.missing[at] += n
		if !t.second(at).closed {
			g.total += n
		}
	}
	return out, nil
}

// read appends the records of a gap that were not sent before, until none is missing, the look has enough, or it has read enough.
func (t *tailAccount) read(ctx context.Context, store storage.LogSearcher, of storage.Selection, g *tailGap, fresh []storage.Log, reads *int) ([]storage.Log, error) {
	of.Range = g.TimeRange
	search := storage.LogSearch{Selection: of, Limit: tailBurst}
	for g.total > 0 && len(fresh) < tailBurst && *reads > 0 {
		*reads--
		page, err := store.SearchLogs(ctx, search)
		if err != nil {
			return fresh, err
		}
		for i := range page.Logs {
			l := &page.Logs[i]
			at := l.Time.Unix()
			if len(fresh) == tailBurst || g.missing[at] == 0 || !t.send(at, l.ID) {
				continue
			}
			g.missing[at]--
			g.total--
			fresh = append(fresh, *l)
		}
		if search.Cursor = page.NextCursor; search.Cursor == "" {
			break
		}
	}
	return fresh, nil
}

func (t *tailAccount) second(at int64) *tailSecond {
	s := t.seconds[at]
	if s == nil {
		s = &tailSecond{sent: map[string]struct{}{}}
		t.seconds[at] = s
	}
	return s
}

// send notes that the record is being sent and reports whether it was not sent before.
func (t *tailAccount) send(at int64, id string) bool {
	s := t.second(at)
	if _, again := s.sent[id]; again || s.closed {
		return false
	}
	s.sent[id] = struct{}{}
	s.told++
	s.touched = t.looks
	t.remembered++
	return true
}

// forget drops the seconds that no look reaches again and, of those that are left, the ids of the ones that have been quiet longest
// when there are too many.
func (t *tailAccount) forget(start time.Time) {
	for at, s := range t.seconds {
		if at < start.Unix() {
			t.remembered -= len(s.sent)
			delete(t.seconds, at)
		}
	}
	for t.remembered > tailRemembered {
		var quiet *tailSecond
		for _, s := range t.seconds {
			if len(s.sent) > 0 && (quiet == nil || s.touched < quiet.touched) {
				quiet = s
			}
		}
		t.remembered -= len(quiet.sent)
		quiet.sent, quiet.closed = nil, true
	}
}
