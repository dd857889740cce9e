// SPDX-License-Identifier: Apache-2.0

package prom

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/prometheus/promql"
	promstorage "github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"

	"github.com/strata-apm/strata/storage"
)

// Metrics evaluates PromQL. Safe for concurrent use. Errors wrap storage's kinds. The annotations say what an answer lacks.
type Metrics interface {
	// Instant evaluates an expression at one time. The result may be empty.
	Instant(ctx context.Context, expr string, at time.Time) (promql.Vector, annotations.Annotations, error)
	// Range evaluates an expression at every step of a range, both ends included.
	Range(ctx context.Context, expr string, r storage.TimeRange, step time.Duration) (promql.Matrix, annotations.Annotations, error)
}

// engineMetrics is Metrics by Prometheus's engine.
type engineMetrics struct {
	engine  *promql.Engine
	queryer promstorage.Queryable
}

// New evaluates with engine over the series of q.
func New(engine *promql.Engine, q promstorage.Queryable) Metrics {
	return &engineMetrics{engine: engine, queryer: q}
}

func (m *engineMetrics) Instant(ctx context.Context, expr string, at time.Time) (promql.Vector, annotations.Annotations, error) {
	q, err := m.engine.NewInstantQuery(ctx, m.queryer, nil, expr, at)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: evaluate %s: %w", storage.ErrBadQuery, expr, err)
	}
	defer q.Close()
	// The samples are copied: the engine takes its memory back at Close.
	res := q.Exec(ctx)
	v, err := res.Vector()
	return append(promql.Vector(nil), v...), res.Warnings, promError(err)
}

func (m *engineMetrics) Range(ctx context.Context, expr string, r storage.TimeRange, step time.Duration) (promql.Matrix, annotations.Annotations, error) {
	q, err := m.engine.NewRangeQuery(ctx, m.queryer, nil, expr, r.Start, r.End, step)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: evaluate %s: %w", storage.ErrBadQuery, expr, err)
	}
	defer q.Close()
	res := q.Exec(ctx)
	matrix, err := res.Matrix()
	if err != nil {
		return nil, nil, promError(err)
	}
	out := make(promql.Matrix, len(matrix))
	for i, s := range matrix {
		out[i] = promql.Series{Metric: s.Metric.Copy(), Floats: append([]promql.FPoint(nil), s.Floats...)}
	}
	return out, res.Warnings, nil
}

// promError gives the engine's errors storage's kinds.
func promError(err error) error {
	if err == nil {
		return nil
	}
	var (
		timeout  promql.ErrQueryTimeout
		canceled promql.ErrQueryCanceled
		tooMany  promql.ErrTooManySamples
	)
	switch {
	case errors.As(err, &canceled):
		return fmt.Errorf("%w: %w", context.Canceled, err)
	case errors.As(err, &timeout), errors.As(err, &tooMany):
		return fmt.Errorf("%w: %w", storage.ErrLimit, err)
	default:
		return fmt.Errorf("evaluate: %w", err)
	}
}
