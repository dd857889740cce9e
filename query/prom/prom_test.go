// SPDX-License-Identifier: Apache-2.0

package prom_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/util/annotations"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/query/prom"
	"github.com/strata-apm/strata/storage"
)

const load = `
load 30s
	a{x="1"} 0+1x10
	a{x="2"} 0+2x10
`

func metrics(t *testing.T, maxSamples int) prom.Metrics {
	t.Helper()
	store := promqltest.LoadedStorage(t, load)
	t.Cleanup(func() { _ = store.Close() })
	return prom.New(promqltest.NewTestEngine(t, false, 0, maxSamples), store)
}

func TestResultsOutliveTheEvaluation(t *testing.T) {
	m := metrics(t, 1000)
	v, _, err := m.Instant(t.Context(), "a", time.Unix(60, 0))
	require.NoError(t, err)
	matrix, _, err := m.Range(t.Context(), "sum(a)", storage.TimeRange{Start: time.Unix(0, 0), End: time.Unix(60, 0)}, 30*time.Second)
	require.NoError(t, err)
	for range 10 { // The engine would use their memory again.
		_, _, err := m.Range(t.Context(), "a * 100", storage.TimeRange{Start: time.Unix(0, 0), End: time.Unix(60, 0)}, 30*time.Second)
		require.NoError(t, err)
	}
	require.Len(t, v, 2)
	require.InDelta(t, 6, v[0].F+v[1].F, 0)
	require.Equal(t, []promql.FPoint{{T: 0, F: 0}, {T: 30_000, F: 3}, {T: 60_000, F: 6}}, matrix[0].Floats)
}

func TestErrorsHaveTheKindsOfStorage(t *testing.T) {
	for expr, want := range map[string]error{"a{": storage.ErrBadQuery, "a + on() group_left a": nil} {
		_, _, err := metrics(t, 1000).Instant(t.Context(), expr, time.Unix(60, 0))
		require.Error(t, err)
		if want != nil {
			require.ErrorIs(t, err, want)
		}
	}
	_, _, err := metrics(t, 1).Range(t.Context(), "a", storage.TimeRange{Start: time.Unix(0, 0), End: time.Unix(300, 0)}, time.Second)
	require.ErrorIs(t, err, storage.ErrLimit)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err = metrics(t, 1000).Instant(ctx, "a", time.Unix(60, 0))
	require.ErrorIs(t, err, context.Canceled)
}

// warning answers with nothing but a warning of its own for each expression.
type warning struct{}

func (warning) Instant(_ context.Context, expr string, _ time.Time) (promql.Vector, annotations.Annotations, error) {
	return nil, annotations.New().Add(errors.New(expr)), nil
}

func (warning) Range(_ context.Context, expr string, _ storage.TimeRange, _ time.Duration) (promql.Matrix, annotations.Annotations, error) {
	return nil, annotations.New().Add(errors.New(expr)), nil
}

func TestRequestGathersWarnings(t *testing.T) {
	r := prom.NewRequest(warning{})
	require.Empty(t, r.Warnings())
	for _, expr := range []string{"b", "a", "b"} {
		_, err := r.Instant(t.Context(), expr, time.Now())
		require.NoError(t, err)
	}
	_, err := r.Range(t.Context(), "c", storage.TimeRange{}, time.Second)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b", "c"}, r.Warnings())
	for i := range 20 {
		_, err := r.Instant(t.Context(), fmt.Sprintf("w%02d", i), time.Now())
		require.NoError(t, err)
	}
	require.Len(t, r.Warnings(), 10)
}

// TestRange: both ends of a range are evaluated, and what has no sample there is left out.
func TestRange(t *testing.T) {
	m := metrics(t, 1000)
	rng := storage.TimeRange{Start: time.Unix(30, 0), End: time.Unix(90, 0)}
	matrix, warnings, err := m.Range(t.Context(), `a{x="2"}`, rng, 30*time.Second)
	require.NoError(t, err)
	require.Empty(t, warnings)
	require.Len(t, matrix, 1)
	require.Equal(t, "2", matrix[0].Metric.Get("x"))
	require.Equal(t, []promql.FPoint{{T: 30_000, F: 2}, {T: 60_000, F: 4}, {T: 90_000, F: 6}}, matrix[0].Floats)
	matrix, _, err = m.Range(t.Context(), "none", rng, 30*time.Second)
	require.NoError(t, err)
	require.Empty(t, matrix)
	_, _, err = m.Range(t.Context(), "sum(", rng, 30*time.Second)
	require.ErrorIs(t, err, storage.ErrBadQuery)
}
