// SPDX-License-Identifier: Apache-2.0

package hosts

import (
	"context"
	"slices"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/util/annotations"

	"github.com/strata-apm/strata/storage"
)

// request evaluates what one answer needs and gathers the warnings. Not safe for concurrent use.
type request struct {
	metrics  Metrics
	warnings annotations.Annotations
}

func (r *request) instant(ctx context.Context, expr string, at time.Time) (promql.Vector, error) {
	v, warnings, err := r.metrics.Instant(ctx, expr, at)
	r.warnings.Merge(warnings)
	return v, err //nolint:wrapcheck // Named by the caller.
}

func (r *request) matrix(ctx context.Context, expr string, rng storage.TimeRange, step time.Duration) (promql.Matrix, error) {
	m, warnings, err := r.metrics.Range(ctx, expr, rng, step)
	r.warnings.Merge(warnings)
	return m, err //nolint:wrapcheck // Named by the caller.
}

const maxWarnings = 10 // as many as Prometheus's API shows

// texts are the warnings in order; PromQL's hints about an expression are left out, because the expressions are ours.
func (r *request) texts() []string {
	warnings, _ := r.warnings.AsStrings("", 0, 0)
	slices.Sort(warnings)
	return warnings[:min(len(warnings), maxWarnings)]
}
