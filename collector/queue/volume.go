// SPDX-License-Identifier: Apache-2.0

package queue

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

// Volume counts the records that each pipeline has queued, over all collectors that the agent runs one after the other. Safe for
// concurrent use.
type Volume struct {
	mu sync.Mutex
	// total is by pipeline; guarded by mu.
	total map[string]int64
	// past are earlier totals, the oldest first; guarded by mu.
	past []volumeAt
}

// volumeAt is the totals at one moment.
type volumeAt struct {
	at    time.Time
	total map[string]int64
}

// VolumeSection is what the status board shows.
type VolumeSection struct {
	// At is when it was counted, Unix seconds.
	At float64 `json:"at"`
	// Config is the hash of the pushed configuration that ran then.
	Config    string                  `json:"config"`
	Pipelines map[string]VolumeCounts `json:"pipelines"`
}

// VolumeCounts is about one pipeline: all records so far, and how many there were in a minute lately.
type VolumeCounts struct {
	Total     int64   `json:"total"`
	PerMinute float64 `json:"per_minute"`
}

// NewVolume returns a volume that counts from now on.
func NewVolume(now time.Time) *Volume {
	return &Volume{total: map[string]int64{}, past: []volumeAt{{at: now, total: map[string]int64{}}}}
}

func (v *Volume) add(pipeline string, n int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.total[pipeline] += int64(n)
}

// Section returns the counts and those of the last minute. In the first minute the rates are too low, never too high.
func (v *Volume) Section(now time.Time, config string) VolumeSection {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.past = append(v.past, volumeAt{now, maps.Clone(v.total)})
	for len(v.past) > 2 && now.Sub(v.past[1].at) >= volumeWindow {
		v.past = v.past[1:]
	}
	first := v.past[0]
	minutes := max(now.Sub(first.at), volumeWindow).Minutes()
	out := VolumeSection{At: float64(now.UnixMilli()) / 1000, Config: config, Pipelines: make(map[string]VolumeCounts, len(v.total))}
	for name, n := range v.total {
		out.Pipelines[name] = VolumeCounts{Total: n, PerMinute: float64(n-first.total[name]) / minutes}
	}
	return out
}

// CountMetrics counts what next has taken.
func (v *Volume) CountMetrics(name string, next consumer.Metrics) consumer.Metrics {
	return metricsCounter{Metrics: next, v: v, name: "metrics/" + name}
}

type metricsCounter struct {
	consumer.Metrics
	v    *Volume
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

// CountLogs is CountMetrics for log records.
func (v *Volume) CountLogs(name string, next consumer.Logs) consumer.Logs {
	if name == "logs" {
		name = "files" // As the pipeline is called.
	}
	return logsCounter{Logs: next, v: v, name: "logs/" + name}
}

type logsCounter struct {
	consumer.Logs
	v    *Volume
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

// CountTraces is CountMetrics for spans.
func (v *Volume) CountTraces(name string, next consumer.Traces) consumer.Traces {
	return tracesCounter{Traces: next, v: v, name: "traces/" + name}
}

type tracesCounter struct {
	consumer.Traces
	v    *Volume
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
