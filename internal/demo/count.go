// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
)

// counts is what the server acknowledged.
type counts struct {
	spans, logs, points, failed atomic.Int64
}

func (c *counts) summary() Summary {
	return Summary{Spans: c.spans.Load(), LogRecords: c.logs.Load(), DataPoints: c.points.Load(), Failed: c.failed.Load()}
}

func (c *counts) add(to *atomic.Int64, n int, err error) {
	if err != nil {
		c.failed.Add(int64(n))
		return
	}
	to.Add(int64(n))
}

// bound returns the context of one export, made of the one that the SDK gives, and what frees it.
type bound func(context.Context) (context.Context, context.CancelFunc)

// until returns a bound that ends every export with end: the SDK retries for longer than a shutdown may take.
func until(end context.Context) bound {
	return func(ctx context.Context) (context.Context, context.CancelFunc) {
		ctx, cancel := context.WithCancel(ctx)
		stop := context.AfterFunc(end, cancel)
		return ctx, func() {
			stop()
			cancel()
		}
	}
}

// spanExporter counts the spans of the batches that were sent.
type spanExporter struct {
	trace.SpanExporter
	within bound
	counts *counts
}

func (e *spanExporter) ExportSpans(ctx context.Context, spans []trace.ReadOnlySpan) error {
	ctx, cancel := e.within(ctx)
	defer cancel()
	err := e.SpanExporter.ExportSpans(ctx, spans)
	e.counts.add(&e.counts.spans, len(spans), err)
	return err
}

// exportTimeout is the SDK's own for an export of metrics.
const exportTimeout = 30 * time.Second

// metricExporter counts data points and is shared by many readers, so it sends one at a time and outlives each.
type metricExporter struct {
	metric.Exporter
	mu     sync.Mutex // Serialises Export, which the SDK promises per reader only.
	within bound
	counts *counts
}

func (e *metricExporter) Export(ctx context.Context, rm *metricdata.ResourceMetrics) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := dataPoints(rm)
	if n == 0 {
		return nil
	}
	// Shutdown cancels an export under way; then nobody could say whether it arrived.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), exportTimeout)
	defer cancel()
	ctx, free := e.within(ctx)
	defer free()
	err := e.Exporter.Export(ctx, rm)
	e.counts.add(&e.counts.points, n, err)
	return err
}

// Shutdown does nothing; output.close ends the exporter after its last reader.
func (*metricExporter) Shutdown(context.Context) error { return nil }

func dataPoints(rm *metricdata.ResourceMetrics) int {
	n := 0
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			switch d := m.Data.(type) {
			case metricdata.Gauge[int64]:
				n += len(d.DataPoints)
			case metricdata.Gauge[float64]:
				n += len(d.DataPoints)
			case metricdata.Sum[int64]:
				n += len(d.DataPoints)
			case metricdata.Sum[float64]:
				n += len(d.DataPoints)
			case metricdata.Histogram[int64]:
				n += len(d.DataPoints)
			case metricdata.Histogram[float64]:
				n += len(d.DataPoints)
			}
		}
	}
	return n
}

const (
	logBatch    = 512
	logInterval = time.Second
)

// logBuffer is a log processor that sends full batches from the goroutine that fills them. The SDK's own drops the oldest records
// when it falls behind.
type logBuffer struct {
	exporter log.Exporter
	within   bound
	counts   *counts

	mu      sync.Mutex
	records []log.Record // guarded by mu
	flushed time.Time    // guarded by mu
}

func (b *logBuffer) Enabled(context.Context, log.EnabledParameters) bool { return true }

func (b *logBuffer) OnEmit(ctx context.Context, r *log.Record) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.records = append(b.records, r.Clone())
	if len(b.records) >= logBatch || time.Since(b.flushed) > logInterval {
		return b.flush(ctx)
	}
	return nil
}

// flush sends the buffered records; mu is held.
func (b *logBuffer) flush(ctx context.Context) error {
	if len(b.records) == 0 {
		return nil
	}
	ctx, cancel := b.within(ctx)
	defer cancel()
	err := b.exporter.Export(ctx, b.records)
	b.counts.add(&b.counts.logs, len(b.records), err)
	b.records, b.flushed = b.records[:0], time.Now()
	return err
}

func (b *logBuffer) ForceFlush(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.flush(ctx)
}

// Shutdown does nothing; output.close ends the buffer after its last provider.
func (*logBuffer) Shutdown(context.Context) error { return nil }

func (b *logBuffer) close(ctx context.Context) error {
	return errors.Join(b.ForceFlush(ctx), b.exporter.Shutdown(ctx))
}
