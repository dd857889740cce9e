// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"encoding/hex"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/search"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/clickhousetest"
	"github.com/strata-apm/strata/storage/storagetest"
	"github.com/strata-apm/strata/tenant"
)

func BenchmarkAppendLogs(b *testing.B) {
	s, sup := openStore(b)
	g := clickhousetest.NewGenerator()
	batches, sizes := make([][]storage.Owned[[]byte], b.N), 0
	for i := range batches {
		ld, n := g.Logs(clickhousetest.Rows)
		batches[i] = storagetest.Requests(b, tenant.Default, ld)
		sizes += n
	}
	m := clickhousetest.StartMeter(b, s.client, sup)
	for i := range batches {
		_, err := s.AppendLogs(b.Context(), storage.BatchID(strconv.Itoa(i)), batches[i])
		require.NoError(b, err)
	}
	m.Report(b.N*clickhousetest.Rows, sizes, "otel_logs")
}

func BenchmarkAppendTraces(b *testing.B) {
	s, sup := openStore(b)
	g := clickhousetest.NewGenerator()
	batches, size := make([][]storage.Owned[[]byte], b.N), 0
	for i := range batches {
		batches[i] = storagetest.Requests(b, tenant.Default, g.Traces(clickhousetest.Rows))
		size += len(batches[i][0].Data)
	}
	m := clickhousetest.StartMeter(b, s.client, sup)
	for i := range batches {
		_, err := s.AppendTraces(b.Context(), storage.BatchID(strconv.Itoa(i)), batches[i])
		require.NoError(b, err)
	}
	m.Report(b.N*clickhousetest.Rows, size, "%traces%")
}

// BenchmarkRead asks what pages ask, over b.N iterations on two million rows of each signal.
func BenchmarkRead(b *testing.B) {
	s, sup := openStore(b)
	g := clickhousetest.NewGenerator()
	start := g.Now
	var traceID string
	for i := range 40 {
		td := g.Traces(clickhousetest.Rows)
		if i == 20 {
			id := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(100).TraceID()
			traceID = hex.EncodeToString(id[:])
		}
		_, err := s.AppendTraces(b.Context(), storage.BatchID(strconv.Itoa(i)), storagetest.Requests(b, tenant.Default, td))
		require.NoError(b, err)
	}
	spansEnd := g.Now.Add(time.Second)
	g.Now = start
	for i := range 40 {
		ld, _ := g.Logs(clickhousetest.Rows)
		_, err := s.AppendLogs(b.Context(), storage.BatchID(strconv.Itoa(i)), storagetest.Requests(b, tenant.Default, ld))
		require.NoError(b, err)
	}
	rng := storage.TimeRange{Start: start.Add(-time.Hour), End: spansEnd}
	sel := func(f search.Filter) storage.Selection {
		return storage.Selection{Tenant: tenant.Default, Filter: f, Range: rng}
	}
	attr := search.Equals{Field: search.Field{Kind: search.FieldAttribute, Name: "user.id"}, Values: []search.Pattern{{"user-4711"}}}
	service := search.Equals{Field: search.Field{Name: search.FieldService}, Values: []search.Pattern{{"payment"}}}
	for name, ask := range map[string]func() error{
		"trace by id": func() error {
			_, err := s.Trace(b.Context(), storage.TraceQuery{Tenant: tenant.Default, TraceID: traceID, Limit: 1000})
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
			_, err := s.Services(b.Context(), storage.ServicesQuery{Tenant: tenant.Default, Range: rng, Points: 30})
			return err
		},
		"service": func() error {
			_, err := s.Service(b.Context(), storage.ServiceQuery{Tenant: tenant.Default, Name: "payment", Range: rng, Points: 120})
			return err
		},
		"dependencies": func() error {
			_, err := s.Dependencies(b.Context(), storage.TopologyQuery{Tenant: tenant.Default, Range: rng, Limit: 10_000})
			return err
		},
		"links": func() error {
			_, err := s.Links(b.Context(), storage.TopologyQuery{Tenant: tenant.Default, Range: rng, Limit: 10_000, MaxSpans: 300_000})
			return err
		},
		"logs newest": func() error {
			_, err := s.SearchLogs(b.Context(), storage.LogSearch{Selection: sel(nil), Limit: 200})
			return err
		},
		"logs absent word": func() error {
			_, err := s.SearchLogs(b.Context(), storage.LogSearch{Selection: sel(search.Contains{Text: "quokka"}), Limit: 200})
			return err
		},
		"logs rare word": func() error {
			_, err := s.SearchLogs(b.Context(), storage.LogSearch{Selection: sel(search.Contains{Text: "user-4711"}), Limit: 200})
			return err
		},
		"logs histogram": func() error { _, err := s.LogHistogram(b.Context(), sel(nil), 60); return err },
		"logs facets":    func() error { _, err := s.LogFacets(b.Context(), sel(nil)); return err },
	} {
		b.Run(name, func(b *testing.B) {
			self, child := clickhousetest.CPU(b, sup.State().PID)
			for b.Loop() {
				require.NoError(b, ask())
			}
			self2, child2 := clickhousetest.CPU(b, sup.State().PID)
			b.ReportMetric((self2-self+child2-child).Seconds()*1e3/float64(b.N), "cpu-ms/op")
		})
	}
}
