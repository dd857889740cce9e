// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"context"
	"maps"
	"sync"
	"time"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// volumeWindow is what a rate is taken over.
const volumeWindow = time.Minute

// volume counts the records that each pipeline has queued, over all collectors that the agent runs one after the other. Safe for
// concurrent use.
type volume struct {
	mu sync.Mutex
	// total is by pipeline; guarded by mu.
	total map[string]int64
	// past are earlier totals, the oldest first; guarded by mu.
	past []volumeAt
}

type volumeAt struct {
	at    time.Time
	total map[string]int64
}

// volumeSection is what the status board shows.
type volumeSection struct {
	// At is when it was counted, Unix seconds.
	At float64 `json:"at"`
	// Config is the hash of the pushed configuration that ran then.
	Config    string                  `json:"config"`
	Pipelines map[string]volumeCounts `json:"pipelines"`
}

type volumeCounts struct {
	Total     int64   `json:"total"`
	PerMinute float64 `json:"per_minute"`
}

func newVolume(now time.Time) *volume {
	return &volume{total: map[string]int64{}, past: []volumeAt{{at: now, total: map[string]int64{}}}}
}

func (v *volume) add(pipeline string, n int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.total[pipeline] += int64(n)
}

// section returns the counts and those of the last minute. In the first minute the rates are too low, never too high.
func (v *volume) section(now time.Time, config string) volumeSection {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.past = append(v.past, volumeAt{now, maps.Clone(v.total)})
	for len(v.past) > 2 && now.Sub(v.past[1].at) >= volumeWindow {
		v.past = v.past[1:]
	}
	first := v.past[0]
	minutes := max(now.Sub(first.at), volumeWindow).Minutes()
	out := volumeSection{At: float64(now.UnixMilli()) / 1000, Config: config, Pipelines: make(map[string]volumeCounts, len(v.total))}
	for name, n := range v.total {
		out.Pipelines[name] = volumeCounts{Total: n, PerMinute: float64(n-first.total[name]) / minutes}
	}
	return out
}

// countMetrics counts what next has taken.
func (v *volume) countMetrics(name string, next consumer.Metrics) consumer.Metrics {
	return metricsCounter{Metrics: next, v: v, name: "metrics/" + name}
}

type metricsCounter struct {
	consumer.Metrics
	v    *volume
	name string
}

func (c metricsCounter) ConsumeMetrics(ctx context.Context, md pmetric.Metrics) error {
	n := md.DataPointCount() // Before it is handed over.
	if err := c.Metrics.ConsumeMetrics(ctx, md); err != nil {
		return err
	}
	c.v.add(c.name, n)
	return nil
}

// countLogs is countMetrics for log records.
func (v *volume) countLogs(name string, next consumer.Logs) consumer.Logs {
	if name == "logs" {
		name = "files" // As the pipeline is called.
	}
	return logsCounter{Logs: next, v: v, name: "logs/" + name}
}

type logsCounter struct {
	consumer.Logs
	v    *volume
	name string
}

func (c logsCounter) ConsumeLogs(ctx context.Context, ld plog.Logs) error {
	n := ld.LogRecordCount()
	if err := c.Logs.ConsumeLogs(ctx, ld); err != nil {
		return err
	}
	c.v.add(c.name, n)
	return nil
}

// countTraces is countMetrics for spans.
func (v *volume) countTraces(name string, next consumer.Traces) consumer.Traces {
	return tracesCounter{Traces: next, v: v, name: "traces/" + name}
}

type tracesCounter struct {
	consumer.Traces
	v    *volume
	name string
}

func (c tracesCounter) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	n := td.SpanCount()
	if err := c.Traces.ConsumeTraces(ctx, td); err != nil {
		return err
	}
	c.v.add(c.name, n)
	return nil
}
