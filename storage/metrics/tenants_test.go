// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/metadata"
	promstorage "github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/tenant"
)

func openTenants(t *testing.T, dir string, cfg Config) *Tenants {
	t.Helper()
	ts, err := OpenTenants(dir, cfg, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, ts.Close()) })
	return ts
}

// put appends one sample with an exemplar, and metadata, and syncs.
func put(t *testing.T, s *Store, ls labels.Labels, v float64) {
	t.Helper()
	now := time.Now().UnixMilli()
	app := s.AppenderV2(t.Context())
	_, err := app.Append(0, ls, 0, now, v, nil, nil, promstorage.AOptions{Exemplars: []exemplar.Exemplar{{Labels: labels.FromStrings("trace_id", ls.Get("owner")), Value: v, Ts: now}}})
	require.NoError(t, err)
	require.NoError(t, app.Commit())
	require.NoError(t, s.Sync())
}

// readAs is all that the view shows a context: series with their newest value, label names and values, exemplars.
func readAs(t *testing.T, ctx context.Context, v View) (series map[string]float64, names, values []string, traces []string) { //nolint:revive // The context is what is tested.
	t.Helper()
	q, err := v.Querier(0, time.Now().UnixMilli())
	require.NoError(t, err)
	defer func() { require.NoError(t, q.Close()) }()
	all := labels.MustNewMatcher(labels.MatchRegexp, "__name__", ".+")
	series = map[string]float64{}
	set := q.Select(ctx, true, nil, all)
	for set.Next() {
		it := set.At().Iterator(nil)
		for it.Next() != chunkenc.ValNone {
			_, series[set.At().Labels().String()] = it.At()
		}
	}
	require.NoError(t, set.Err())
	names, _, err = q.LabelNames(ctx, nil, all)
	require.NoError(t, err)
	values, _, err = q.LabelValues(ctx, "owner", nil)
	require.NoError(t, err)
	cq, err := v.ChunkQuerier(0, time.Now().UnixMilli())
	require.NoError(t, err)
	defer func() { require.NoError(t, cq.Close()) }()
	n := 0
	for cs := cq.Select(ctx, true, nil, all); cs.Next(); n++ {
		require.Contains(t, series, cs.At().Labels().String())
	}
	require.Len(t, series, n, "as many series by chunks as by samples")
	eq, err := v.ExemplarQuerier(ctx)
	require.NoError(t, err)
	found, err := eq.Select(0, time.Now().UnixMilli(), []*labels.Matcher{all})
	require.NoError(t, err)
	for _, f := range found {
		for _, e := range f.Exemplars {
			traces = append(traces, e.Labels.Get("trace_id"))
		}
	}
	return series, names, values, traces
}

// TestTenantsAreApart: two tenants have series of equal names; each sees its own, whatever it asks.
func TestTenantsAreApart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "metrics")
	ts := openTenants(t, dir, DefaultConfig())
	for i, id := range []tenant.ID{"a", "b", tenant.Default} {
		own, err := ts.Tenant(id)
		require.NoError(t, err)
		put(t, own.Store, labels.FromStrings("__name__", "up", "job", "same"), float64(i+1))
		put(t, own.Store, labels.FromStrings("__name__", "mine", "owner", string(id)), float64(i+1))
		own.Metadata.Set("up", metadata.Metadata{Type: model.MetricTypeGauge, Help: "of " + string(id)})
	}
	v := ts.View()
	for i, id := range []tenant.ID{"a", "b", tenant.Default} {
		ctx := tenant.NewContext(t.Context(), id)
		series, names, values, traces := readAs(t, ctx, v)
		require.Equal(t, map[string]float64{`{__name__="mine", owner="` + string(id) + `"}`: float64(i + 1), `{__name__="up", job="same"}`: float64(i + 1)}, series)
		require.Equal(t, []string{"__name__", "job", "owner"}, names)
		require.Equal(t, []string{string(id)}, values)
		require.ElementsMatch(t, []string{string(id), ""}, traces)
		md, ok := v.MetadataFor(ctx).GetMetadata("up")
		require.True(t, ok)
		require.Equal(t, "of "+string(id), md.Help)
		require.True(t, ts.Known(ctx, labels.FromStrings("__name__", "mine", "owner", string(id))))
		require.False(t, ts.Known(ctx, labels.FromStrings("__name__", "mine", "owner", "someone")))
		require.DirExists(t, filepath.Join(dir, string(id), "wal"))
	}
	require.True(t, ts.Known(t.Context(), labels.FromStrings("__name__", "mine", "owner", "default")), "without a tenant the gateway means the default one")
	require.False(t, ts.Known(t.Context(), labels.FromStrings("__name__", "mine", "owner", "a")))
	for _, id := range []tenant.ID{"c", "../a", "a/../b"} {
		series, names, values, traces := readAs(t, tenant.NewContext(t.Context(), id), v)
		require.Empty(t, series)
		require.Empty(t, names)
		require.Empty(t, values)
		require.Empty(t, traces)
		require.Zero(t, v.MetadataFor(tenant.NewContext(t.Context(), id)).LengthMetadata())
	}
	require.NoDirExists(t, filepath.Join(dir, "c"), "reading makes no tenant")
	require.Same(t, ts.Lookup(tenant.Default).DB(), v.DB())
}

// TestViewOfNobody: a context of no tenant is refused everywhere.
func TestViewOfNobody(t *testing.T) {
	ts := openTenants(t, filepath.Join(t.TempDir(), "metrics"), DefaultConfig())
	v := ts.View()
	q, err := v.Querier(0, 1)
	require.NoError(t, err)
	require.ErrorIs(t, q.Select(t.Context(), false, nil).Err(), storage.ErrInvalid)
	_, _, err = q.LabelNames(t.Context(), nil)
	require.ErrorIs(t, err, storage.ErrInvalid)
	_, _, err = q.LabelValues(t.Context(), "x", nil)
	require.ErrorIs(t, err, storage.ErrInvalid)
	require.NoError(t, q.Close())
	cq, err := v.ChunkQuerier(0, 1)
	require.NoError(t, err)
	require.ErrorIs(t, cq.Select(t.Context(), false, nil).Err(), storage.ErrInvalid)
	require.NoError(t, cq.Close())
	_, err = v.ExemplarQuerier(t.Context())
	require.ErrorIs(t, err, storage.ErrInvalid)
	require.Zero(t, v.MetadataFor(t.Context()).LengthMetadata())
}

// TestTenantsReopened finds the tenants of before by their directories, and passes over what is none.
func TestTenantsReopened(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "metrics")
	ts, err := OpenTenants(dir, DefaultConfig(), slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	require.NoError(t, err)
	own, err := ts.Tenant("a")
	require.NoError(t, err)
	put(t, own.Store, labels.FromStrings("__name__", "up", "owner", "a"), 7)
	require.NoError(t, ts.Close())
	_, err = ts.Tenant("b")
	require.ErrorIs(t, err, errClosed)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "note"), nil, 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "Not a tenant"), 0o700))
	ts = openTenants(t, dir, DefaultConfig())
	require.Len(t, ts.all(), 2)
	series, _, _, _ := readAs(t, tenant.NewContext(t.Context(), "a"), ts.View()) // The rest was tested.
	require.Equal(t, map[string]float64{`{__name__="up", owner="a"}`: 7}, series)
	_, err = ts.Tenant("../x")
	require.ErrorIs(t, err, tenant.ErrInvalid)
}

// TestMetricsFromBeforeTenants moves a tsdb that lies in the directory itself, wherever a move was cut short.
func TestMetricsFromBeforeTenants(t *testing.T) {
	fill := func(t *testing.T, dir string) {
		t.Helper()
		s, err := Open(dir, DefaultConfig(), slog.New(slog.DiscardHandler), prometheus.NewRegistry())
		require.NoError(t, err)
		put(t, s, labels.FromStrings("__name__", "old", "owner", "x"), 3)
		require.NoError(t, s.Close())
	}
	for name, before := range map[string]func(t *testing.T, dir string){
		"whole":   func(t *testing.T, dir string) { t.Helper(); fill(t, dir) },
		"renamed": func(t *testing.T, dir string) { t.Helper(); fill(t, dir+movedSuffix) },
		"directory made": func(t *testing.T, dir string) {
			t.Helper()
			fill(t, dir+movedSuffix)
			require.NoError(t, os.Mkdir(dir, 0o700))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "metrics")
			before(t, dir)
			ts := openTenants(t, dir, DefaultConfig())
			series, _, _, _ := readAs(t, tenant.NewContext(t.Context(), tenant.Default), ts.View()) // As above.
			require.Equal(t, map[string]float64{`{__name__="old", owner="x"}`: 3}, series)
			require.NoDirExists(t, dir+movedSuffix)
			_, err := ts.Tenant("wal") // A tenant may have this name.
			require.NoError(t, err)
			require.NoError(t, ts.Close())
			again := openTenants(t, dir, DefaultConfig())
			require.NotNil(t, again.Lookup("wal"))
			series, _, _, _ = readAs(t, tenant.NewContext(t.Context(), tenant.Default), again.View()) // As above.
			require.Len(t, series, 1)
		})
	}
}

// TestSeriesBoundIsOneForAll: the bound is about memory, which all tenants share.
func TestSeriesBoundIsOneForAll(t *testing.T) {
	cfg := DefaultConfig()
	cfg.MaxSeries = 3
	ts := openTenants(t, filepath.Join(t.TempDir(), "metrics"), cfg)
	a, err := ts.Tenant("a")
	require.NoError(t, err)
	b, err := ts.Tenant("b")
	require.NoError(t, err)
	put(t, a.Store, labels.FromStrings("__name__", "one", "owner", "a"), 1)
	put(t, a.Store, labels.FromStrings("__name__", "two", "owner", "a"), 1)
	require.False(t, ts.Full())
	put(t, b.Store, labels.FromStrings("__name__", "one", "owner", "b"), 1)
	require.True(t, ts.Full())
	require.True(t, a.Full())
	app := b.AppenderV2(t.Context())
	_, err = app.Append(0, labels.FromStrings("__name__", "new"), 0, time.Now().UnixMilli(), 1, nil, nil, promstorage.AOptions{})
	require.ErrorIs(t, err, storage.ErrLimit)
	require.NoError(t, app.Rollback())
	put(t, a.Store, labels.FromStrings("__name__", "one", "owner", "a"), 2)
	require.NoError(t, ts.Err())
}

// TestTenantMadeAtOnce: many writers meet a new tenant at the same moment.
func TestTenantMadeAtOnce(t *testing.T) {
	ts := openTenants(t, filepath.Join(t.TempDir(), "metrics"), DefaultConfig())
	var wg sync.WaitGroup
	got := make([]*Tenant, 8)
	for i := range got {
		wg.Go(func() { got[i], _ = ts.Tenant("new") })
	}
	wg.Wait()
	for _, s := range got {
		require.NotNil(t, s)
		require.Same(t, got[0], s)
	}
}
