// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"sync"
	"time"

	"github.com/strata-apm/strata/signal"
)

const (
	saveInterval = 5 * time.Second
	// keepMinutes is how long rows by minute stay in memory and can be asked for.
	keepMinutes = 24 * 60
)

// Counts are the columns of one row.
type Counts struct {
	Received int64            `json:"received"`
	Accepted int64            `json:"accepted"`
	Refused  map[string]int64 `json:"refused,omitempty"`
	Stored   int64            `json:"stored"`
	Rejected map[string]int64 `json:"rejected,omitempty"`
	// Resent counts those of Accepted that came in a request whose bytes had been accepted before: the sender did not get the answer.
	Resent int64 `json:"resent,omitempty"`
}

// Sum adds up a column kept by reason.
func Sum(m map[string]int64) int64 {
	var n int64
	for _, v := range m {
		n += v
	}
	return n
}

func (c *Counts) clone() Counts {
	out := *c
	out.Refused = maps.Clone(c.Refused)
	out.Rejected = maps.Clone(c.Rejected)
	return out
}

// Row is the counts of one minute, signal and source.
type Row struct {
	Minute time.Time     `json:"minute"`
	Signal signal.Signal `json:"signal"`
	Source string        `json:"source"`
	Counts
}

// Item is a number of records of one signal from one source.
type Item struct {
	Signal signal.Signal
	Source string
	N      int64
}

// Outcome is what became of the item of the bus record at Offset.
type Outcome struct {
	Item
	Offset int64
	// Foreign says that another program put the record on the bus: no gateway counted it, so it is counted as received and accepted here.
	Foreign bool
	// Rejected counts those of N that the store did not take, by reason.
	Rejected map[string]int64
}

type rowKey struct {
	minute int64 // Unix minutes
	signal signal.Signal
	source string
}

type offsets struct {
	Accepted int64 `json:"accepted"`
	Stored   int64 `json:"stored"`
}

// Ledger is safe for concurrent use.
type Ledger struct {
	dir    string
	logger *slog.Logger
	now    func() time.Time

	mu      sync.Mutex
	totals  map[signal.Signal]*Counts
	rows    map[rowKey]*Counts
	offsets map[string]offsets
	flushed int64 // minute up to which rows are in the day files

	saveMu sync.Mutex
}

// Open reads what a former process left in dir.
func Open(dir string, logger *slog.Logger, now func() time.Time) (*Ledger, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create ledger directory: %w", err)
	}
	l := &Ledger{
		dir: dir, logger: logger, now: now, totals: map[signal.Signal]*Counts{}, rows: map[rowKey]*Counts{}, offsets: map[string]offsets{},
	}
	return l, l.load()
}

// Run saves the ledger from time to time until ctx ends, and once more then.
func (l *Ledger) Run(ctx context.Context) error {
	tick := time.NewTicker(saveInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return l.Save()
		case <-tick.C:
			if err := l.Save(); err != nil {
				l.logger.Error("ledger not saved", "err", err)
			}
		}
	}
}

// add calls f with the totals and this minute's row. Called with mu held.
func (l *Ledger) add(signal signal.Signal, source string, f func(*Counts)) {
	t := l.totals[signal]
	if t == nil {
		t = &Counts{}
		l.totals[signal] = t
	}
	f(t)
	k := rowKey{minute: l.now().Unix() / 60, signal: signal, source: source}
	r := l.rows[k]
	if r == nil {
		r = &Counts{}
		l.rows[k] = r
	}
	f(r)
}

// Refused counts n records that were received and not accepted.
func (l *Ledger) Refused(signal signal.Signal, source, reason string, n int) {
	if n <= 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.add(signal, source, func(c *Counts) {
		c.Received += int64(n)
		bump(&c.Refused, reason, int64(n))
	})
}

// Resent counts n records of an accepted request as sent before. OTLP allows that (a lost answer), and they may be stored twice.
func (l *Ledger) Resent(signal signal.Signal, source string, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.add(signal, source, func(c *Counts) { c.Resent += int64(n) })
}

func bump(m *map[string]int64, reason string, n int64) {
	if *m == nil {
		*m = map[string]int64{}
	}
	(*m)[reason] += n
}

// Accepted counts the item of the bus record at offset as received and accepted. Calls come in offset order within a partition; an
// offset counted before is passed over.
func (l *Ledger) Accepted(partition string, offset int64, it Item) {
	l.mu.Lock()
	defer l.mu.Unlock()
	o := l.offsets[partition]
	if offset < o.Accepted {
		return
	}
	o.Accepted = offset + 1
	l.offsets[partition] = o
	l.accept(it)
}

// AcceptedElsewhere counts an item that a bus outside this process took. Counts after the last save are lost when the
// process is killed: the bus cannot be asked who put a record there.
func (l *Ledger) AcceptedElsewhere(it Item) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.accept(it)
}

func (l *Ledger) accept(it Item) {
	l.add(it.Signal, it.Source, func(c *Counts) {
		c.Received += it.N
		c.Accepted += it.N
	})
}

// AcceptedOffset is the first offset of partition that Accepted has not seen.
func (l *Ledger) AcceptedOffset(partition string) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.offsets[partition].Accepted
}

// Stored counts outcomes, given in offset order, and saves the ledger; those of offsets counted before are passed over. It is called
// when the store holds the records: before the position moves past them where the partition is this process's for ever, after that
// where another process may own it meanwhile.
func (l *Ledger) Stored(partition string, outcomes []Outcome) error {
	l.mu.Lock()
	o := l.offsets[partition]
	for _, out := range outcomes {
		if out.Offset < o.Stored {
			continue
		}
		o.Stored = out.Offset + 1
		if out.Foreign {
			l.accept(out.Item)
		}
		l.add(out.Signal, out.Source, func(c *Counts) {
			c.Stored += out.N - Sum(out.Rejected)
			for reason, n := range out.Rejected {
				bump(&c.Rejected, reason, n)
			}
		})
	}
	l.offsets[partition] = o
	l.mu.Unlock()
	return l.Save()
}

// Rows returns the rows of the minutes that touch [start, end), newest first.
func (l *Ledger) Rows(start, end time.Time) []Row {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []Row
	for k, c := range l.rows {
		if minute := time.Unix(k.minute*60, 0).UTC(); minute.Add(time.Minute).After(start) && minute.Before(end) {
			out = append(out, Row{Minute: minute, Signal: k.signal, Source: k.source, Counts: c.clone()})
		}
	}
	sortRows(out)
	return out
}

// Totals returns the counts since the ledger began, by signal.
func (l *Ledger) Totals() map[signal.Signal]Counts {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make(map[signal.Signal]Counts, len(l.totals))
	for s, c := range l.totals {
		out[s] = c.clone()
	}
	return out
}

// Close saves the ledger.
func (l *Ledger) Close() error {
	if err := l.Save(); err != nil && !errors.Is(err, os.ErrClosed) {
		return fmt.Errorf("close ledger: %w", err)
	}
	return nil
}
