// SPDX-License-Identifier: Apache-2.0

package enrich

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// TestPick: places go to the next by CPU and the next by memory in turns, and ties to the lower process id.
func TestPick(t *testing.T) {
	process := func(index int, cpu float64, memory int64) processUsage {
		return processUsage{key: processKey{pid: int64(index)}, index: index, cpu: cpu, memory: memory}
	}
	all := []processUsage{process(0, 1, 10), process(1, 2, 40), process(2, 3, 20), process(3, 4, 30)}
	for name, tc := range map[string]struct {
		all   []processUsage
		limit int
		want  []int
	}{
		"none":                         {all, 0, nil},
		"the busiest by CPU":           {all, 1, []int{3}},
		"and by memory":                {all, 2, []int{3, 1}},
		"one that is both counts once": {all, 3, []int{3, 1, 2}},
		"more than there are":          {all, 9, []int{0, 1, 2, 3}},
		"ties":                         {[]processUsage{process(0, 1, 1), process(1, 1, 1), process(2, 1, 1)}, 2, []int{0, 1}},
		"no processes":                 {nil, 5, nil},
	} {
		t.Run(name, func(t *testing.T) {
			want := make(map[int]bool)
			for _, i := range tc.want {
				want[i] = true
			}
			require.Equal(t, want, pick(tc.all, tc.limit))
		})
	}
}

// TestProcessIDReused: a process that has the id of one that is gone starts from nothing.
func TestProcessIDReused(t *testing.T) {
	top := topProcesses{limit: 1}
	scrape := func(started pcommon.Timestamp, first, second float64) []int64 {
		md := pmetric.NewMetrics()
		addProcess(md, 1, first, 0)
		addProcess(md, 2, second, 0)
		for _, m := range md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
			for _, dp := range m.Sum().DataPoints().All() {
				dp.SetStartTimestamp(started)
			}
		}
		top.apply(md)
		return keptPIDs(md)
	}
	require.Equal(t, []int64{1}, scrape(100, 50, 1))
	require.Equal(t, []int64{2}, scrape(100, 51, 3), "1 burnt less since")
	require.Equal(t, []int64{1}, scrape(200, 40, 33), "another process with the id 1, and all of its CPU is new")
}

// TestMergedProcesses: one resource holds all processes, each point says whose it is, and what is no sum is left out.
func TestMergedProcesses(t *testing.T) {
	sink, p := new(consumertest.MetricsSink), newParts(t)
	proc, err := p.factory.CreateMetrics(t.Context(), p.settings("host"), &config{Attributes: map[string]string{"host.name": "h"}, Override: true, ProcessTop: 5}, sink)
	require.NoError(t, err)
	md := pmetric.NewMetrics()
	addProcess(md, 7, 1, 2)
	addProcess(md, 8, 1, 2)
	scope := md.ResourceMetrics().At(0).ScopeMetrics().At(0)
	scope.Scope().SetName("process")
	gauge := scope.Metrics().AppendEmpty()
	gauge.SetName("process.handles")
	gauge.SetEmptyGauge().DataPoints().AppendEmpty()
	cpu := scope.Metrics().At(0)
	cpu.SetUnit("s")
	cpu.SetDescription("CPU time")
	cpu.Sum().SetIsMonotonic(true)
	cpu.Sum().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	require.NoError(t, proc.ConsumeMetrics(t.Context(), md))
	got := sink.AllMetrics()[0]
	require.Equal(t, 1, got.ResourceMetrics().Len())
	require.Equal(t, map[string]any{"host.name": "h"}, got.ResourceMetrics().At(0).Resource().Attributes().AsRaw())
	metrics := got.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics()
	require.Equal(t, 2, metrics.Len())
	first := metrics.At(0)
	require.Equal(t, metricCPU, first.Name())
	require.Equal(t, "s", first.Unit())
	require.Equal(t, "CPU time", first.Description())
	require.True(t, first.Sum().IsMonotonic())
	require.Equal(t, pmetric.AggregationTemporalityCumulative, first.Sum().AggregationTemporality())
	require.Equal(t, map[string]any{"state": "user", attrPID: int64(7), attrExecutable: "p7"}, first.Sum().DataPoints().At(0).Attributes().AsRaw())
	require.Equal(t, 4, first.Sum().DataPoints().Len(), "two states of two processes")
}

// TestWithoutProcesses: metrics of the host pass as they are, and what was burnt is remembered over a scrape without processes.
func TestWithoutProcesses(t *testing.T) {
	top := topProcesses{limit: 1, last: map[processKey]float64{{pid: 1}: 5}}
	md := pmetric.NewMetrics()
	md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty().SetName("system.cpu.time")
	top.apply(md)
	require.Equal(t, 1, md.ResourceMetrics().Len())
	require.Len(t, top.last, 1)
}
