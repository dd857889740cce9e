// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"encoding/hex"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/engine/supervise"
)

const benchRows = 50_000 // rows of a batch

// meter reports work per CPU-second of this process and the engine, merges included, and what is on disk.
type meter struct {
	b           *testing.B
	store       *Store
	sup         *supervise.Supervisor
	self, child time.Duration
}

func startMeter(b *testing.B, s *Store, sup *supervise.Supervisor) *meter {
	b.Helper()
	self, child := cpu(b, sup.State().PID)
	b.ResetTimer()
	return &meter{b, s, sup, self, child}
}

func (m *meter) report(rows, bytes int, table string) {
	m.b.StopTimer()
	self, _ := cpu(m.b, m.sup.State().PID)
	for deadline := time.Now().Add(time.Minute); m.ask("SELECT count() FROM system.merges") != "0" && time.Now().Before(deadline); {
		time.Sleep(100 * time.Millisecond)
	}
	_, child := cpu(m.b, m.sup.State().PID)
	seconds := (self - m.self + child - m.child).Seconds()
	disk, err := strconv.ParseFloat(m.ask("SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND table LIKE '"+table+"'"), 64)
	require.NoError(m.b, err)
	m.b.ReportMetric(float64(rows)/seconds, "rows/cpu-s")
	m.b.ReportMetric(float64(bytes)/1e6/seconds, "MB/cpu-s")
	m.b.ReportMetric(disk/float64(rows), "disk-B/row")
	m.b.ReportMetric((self-m.self).Seconds()*1e9/float64(rows), "own-ns/row")
}

func (m *meter) ask(query string) string {
	m.b.Helper()
	out, err := m.store.client.Send(m.b.Context(), url.Values{"database": {m.store.client.Database()}}, []byte(query))
	require.NoError(m.b, err)
	return strings.TrimSpace(string(out))
}

func BenchmarkAppendLogs(b *testing.B) {
	s, sup := openStore(b)
	g := newGenerator()
	batches, sizes := make([]plog.Logs, b.N), 0
	for i := range batches {
		var n int
		batches[i], n = g.logs(benchRows)
		sizes += n
	}
	m := startMeter(b, s, sup)
	for i := range batches {
		_, err := s.AppendLogs(b.Context(), storage.BatchID(strconv.Itoa(i)), batches[i:i+1])
		require.NoError(b, err)
	}
	m.report(b.N*benchRows, sizes, "otel_logs")
}

func BenchmarkAppendTraces(b *testing.B) {
	s, sup := openStore(b)
	g := newGenerator()
	batches := make([]ptrace.Traces, b.N)
	size, marshaler := 0, ptrace.ProtoMarshaler{}
	for i := range batches {
		batches[i] = g.traces(benchRows)
		size += marshaler.TracesSize(batches[i])
	}
	m := startMeter(b, s, sup)
	for i := range batches {
		_, err := s.AppendTraces(b.Context(), storage.BatchID(strconv.Itoa(i)), batches[i:i+1])
		require.NoError(b, err)
	}
	m.report(b.N*benchRows, size, "%traces%")
}

// BenchmarkEncode is the conversion of pdata to a block alone.
func BenchmarkEncode(b *testing.B) {
	g := newGenerator()
	ld, _ := g.logs(benchRows)
	td := g.traces(benchRows)
	b.Run("logs", func(b *testing.B) {
		block := newLogBlock()
		for b.Loop() {
			block.Reset()
			block.fill("b", []plog.Logs{ld})
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/row")
	})
	b.Run("traces", func(b *testing.B) {
		block := newTraceBlock()
		for b.Loop() {
			block.Reset()
			block.fill([]ptrace.Traces{td})
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/row")
	})
}

// BenchmarkRead asks what pages ask, over b.N iterations on two million rows of each signal.
func BenchmarkRead(b *testing.B) {
	s, sup := openStore(b)
	g := newGenerator()
	start := g.now
	var traceID string
	for i := range 40 {
		td := g.traces(benchRows)
		if i == 20 {
			id := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(100).TraceID()
			traceID = hex.EncodeToString(id[:])
		}
		_, err := s.AppendTraces(b.Context(), storage.BatchID(strconv.Itoa(i)), []ptrace.Traces{td})
		require.NoError(b, err)
	}
	spansEnd := g.now.Add(time.Second)
	g.now = start
	for i := range 40 {
		ld, _ := g.logs(benchRows)
		_, err := s.AppendLogs(b.Context(), storage.BatchID(strconv.Itoa(i)), []plog.Logs{ld})
		require.NoError(b, err)
	}
	rng := storage.TimeRange{Start: start.Add(-time.Hour), End: spansEnd}
	sel := func(f storage.Filter) storage.Selection { return storage.Selection{Filter: f, Range: rng} }
	attr := storage.Equals{Field: storage.Field{Kind: storage.FieldAttribute, Name: "user.id"}, Values: []storage.Pattern{{"user-4711"}}}
	service := storage.Equals{Field: storage.Field{Name: storage.FieldService}, Values: []storage.Pattern{{"payment"}}}
	for name, ask := range map[string]func() error{
		"trace by id": func() error {
			_, err := s.Trace(b.Context(), storage.TraceQuery{TraceID: traceID, Limit: 1000})
			return err
		},
		"traces newest": func() error {
			_, err := s.SearchTraces(b.Context(), storage.TraceSearch{Selection: sel(nil), Limit: 50})
			return err
		},
		"traces by service": func() error {
			_, err := s.SearchTraces(b.Context(), storage.TraceSearch{Selection: sel(service), Limit: 50})
			return err
		},
		"traces by attribute": func() error {
			_, err := s.SearchTraces(b.Context(), storage.TraceSearch{Selection: sel(attr), Limit: 50})
			return err
		},
		"traces slowest": func() error {
			_, err := s.SearchTraces(b.Context(), storage.TraceSearch{Selection: sel(nil), Limit: 50, Order: storage.SlowestFirst})
			return err
		},
		"trace facets": func() error { _, err := s.TraceFacets(b.Context(), sel(nil)); return err },
		"services": func() error {
			_, err := s.Services(b.Context(), storage.ServicesQuery{Range: rng, Points: 30})
			return err
		},
		"service": func() error {
			_, err := s.Service(b.Context(), storage.ServiceQuery{Name: "payment", Range: rng, Points: 120})
			return err
		},
		"logs newest": func() error {
			_, err := s.SearchLogs(b.Context(), storage.LogSearch{Selection: sel(nil), Limit: 200})
			return err
		},
		"logs absent word": func() error {
			_, err := s.SearchLogs(b.Context(), storage.LogSearch{Selection: sel(storage.Contains{Text: "quokka"}), Limit: 200})
			return err
		},
		"logs rare word": func() error {
			_, err := s.SearchLogs(b.Context(), storage.LogSearch{Selection: sel(storage.Contains{Text: "user-4711"}), Limit: 200})
			return err
		},
		"logs histogram": func() error { _, err := s.LogHistogram(b.Context(), sel(nil), 60); return err },
		"logs facets":    func() error { _, err := s.LogFacets(b.Context(), sel(nil)); return err },
	} {
		b.Run(name, func(b *testing.B) {
			self, child := cpu(b, sup.State().PID)
			for b.Loop() {
				require.NoError(b, ask())
			}
			self2, child2 := cpu(b, sup.State().PID)
			b.ReportMetric((self2-self+child2-child).Seconds()*1e3/float64(b.N), "cpu-ms/op")
		})
	}
}
