// SPDX-License-Identifier: Apache-2.0

package prom

import (
	"context"
	"slices"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/util/annotations"

	"github.com/strata-apm/strata/storage"
)

// Request evaluates what one answer needs and gathers the warnings. Not safe for concurrent use.
type Request struct {
	metrics  Metrics
	warnings annotations.Annotations
}

// NewRequest evaluates by m.
func NewRequest(m Metrics) *Request { return &Request{metrics: m} }

// Instant is Metrics.Instant without the annotations, which it keeps.
func (r *Request) Instant(ctx context.Context, expr string, at time.Time) (promql.Vector, error) {
	v, warnings, err := r.metrics.Instant(ctx, expr, at)
	r.warnings.Merge(warnings)
	return v, err // Named by the caller.
}

// Range is Metrics.Range without the annotations, which it keeps.
func (r *Request) Range(ctx context.Context, expr string, rng storage.TimeRange, step time.Duration) (promql.Matrix, error) {
	m, warnings, err := r.metrics.Range(ctx, expr, rng, step)
	r.warnings.Merge(warnings)
	return m, err // Named by the caller.
}

const maxWarnings = 10 // as many as Prometheus's API shows

// Warnings are those of everything evaluated so far, in order of their texts, the first ten. PromQL's hints about an expression are left
// out, because the expressions are ours.
func (r *Request) Warnings() []string {
	warnings, _ := r.warnings.AsStrings("", 0, 0)
	slices.Sort(warnings)
	return warnings[:min(len(warnings), maxWarnings)]
}
