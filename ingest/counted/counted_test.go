// SPDX-License-Identifier: Apache-2.0

package counted

import (
	"context"
	"log/slog"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/strata-apm/strata/ingest/bus"
	"github.com/strata-apm/strata/ingest/bus/embedded"
	"github.com/strata-apm/strata/ingest/intake"
	"github.com/strata-apm/strata/internal/ledger"
	"github.com/strata-apm/strata/signal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newLedger(t *testing.T, dir string) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(dir, slog.New(slog.DiscardHandler), time.Now)
	require.NoError(t, err)
	return l
}

func openLog(t *testing.T, dir string, l *ledger.Ledger) *embedded.Bus {
	t.Helper()
	b, err := embedded.Open(dir, embedded.Options{
		Logger: slog.New(slog.DiscardHandler), Topics: bus.Topics(), LimitBytes: 1 << 20, SegmentBytes: 1 << 16, OnDurable: OnDurable(l),
	})
	require.NoError(t, err)
	return b
}

func record(source string, n int) bus.Record {
	return bus.Record{Value: []byte("x"), Headers: []bus.Header{{Key: intake.HeaderSource, Value: source}, {Key: intake.HeaderItems, Value: strconv.Itoa(n)}}}
}

// TestItem: what a record says of itself; one of another program says nothing.
func TestItem(t *testing.T) {
	require.Equal(t, ledger.Item{Signal: signal.Logs, Source: "shop", N: 7}, Item(signal.Logs.Topic(), record("shop", 7).Headers))
	require.Equal(t, ledger.Item{Signal: signal.Metrics, Source: "shop", N: 7}, Item(bus.TopicRemoteWrite, record("shop", 7).Headers))
	require.Zero(t, Item(signal.Traces.Topic(), nil).N)
}

// TestRecount: after a kill what the log took is counted from where the ledger was saved, once however often it is done.
func TestRecount(t *testing.T) {
	logDir, ledgerDir := t.TempDir(), t.TempDir()
	l := newLedger(t, ledgerDir)
	b := openLog(t, logDir, l)
	topic := signal.Logs.Topic()
	require.NoError(t, b.Produce(t.Context(), topic, record("a", 1), record("b", 2)))
	require.NoError(t, l.Save())
	require.NoError(t, b.Produce(t.Context(), topic, record("a", 4)))
	require.NoError(t, b.Produce(t.Context(), signal.Traces.Topic(), record("a", 8)))
	require.NoError(t, b.Produce(t.Context(), bus.TopicRemoteWrite, record("a", 16)))
	whole := l.Totals()
	require.Equal(t, int64(7), whole[signal.Logs].Accepted)
	require.NoError(t, b.Close())

	l = newLedger(t, ledgerDir) // The kill: nothing was saved since.
	require.Equal(t, int64(3), l.Totals()[signal.Logs].Accepted)
	b = openLog(t, logDir, l)
	for range 2 {
		require.NoError(t, Recount(t.Context(), b, l))
		require.Equal(t, whole, l.Totals())
	}
	require.NoError(t, b.Close())
}

// TestRecountOfEmpty: a log that holds nothing, or nothing new, is not read.
func TestRecountOfEmpty(t *testing.T) {
	l := newLedger(t, t.TempDir())
	require.NoError(t, Recount(t.Context(), unreadable{}, l))
	require.ErrorIs(t, Recount(t.Context(), unreadable{{Topic: "t", First: 3, Next: 4}}, l), bus.ErrUnavailable)
	require.ErrorContains(t, Recount(t.Context(), unreadable{{Topic: "t", First: 3, Next: 4}}, l), "read t from 3")
	l.Accepted("t-0", 3, ledger.Item{Signal: signal.Logs})
	require.NoError(t, Recount(t.Context(), unreadable{{Topic: "t", First: 3, Next: 4}}, l))
}

// unreadable is a log of which no record can be read.
type unreadable []bus.TopicStats

func (u unreadable) Stats() []bus.TopicStats { return u }
func (unreadable) Err() error                { return nil }

func (unreadable) Consume(ctx context.Context, _ string, handle func(context.Context, bus.Partition) error) error {
	return handle(ctx, torn{})
}

type torn struct{ bus.Partition }

func (torn) Fetch(context.Context, int64, int) ([]bus.Message, error) {
	return nil, bus.ErrUnavailable
}

// taker is a bus outside of this process.
type taker struct{ err error }

func (t taker) Produce(context.Context, string, ...bus.Record) error { return t.err }

// TestProducer: what the bus took is counted record by record; what it may not have taken is not, for the sender sends it again.
func TestProducer(t *testing.T) {
	l := newLedger(t, t.TempDir())
	require.NoError(t, Producer(taker{}, l).Produce(t.Context(), signal.Traces.Topic(), record("a", 3), record("b", 4)))
	require.Equal(t, int64(7), l.Totals()[signal.Traces].Accepted)
	require.Equal(t, int64(7), l.Totals()[signal.Traces].Received)
	for _, err := range []error{bus.ErrUnavailable, bus.ErrFull, bus.ErrTooLarge} {
		require.ErrorIs(t, Producer(taker{err}, l).Produce(t.Context(), signal.Traces.Topic(), record("a", 3)), err)
	}
	require.Equal(t, int64(7), l.Totals()[signal.Traces].Received)
}
