// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"cmp"
	"slices"
	"time"

	"github.com/strata-apm/strata/ingest/bus"
	"github.com/strata-apm/strata/internal/ledger"
	"github.com/strata-apm/strata/signal"
)

// LedgerRow is what one source sent of one signal within a minute.
type LedgerRow struct {
	Minute   time.Time        `json:"minute"`
	Signal   signal.Signal    `json:"signal" enum:"metrics,traces,logs"`
	Source   string           `json:"source"`
	Received int64            `json:"received"`
	Accepted int64            `json:"accepted"`
	Refused  map[string]int64 `json:"refused"`
	Stored   int64            `json:"stored"`
	Rejected map[string]int64 `json:"rejected"`
	Resent   int64            `json:"resent"`
}

// LedgerTotal are the sums of one signal since the ledger began.
type LedgerTotal struct {
	Signal   signal.Signal `json:"signal" enum:"metrics,traces,logs"`
	Received int64         `json:"received"`
	Accepted int64         `json:"accepted"`
	Refused  int64         `json:"refused"`
	Stored   int64         `json:"stored"`
	Rejected int64         `json:"rejected"`
	Resent   int64         `json:"resent"`
	InFlight int64         `json:"in_flight"`
	Balanced bool          `json:"balanced"`
}

// BusRow is one partition of the bus.
type BusRow struct {
	Topic     string     `json:"topic"`
	Partition int        `json:"partition"`
	First     int64      `json:"first_offset"`
	Next      int64      `json:"next_offset"`
	Committed int64      `json:"committed_offset"`
	Lag       int64      `json:"lag_records"`
	Bytes     int64      `json:"bytes"`
	Limit     int64      `json:"limit_bytes"`
	Oldest    *time.Time `json:"oldest"`
}

// LedgerAnswer is the account of what was received, refused and stored, of one process or of all.
type LedgerAnswer struct {
	Rows     []LedgerRow   `json:"rows"`
	Totals   []LedgerTotal `json:"totals"`
	Bus      []BusRow      `json:"bus"`
	Warnings []string      `json:"warnings"`
}

// LocalLedger is what this process counted. stats is asked twice: what arrives while the counts are read is in flight, not missing.
func LocalLedger(l *ledger.Ledger, stats func() []bus.TopicStats, start, end time.Time) LedgerAnswer {
	before, counts, after := stats(), l.Totals(), stats()
	ans := LedgerAnswer{Rows: []LedgerRow{}, Totals: totals(counts, before, after), Bus: busRows(after), Warnings: []string{}}
	for _, row := range l.Rows(start, end) {
		ans.Rows = append(ans.Rows, LedgerRow{
			Minute: row.Minute, Signal: row.Signal, Source: row.Source, Received: row.Received, Accepted: row.Accepted,
			Refused: orEmpty(row.Refused), Stored: row.Stored, Rejected: orEmpty(row.Rejected), Resent: row.Resent,
		})
	}
	return ans
}

func busRows(stats []bus.TopicStats) []BusRow {
	out := make([]BusRow, 0, len(stats))
	for _, st := range stats {
		b := BusRow{
			Topic: st.Topic, Partition: st.Partition, First: st.First, Next: st.Next, Committed: st.Committed,
			Lag: st.Next - st.Committed, Bytes: st.Bytes, Limit: st.LimitBytes,
		}
		if !st.Oldest.IsZero() {
			b.Oldest = &st.Oldest
		}
		out = append(out, b)
	}
	return out
}

func orEmpty(m map[string]int64) map[string]int64 {
	if m == nil {
		return map[string]int64{}
	}
	return m
}

// totals balances the columns: with an idle, empty bus nothing may be in flight, and never less than nothing.
func totals(counts map[signal.Signal]ledger.Counts, before, after []bus.TopicStats) []LedgerTotal {
	busy := map[signal.Signal]bool{}
	for i, st := range after {
		if st.Next > st.Committed || i >= len(before) || before[i].Next > before[i].Committed || before[i].Next != st.Next {
			busy[bus.SignalOf(st.Topic)] = true
		}
	}
	out := make([]LedgerTotal, 0, len(signal.All()))
	for _, s := range signal.All() {
		c := counts[s]
		t := LedgerTotal{
			Signal: s, Received: c.Received, Accepted: c.Accepted, Refused: ledger.Sum(c.Refused), Stored: c.Stored, Rejected: ledger.Sum(c.Rejected), Resent: c.Resent,
		}
		t.InFlight = t.Accepted - t.Stored - t.Rejected
		t.Balanced = t.Received == t.Accepted+t.Refused && t.InFlight >= 0 && (t.InFlight == 0 || busy[s])
		out = append(out, t)
	}
	return out
}

// forgetStored leaves out what a replica stored.
func (l *LedgerAnswer) forgetStored() {
	for i := range l.Rows {
		l.Rows[i].Stored, l.Rows[i].Rejected = 0, nil
	}
	for i := range l.Totals {
		l.Totals[i].Stored, l.Totals[i].Rejected = 0, 0
	}
}

// merge adds what another process counted.
func (l *LedgerAnswer) merge(o LedgerAnswer) {
	type key struct {
		minute int64
		signal signal.Signal
		source string
	}
	at := map[key]int{}
	for i, r := range l.Rows {
		at[key{r.Minute.Unix(), r.Signal, r.Source}] = i
	}
	for _, r := range o.Rows {
		i, ok := at[key{r.Minute.Unix(), r.Signal, r.Source}]
		if !ok {
			l.Rows = append(l.Rows, r)
			continue
		}
		to := &l.Rows[i]
		to.Received, to.Accepted, to.Stored, to.Resent = to.Received+r.Received, to.Accepted+r.Accepted, to.Stored+r.Stored, to.Resent+r.Resent
		to.Refused, to.Rejected = sumMaps(to.Refused, r.Refused), sumMaps(to.Rejected, r.Rejected)
	}
	slices.SortFunc(l.Rows, func(a, b LedgerRow) int {
		return cmp.Or(b.Minute.Compare(a.Minute), cmp.Compare(a.Signal, b.Signal), cmp.Compare(a.Source, b.Source))
	})
	for _, t := range o.Totals {
		i := slices.IndexFunc(l.Totals, func(x LedgerTotal) bool { return x.Signal == t.Signal })
		if i < 0 { // A process of another release knows signals that this one does not.
			l.Totals = append(l.Totals, t)
			continue
		}
		to := &l.Totals[i]
		to.Received, to.Accepted, to.Refused = to.Received+t.Received, to.Accepted+t.Accepted, to.Refused+t.Refused
		to.Stored, to.Rejected, to.Resent = to.Stored+t.Stored, to.Rejected+t.Rejected, to.Resent+t.Resent
	}
	if len(l.Bus) == 0 { // Every process that knows the bus says the same of it.
		l.Bus = o.Bus
	}
}

func sumMaps(a, b map[string]int64) map[string]int64 {
	out := map[string]int64{}
	for _, m := range []map[string]int64{a, b} {
		for k, v := range m {
			out[k] += v
		}
	}
	return out
}

// balance says again whether the sums balance. Processes are asked one after the other and learn of the bus some seconds later, so while
// anything arrived in the last minute some may be in flight.
func (l *LedgerAnswer) balance() {
	busy := map[signal.Signal]bool{}
	for _, r := range l.Rows {
		if time.Since(r.Minute) < 2*time.Minute {
			busy[r.Signal] = true
		}
	}
	for _, b := range l.Bus {
		if b.Lag > 0 {
			busy[bus.SignalOf(b.Topic)] = true
		}
	}
	for i := range l.Totals {
		t := &l.Totals[i]
		t.InFlight = t.Accepted - t.Stored - t.Rejected
		t.Balanced = t.Received == t.Accepted+t.Refused && (t.InFlight == 0 || t.InFlight > 0 && busy[t.Signal])
	}
}
