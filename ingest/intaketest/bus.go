// SPDX-License-Identifier: Apache-2.0

package intaketest

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/ingest/bus"
	"github.com/strata-apm/strata/ingest/intake"
	"github.com/strata-apm/strata/internal/ledger"
)

// MaxBody and InFlight are the limits of what New makes.
const (
	MaxBody  = 1 << 20
	InFlight = 16 << 20
)

// Bus keeps records in memory and counts them in a ledger, as a bus does. Safe for concurrent use.
type Bus struct {
	Ledger *ledger.Ledger

	mu   sync.Mutex
	recs map[string][]bus.Record                   // guarded by mu
	hook func(context.Context, []bus.Record) error // guarded by mu
}

// New returns an intake before a bus in memory, with the default limits of a record. change, unless nil, changes how it is made.
func New(tb testing.TB, change func(*intake.Options)) (*intake.Intake, *Bus) {
	tb.Helper()
	l, err := ledger.Open(tb.TempDir(), slog.New(slog.DiscardHandler), time.Now)
	require.NoError(tb, err)
	b := &Bus{Ledger: l, recs: map[string][]bus.Record{}}
	opts := intake.Options{Config: intake.DefaultConfig(), Producer: b, Ledger: l}
	opts.Config.MaxBodyBytes, opts.Config.InFlightBytes = MaxBody, InFlight
	if change != nil {
		change(&opts)
	}
	return intake.New(opts), b
}

// Produce implements bus.Producer.
func (b *Bus) Produce(ctx context.Context, topic string, recs ...bus.Record) error {
	b.mu.Lock()
	hook := b.hook
	b.mu.Unlock()
	if hook != nil {
		if err := hook(ctx, recs); err != nil {
			return err
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range recs {
		r.Value = bytes.Clone(r.Value)
		b.recs[topic] = append(b.recs[topic], r)
		source, n, _ := intake.RecordItem(r.Headers)
		b.Ledger.AcceptedElsewhere(ledger.Item{Signal: bus.SignalOf(topic), Source: source, N: n})
	}
	return nil
}

// Before has f called before records are kept; what it returns is the bus's error. nil takes it away.
func (b *Bus) Before(f func(ctx context.Context, recs []bus.Record) error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.hook = f
}

// Fail makes the bus refuse with err, or take again when that is nil.
func (b *Bus) Fail(err error) {
	if err == nil {
		b.Before(nil)
		return
	}
	b.Before(func(context.Context, []bus.Record) error { return err })
}

// Records are those of a topic.
func (b *Bus) Records(topic string) []bus.Record {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]bus.Record(nil), b.recs[topic]...)
}

// Len is how many records the bus holds.
func (b *Bus) Len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, recs := range b.recs {
		n += len(recs)
	}
	return n
}
