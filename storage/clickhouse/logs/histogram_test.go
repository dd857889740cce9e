// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/strata-apm/strata/search"
	"github.com/strata-apm/strata/signal"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/clickhousetest"
	"github.com/strata-apm/strata/storage/clickhouse/client"
	"github.com/strata-apm/strata/storage/storagetest"
	"github.com/strata-apm/strata/tenant"
)

// TestHistogramEdges: a record counts once, in its bucket, wherever in a second the range begins and ends.
func TestHistogramEdges(t *testing.T) {
	c, _ := clickhousetest.Open(t)
	s := New(c)
	base := time.Now().Add(-time.Hour).Truncate(time.Minute).UTC()
	random := rand.New(rand.NewPCG(7, 7))
	offset := func() time.Duration {
		of := []time.Duration{0, 1, time.Second - 1, time.Duration(random.Int64N(int64(time.Second)))}
		return time.Duration(random.IntN(5))*time.Second + of[random.IntN(len(of))]
	}
	ld := clickhousetest.LogsOf(base, 500, func(i int) string { return []string{"even", "odd"}[i%2] })
	var times []time.Time
	for i, lr := range ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
		at := base.Add(offset())
		lr.SetTimestamp(pcommon.NewTimestampFromTime(at))
		if i%2 == 1 {
			times = append(times, at)
		}
	}
	_, err := s.AppendLogs(t.Context(), "a", storagetest.Requests(t, tenant.Default, ld))
	require.NoError(t, err)
	odd, err := search.Parse(signal.Logs, "odd")
	require.NoError(t, err)
	for range 60 {
		r := storage.TimeRange{Start: base.Add(offset()), End: base.Add(offset())}
		if !r.Start.Before(r.End) {
			continue
		}
		h, err := s.LogHistogram(t.Context(), storage.Selection{Tenant: tenant.Default, Filter: odd, Range: r}, 1+random.IntN(10))
		require.NoError(t, err)
		want := make([]uint64, len(h.Buckets))
		total := uint64(0)
		for _, at := range times {
			if !at.Before(r.Start) && at.Before(r.End) {
				want[at.Sub(h.Buckets[0].Start)/h.Step]++
				total++
			}
		}
		got := make([]uint64, len(h.Buckets))
		for i, b := range h.Buckets {
			got[i] = b.Total
		}
		require.Equal(t, total, h.Total, "%s to %s", r.Start, r.End)
		require.Equal(t, want, got, "%s to %s by %s", r.Start, r.End, h.Step)
	}
}

// TestConditions: the nanoseconds are read only for seconds that are not whole.
func TestConditions(t *testing.T) {
	at := time.Unix(1_700_000_000, 0)
	for name, c := range map[string]struct {
		start, end time.Time
		parts      int
		nanos      bool
	}{
		"whole seconds":       {at, at.Add(time.Hour), 1, false},
		"a part of the first": {at.Add(1), at.Add(time.Hour), 2, false},
		"a part of the last":  {at, at.Add(time.Hour + 1), 2, false},
		"of both":             {at.Add(1), at.Add(time.Hour + 1), 3, false},
		"within a second":     {at.Add(1), at.Add(2), 1, true},
		"over one border":     {at.Add(time.Second - 1), at.Add(time.Second + 1), 1, true},
		"beyond DateTime":     {at, time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC), 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := conditions(client.For(tenant.Default), storage.Selection{Tenant: tenant.Default, Range: storage.TimeRange{Start: c.start, End: c.end}})
			require.NoError(t, err)
			require.Len(t, got, c.parts)
			if c.nanos {
				require.Contains(t, got[0], "AND Timestamp >=")
			} else {
				require.NotContains(t, got[0], "AND Timestamp >=")
			}
		})
	}
}
