// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"github.com/strata-apm/strata/bench/replay"
	"github.com/strata-apm/strata/tenant"
)

const (
	figMetrics     = "metrics: Strata"
	figMetricsPeer = "metrics: Prometheus, the same bodies"
	tracesPerBody  = 45   // about 512 spans, an SDK's batch
	rowsPerBody    = 2000 // about 555 kB
)

// metricsStart leaves some minutes of the two hours that are taken for the run itself.
func metricsStart() time.Time { return time.Now().Add(-115 * time.Minute).Truncate(stepEvery) }

func (b *bench) dir(name string, run int) string {
	if b.via != "" {
		name = "kafka-" + name
	}
	return filepath.Join(b.work, name+"-"+strconv.Itoa(run))
}

// metricsRuns takes turns with the peer, so that both see the same noise.
func (b *bench) metricsRuns(ctx context.Context) error {
	for run := range b.runs {
		if err := b.metricsStrata(ctx, run); err != nil {
			return err
		}
		if b.prometheus == "" {
			continue
		}
		if err := b.metricsPeer(ctx, run); err != nil {
			return fmt.Errorf("peer: %w", err)
		}
		if peer := b.report.last(figMetricsPeer); peer > 0 {
			b.add("metrics: ratio to Prometheus", "x", "≥ 1, then ≥ 2", b.report.last(figMetrics)/peer)
		}
	}
	return nil
}

func (b *bench) metricsStrata(ctx context.Context, run int) (err error) {
	dir := b.dir("metrics", run)
	s, err := b.startStrata(ctx, dir)
	if err != nil {
		return err
	}
	used, samples, start, err := b.loadMetrics(ctx, s.process, s.otlp, "/v1/metrics", func(n int) error { return s.waitStored(ctx, "metrics", n) })
	if err == nil {
		b.add(figMetrics, "samples/CPU-s", "≥ Prometheus, then 2x", float64(samples)/used.total().Seconds())
		err = b.checkSamples(ctx, s.base+"/prometheus", start)
		b.peak(s.process, "metrics")
	}
	if err = errors.Join(err, s.stop()); err != nil {
		return err
	}
	if run > 0 {
		return nil
	}
	return b.sampleBytes(filepath.Join(dir, "metrics", string(tenant.Default)), samples)
}

func (b *bench) metricsPeer(ctx context.Context, run int) error {
	p, addr, err := b.startPrometheus(ctx, b.dir("prometheus", run))
	if err != nil {
		return err
	}
	used, samples, start, err := b.loadMetrics(ctx, p, addr, "/api/v1/otlp/v1/metrics", func(int) error { return nil })
	if err == nil {
		b.add(figMetricsPeer, "samples/CPU-s", "", float64(samples)/used.total().Seconds())
		err = b.checkSamples(ctx, p.base, start)
		own, _ := p.memory("VmHWM")
		b.add("memory: peak, Prometheus", "MiB", "", own)
	}
	return errors.Join(err, p.stop())
}

// loadMetrics sends the metrics load and returns what the server spent on it until everything was stored and it had come to rest.
func (b *bench) loadMetrics(ctx context.Context, p *process, addr, path string, stored func(int) error) (used usage, samples int, start time.Time, err error) {
	start = metricsStart()
	bodies, err := hostBodies(b.hosts, start)
	if err != nil {
		return used, 0, start, err
	}
	conns, closeAll, err := dialAll(ctx, b.conns, addr, path)
	if err != nil {
		return used, 0, start, err
	}
	defer closeAll()
	used, err = b.measure(ctx, p, func() error {
		if samples, err = sendMetrics(ctx, conns, bodies, start, b.steps); err != nil {
			return err
		}
		return stored(samples)
	})
	return used, samples, start, err
}

// measure returns the processor time of load and of what follows until the server has come to rest.
func (b *bench) measure(ctx context.Context, p *process, load func() error) (usage, error) {
	before, err := p.cpu()
	if err != nil {
		return usage{}, err
	}
	if err := load(); err != nil {
		return usage{}, err
	}
	if err := p.settle(ctx); err != nil {
		return usage{}, err
	}
	after, err := p.cpu()
	return after.minus(before), err
}

// checkSamples asks for the number of samples of one metric.
func (b *bench) checkSamples(ctx context.Context, api string, start time.Time) error {
	got, err := promQuery(ctx, api, "sum(count_over_time(redis_used_memory[3h]))", start.Add(3*time.Hour-time.Minute))
	if err != nil {
		return err
	}
	if want := strconv.Itoa(b.hosts * b.steps); got != want {
		return fmt.Errorf("%s samples of redis_used_memory can be read, %s were sent", got, want)
	}
	return nil
}

func (b *bench) peak(p *process, signal string) {
	own, children := p.memory("VmHWM")
	b.add("memory: peak under load, "+signal, "MiB", "", own+children)
}

// recordsRun is one throughput run of traces or logs.
type recordsRun struct {
	signal string
	items  int
	build  func(seed uint64) (*replay.Records, error)
	note   func(dir string, total *sent, used usage) error
}

func (b *bench) recordsRuns(ctx context.Context, r recordsRun) error {
	bodies, err := recordBodies(b.conns, r.build)
	if err != nil {
		return err
	}
	for run := range b.runs {
		if err := b.recordsOnce(ctx, r, bodies, b.dir(r.signal, run)); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) recordsOnce(ctx context.Context, r recordsRun, bodies [][]*replay.Records, dir string) error {
	s, err := b.startStrata(ctx, dir)
	if err != nil {
		return err
	}
	err = func() error {
		conns, closeAll, err := dialAll(ctx, b.conns, s.otlp, "/v1/"+r.signal)
		if err != nil {
			return err
		}
		defer closeAll()
		var total *sent
		used, err := b.measure(ctx, s.process, func() error {
			if total, err = sendRecords(ctx, conns, bodies, r.items); err != nil {
				return err
			}
			return s.waitStored(ctx, r.signal, total.items)
		})
		if err != nil {
			return err
		}
		b.peak(s.process, r.signal)
		return r.note(dir, total, used)
	}()
	return errors.Join(err, s.stop())
}

func (b *bench) tracesRuns(ctx context.Context) error {
	return b.recordsRuns(ctx, recordsRun{
		signal: "traces", items: b.spans,
		build: func(seed uint64) (*replay.Records, error) { return replay.NewTraces(seed, tracesPerBody) },
		note: func(dir string, total *sent, used usage) error {
			n, cpu := float64(total.items), used.total().Seconds()
			b.add("traces: Strata", "spans/CPU-s", "≥ 100000", n/cpu)
			b.add("traces: of that, the server without the engine", "µs/span", "", used.own.Seconds()*1e6/n)
			b.add("traces: of that, the engine", "µs/span", "", used.children.Seconds()*1e6/n)
			b.add("traces: OTLP bytes in", "B/span", "", float64(total.bodyBytes)/n)
			disk, err := tableBytes(dir, "otel_traces")
			if err != nil {
				return err
			}
			views, err := tableBytes(dir, "otel_traces_trace_id_ts", "strata_spans_1m")
			b.add("traces: disk, spans", "B/span", "≤ 60", float64(disk)/n)
			b.add("traces: disk, with the tables derived from them", "B/span", "≤ 60", float64(disk+views)/n)
			return err
		},
	})
}

func (b *bench) logsRuns(ctx context.Context) error {
	return b.recordsRuns(ctx, recordsRun{
		signal: "logs", items: b.rows,
		build: func(seed uint64) (*replay.Records, error) { return replay.NewLogs(seed, rowsPerBody) },
		note: func(dir string, total *sent, used usage) error {
			n, cpu, text := float64(total.items), used.total().Seconds(), float64(total.textSize)
			b.add("logs: Strata, text", "MB/CPU-s", "≥ 16, towards 30", text/1e6/cpu)
			b.add("logs: Strata, OTLP bytes", "MB/CPU-s", "", float64(total.bodyBytes)/1e6/cpu)
			b.add("logs: Strata, records", "records/CPU-s", "", n/cpu)
			b.add("logs: of that, the server without the engine", "µs/record", "", used.own.Seconds()*1e6/n)
			b.add("logs: of that, the engine", "µs/record", "", used.children.Seconds()*1e6/n)
			b.add("logs: text in", "B/record", "", text/n)
			disk, err := tableBytes(dir, "otel_logs")
			b.add("logs: disk", "B/record", "", float64(disk)/n)
			b.add("logs: text to disk", "x", "≥ 8", text/float64(disk))
			b.add("logs: OTLP bytes to disk", "x", "", float64(total.bodyBytes)/float64(disk))
			return err
		},
	})
}
