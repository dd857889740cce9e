// SPDX-License-Identifier: Apache-2.0

package rollup_test

import (
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/rollup"
)

const (
	second = int64(time.Second)
	// midday is the start of an hour, in nanoseconds since 1970.
	midday = int64(1_800_000_000-1_800_000_000%3600) * second
)

// planOf returns a plan of spans with the budget, as many dimensions as there are names and a step of 10 s. Without measures it counts.
func planOf(tb testing.TB, budget rollup.Budget, dimensions []string, measures ...rollup.Measure) *rollup.Plan {
	tb.Helper()
	if len(measures) == 0 {
		measures = []rollup.Measure{{Func: rollup.FuncCount}}
	}
	p, err := rollup.Compile(rollup.Definition{
		Name: "test", Source: rollup.Spans, Dimensions: dimensions, Measures: measures, Budget: budget,
		Step: model.Duration(10 * time.Second), Retention: model.Duration(365 * 24 * time.Hour),
	})
	require.NoError(tb, err)
	return p
}
