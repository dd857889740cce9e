// SPDX-License-Identifier: Apache-2.0

package enrich

import (
	"cmp"
	"slices"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

const (
	attrPID        = "process.pid"
	attrExecutable = "process.executable.name"
	metricCPU      = "process.cpu.time"
	metricMemory   = "process.memory.usage"
)

// topProcesses keeps the limit busiest processes of a scrape, by CPU since the last scrape and by memory in turns, and moves their
// identity from the resource to the data points. Both bound cardinality: a host has the same number of process series whatever
// runs on it, and its processes do not become resources of their own, whose series would collide where only host attributes are
// promoted to labels.
//
// It is used by one receiver, which scrapes one after the other, so it needs no lock.
type topProcesses struct {
	limit int
	last  map[processKey]float64 // CPU seconds at the last scrape
}

// processKey tells a process from a later one with the same id.
type processKey struct {
	pid   int64
	start pcommon.Timestamp
}

type processUsage struct {
	key    processKey
	index  int
	cpu    float64
	memory int64
}

func (t *topProcesses) apply(md pmetric.Metrics) {
	var all []processUsage
	now := make(map[processKey]float64)
	for i, rm := range md.ResourceMetrics().All() {
		pid, ok := rm.Resource().Attributes().Get(attrPID)
		if !ok {
			continue
		}
		u := usage(rm)
		u.index, u.key.pid = i, pid.Int()
		now[u.key] = u.cpu
		u.cpu -= t.last[u.key]
		all = append(all, u)
	}
	if len(all) == 0 {
		return
	}
	t.last = now
	keep := pick(all, t.limit)
	merged := pmetric.NewMetrics()
	into := newProcessMerger(merged.ResourceMetrics().AppendEmpty())
	for i, rm := range md.ResourceMetrics().All() {
		if keep[i] {
			into.add(rm)
		}
	}
	md.ResourceMetrics().RemoveIf(func(rm pmetric.ResourceMetrics) bool {
		_, ok := rm.Resource().Attributes().Get(attrPID)
		return ok
	})
	merged.ResourceMetrics().MoveAndAppendTo(md.ResourceMetrics())
}

// pick returns the places of the chosen processes, alternately the next by CPU and the next by memory.
func pick(all []processUsage, limit int) map[int]bool {
	byCPU := slices.Clone(all)
	slices.SortFunc(byCPU, func(a, b processUsage) int {
		return cmp.Or(cmp.Compare(b.cpu, a.cpu), cmp.Compare(a.key.pid, b.key.pid))
	})
	byMemory := slices.Clone(all)
	slices.SortFunc(byMemory, func(a, b processUsage) int {
		return cmp.Or(cmp.Compare(b.memory, a.memory), cmp.Compare(a.key.pid, b.key.pid))
	})
	keep := make(map[int]bool, limit)
	for i := 0; i < len(all) && len(keep) < limit; i++ {
		keep[byCPU[i].index] = true
		if len(keep) < limit {
			keep[byMemory[i].index] = true
		}
	}
	return keep
}

func usage(rm pmetric.ResourceMetrics) processUsage {
	var u processUsage
	for _, sm := range rm.ScopeMetrics().All() {
		for _, m := range sm.Metrics().All() {
			if m.Type() != pmetric.MetricTypeSum {
				continue
			}
			for _, dp := range m.Sum().DataPoints().All() {
				switch m.Name() {
				case metricCPU:
					u.cpu += dp.DoubleValue()
					u.key.start = dp.StartTimestamp()
				case metricMemory:
					u.memory += dp.IntValue()
				}
			}
		}
	}
	return u
}

// processMerger gathers the metrics of many processes under one resource, one metric per name.
type processMerger struct {
	scope   pmetric.ScopeMetrics
	metrics map[string]pmetric.Metric
}

func newProcessMerger(rm pmetric.ResourceMetrics) *processMerger {
	return &processMerger{scope: rm.ScopeMetrics().AppendEmpty(), metrics: make(map[string]pmetric.Metric)}
}

func (p *processMerger) add(rm pmetric.ResourceMetrics) {
	pid, _ := rm.Resource().Attributes().Get(attrPID)
	name, _ := rm.Resource().Attributes().Get(attrExecutable)
	for _, sm := range rm.ScopeMetrics().All() {
		sm.Scope().CopyTo(p.scope.Scope())
		for _, m := range sm.Metrics().All() {
			if m.Type() != pmetric.MetricTypeSum {
				continue // The scraper has only sums; anything else has no place to keep its points.
			}
			points := p.metric(m).Sum().DataPoints()
			for _, dp := range m.Sum().DataPoints().All() {
				dp.Attributes().PutInt(attrPID, pid.Int())
				dp.Attributes().PutStr(attrExecutable, name.AsString())
				dp.CopyTo(points.AppendEmpty())
			}
		}
	}
}

func (p *processMerger) metric(like pmetric.Metric) pmetric.Metric {
	if m, ok := p.metrics[like.Name()]; ok {
		return m
	}
	m := p.scope.Metrics().AppendEmpty()
	m.SetName(like.Name())
	m.SetUnit(like.Unit())
	m.SetDescription(like.Description())
	sum := m.SetEmptySum()
	sum.SetIsMonotonic(like.Sum().IsMonotonic())
	sum.SetAggregationTemporality(like.Sum().AggregationTemporality())
	p.metrics[like.Name()] = m
	return m
}
