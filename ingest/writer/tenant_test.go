// SPDX-License-Identifier: Apache-2.0

package writer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/strata-apm/strata/ingest/bus"
	"github.com/strata-apm/strata/ingest/intake"
	"github.com/strata-apm/strata/signal"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/metrics"
	"github.com/strata-apm/strata/tenant"
)

// of puts the tenant into the headers of a record, as the gateway does.
func of(owner string, rec bus.Record) bus.Record {
	rec.Headers = append(rec.Headers, bus.Header{Key: intake.HeaderTenant, Value: owner})
	return rec
}

// TestSamplesOfTenants: one partition carries the same series of two tenants; each goes to its own tsdb, with its metadata. A record whose
// tenant cannot be one is rejected and counted.
func TestSamplesOfTenants(t *testing.T) {
	f := newFixture(t, t.TempDir())
	stores, err := metrics.OpenTenants(filepath.Join(f.dir, "metrics"), metrics.DefaultConfig(), slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, stores.Close()) })
	now := time.Now().Truncate(time.Millisecond)
	point := func(v float64) bus.Record {
		return metricsRequest(t, func(ms pmetric.MetricSlice) {
			m := ms.AppendEmpty()
			m.SetName("load")
			m.SetDescription("load " + strconv.Itoa(int(v)))
			p := m.SetEmptyGauge().DataPoints().AppendEmpty()
			p.SetTimestamp(pcommon.NewTimestampFromTime(now))
			p.SetDoubleValue(v)
		})
	}
	require.NoError(t, f.bus.Produce(t.Context(), signal.Metrics.Topic(), point(1), of("a", point(2)), of("b", point(3)), of("../c", point(4)), of("a", point(2))))
	w := NewSamples(f.options(signal.Metrics.Topic()), func(id tenant.ID) (SampleStore, MetadataSink, error) {
		own, err := stores.Tenant(id)
		if err != nil {
			return nil, nil, err
		}
		return own, own.Metadata, nil
	}, func(md MetadataSink) Translator { return NewOTLPTranslator(md, Translation{Lookback: 5 * time.Minute}) })
	f.run(t, signal.Metrics.Topic(), w.Handle, func() bool { return f.bus.Stats()[1].Committed == 5 })
	for id, want := range map[tenant.ID]float64{tenant.Default: 1, "a": 2, "b": 3} {
		own := stores.Lookup(id)
		require.NotNil(t, own, id)
		got := instant(t, own.Store, "load", now)
		require.Len(t, got, 1)
		require.InDelta(t, want, got[0].F, 0)
		md, ok := own.Metadata.GetMetadata("load")
		require.True(t, ok)
		require.Equal(t, "load "+strconv.Itoa(int(want)), md.Help)
	}
	totals := f.ledger.Totals()[signal.Metrics]
	require.Equal(t, map[string]int64{ReasonTenant: 1}, totals.Rejected)
	require.EqualValues(t, 4, totals.Stored)
}

// blockStore keeps what is appended by id, once, and fails as told.
type blockStore struct {
	mu     sync.Mutex
	stored map[storage.BatchID][]string // "tenant body" of each record, guarded by mu
	calls  []storage.BatchID            // guarded by mu
	fail   func(id storage.BatchID, call int) error
}

func newBlockStore() *blockStore { return &blockStore{stored: map[storage.BatchID][]string{}} }

func (s *blockStore) put(id storage.BatchID, rows []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, id)
	if s.fail != nil {
		if err := s.fail(id, len(s.calls)); err != nil {
			return err
		}
	}
	if s.stored[id] == nil {
		s.stored[id] = rows
	}
	return nil
}

// AppendLogs implements storage.LogAppender.
func (s *blockStore) AppendLogs(_ context.Context, id storage.BatchID, batch []storage.Owned[[]byte]) (int, error) {
	rows := []string{}
	for _, b := range batch {
		ld, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(b.Data)
		if err != nil {
			return 0, fmt.Errorf("%w: %w", storage.ErrInvalid, err)
		}
		rows = append(rows, string(b.Tenant)+" "+ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Body().AsString())
	}
	return len(rows), s.put(id, rows)
}

// AppendTraces implements storage.TraceAppender.
func (s *blockStore) AppendTraces(_ context.Context, id storage.BatchID, batch []storage.Owned[[]byte]) (int, error) {
	rows := []string{}
	for _, b := range batch {
		td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(b.Data)
		if err != nil {
			return 0, fmt.Errorf("%w: %w", storage.ErrInvalid, err)
		}
		rows = append(rows, string(b.Tenant)+" "+td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Name())
	}
	return len(rows), s.put(id, rows)
}

// counted is a block derived of logs: how many records each tenant has.
func (s *blockStore) counted(name string) Derived {
	return Derived{Name: name, Append: func(_ context.Context, id storage.BatchID, batch []storage.Owned[[]byte]) error {
		return s.put(id, []string{name + " " + strconv.Itoa(len(batch))})
	}}
}

func logRecord(t *testing.T, body string) bus.Record {
	t.Helper()
	ld := plog.NewLogs()
	ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body().SetStr(body)
	value, err := (&plog.ProtoMarshaler{}).MarshalLogs(ld)
	require.NoError(t, err)
	return bus.Record{Value: value, Headers: []bus.Header{{Key: intake.HeaderSource, Value: "s"}, {Key: intake.HeaderItems, Value: "1"}}}
}

func spanRecord(t *testing.T, name string) bus.Record {
	t.Helper()
	td := ptrace.NewTraces()
	td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty().SetName(name)
	value, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	require.NoError(t, err)
	return bus.Record{Value: value, Headers: []bus.Header{{Key: intake.HeaderSource, Value: "s"}, {Key: intake.HeaderItems, Value: "1"}}}
}

// writeLogs puts the records on the bus and runs a writer of logs until the position is past them.
func (f *fixture) writeLogs(t *testing.T, sink LogSink, recs ...bus.Record) {
	t.Helper()
	require.NoError(t, f.bus.Produce(t.Context(), signal.Logs.Topic(), recs...))
	opts := f.options(signal.Logs.Topic())
	opts.Linger = 50 * time.Millisecond
	f.run(t, signal.Logs.Topic(), NewBatches(opts, sink).Handle, func() bool {
		for _, st := range f.bus.Stats() {
			if st.Topic == signal.Logs.Topic() {
				return st.Next > 0 && st.Committed == st.Next
			}
		}
		return false
	})
}

func TestBatchesOfTenants(t *testing.T) {
	f := newFixture(t, t.TempDir())
	s := newBlockStore()
	f.writeLogs(t, LogSink{Appender: s}, logRecord(t, "1"), of("a", logRecord(t, "2")), of("A/..", logRecord(t, "3")), of("b", logRecord(t, "4")))
	var rows []string
	for _, r := range s.stored {
		rows = append(rows, r...)
	}
	require.ElementsMatch(t, []string{"default 1", "a 2", "b 4"}, rows)
	require.Equal(t, map[string]int64{ReasonTenant: 1}, f.ledger.Totals()[signal.Logs].Rejected)
	require.EqualValues(t, 3, f.ledger.Totals()[signal.Logs].Stored)

	outcomes, err := TraceSink{Appender: s}.Store(t.Context(), "spans", []bus.Message{{Record: of("a", spanRecord(t, "x"))}, {Record: spanRecord(t, "y")}})
	require.NoError(t, err)
	require.Len(t, outcomes, 2)
	require.Equal(t, []string{"a x", "default y"}, s.stored["spans"])
}

// TestDerivedBlocks: the blocks of a batch have ids of their own, and the position moves when all of them are stored.
func TestDerivedBlocks(t *testing.T) {
	f := newFixture(t, t.TempDir())
	s := newBlockStore()
	s.fail = func(id storage.BatchID, call int) error {
		if call == 2 { // The first block is stored, the second not: the batch comes again whole.
			return errors.Join(storage.ErrUnavailable, errors.New("away"))
		}
		return nil
	}
	f.writeLogs(t, LogSink{Appender: s, Derived: []Derived{s.counted("rollups"), s.counted("profiles")}}, logRecord(t, "1"), logRecord(t, "2"))
	require.Len(t, s.calls, 5)
	id := s.calls[0]
	require.Equal(t, []storage.BatchID{id, id + "+rollups", id, id + "+rollups", id + "+profiles"}, s.calls)
	require.Equal(t, map[storage.BatchID][]string{id: {"default 1", "default 2"}, id + "+rollups": {"rollups 2"}, id + "+profiles": {"profiles 2"}}, s.stored)
	require.EqualValues(t, 2, f.ledger.Totals()[signal.Logs].Stored)
}

// TestDerivedBlockRefusedForGood: the records count as stored, the other blocks are stored, the batch is kept aside under the block's name.
func TestDerivedBlockRefusedForGood(t *testing.T) {
	f := newFixture(t, t.TempDir())
	s := newBlockStore()
	s.fail = func(id storage.BatchID, _ int) error {
		if strings.HasSuffix(string(id), "+bad") {
			return errors.New("no such table")
		}
		return nil
	}
	f.writeLogs(t, LogSink{Appender: s, Derived: []Derived{s.counted("bad"), s.counted("good")}}, logRecord(t, "1"))
	id := s.calls[0]
	require.Contains(t, s.stored, id)
	require.Contains(t, s.stored, id.Block("good"))
	require.NotContains(t, s.stored, id.Block("bad"))
	require.FileExists(t, filepath.Join(f.dir, "quarantine", string(id)+"+bad.jsonl"))
	require.NoFileExists(t, filepath.Join(f.dir, "quarantine", string(id)+".jsonl"))
	require.EqualValues(t, 1, f.ledger.Totals()[signal.Logs].Stored)
	require.Empty(t, f.ledger.Totals()[signal.Logs].Rejected)
}

// TestRecordsRefusedForGood: then nothing is derived of them.
func TestRecordsRefusedForGood(t *testing.T) {
	f := newFixture(t, t.TempDir())
	s := newBlockStore()
	s.fail = func(storage.BatchID, int) error { return errors.New("cannot be stored") }
	f.writeLogs(t, LogSink{Appender: s, Derived: []Derived{s.counted("rollups")}}, logRecord(t, "1"))
	require.Len(t, s.calls, 1)
	require.FileExists(t, filepath.Join(f.dir, "quarantine", string(s.calls[0])+".jsonl"))
	require.Equal(t, map[string]int64{"refused_by_store": 1}, f.ledger.Totals()[signal.Logs].Rejected)
}
