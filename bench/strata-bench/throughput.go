// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/strata-apm/strata/bench/replay"
	"github.com/strata-apm/strata/bench/sizes"
)

const (
	tracesPerBody = 45   // about 512 spans, an SDK's batch
	rowsPerBody   = 2000 // about 555 kB
)

func (b *bench) dir(name string, run int) string {
	if b.via != "" {
		name = "kafka-" + name
	}
	return filepath.Join(b.work, name+"-"+strconv.Itoa(run))
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

// recordsRun is the throughput part of traces or logs.
type recordsRun struct {
	signal string
	items  int
	build  func(seed uint64) (*replay.Records, error)
	list   []contender
	// figure names the work of a contender, rates notes it.
	figure func(name string) string
	rates  func(name string, total *sent, used usage)
}

func (b *bench) recordsRuns(ctx context.Context, r recordsRun) error {
	bodies, err := recordBodies(b.conns, r.items, r.build)
	if err != nil {
		return err
	}
	return b.turns(r.signal, r.list, r.figure, func(c contender, run int) error {
		return b.turn(ctx, c, b.dir(r.signal+"-"+strings.ToLower(c.name), run), func(t *target) (*sent, usage, error) {
			total, used, err := b.loadRecords(ctx, t, bodies, r.items)
			if err == nil {
				r.rates(c.name, total, used)
				b.peak(t, r.signal)
			}
			return total, used, err
		}, run == 0)
	})
}

// loadRecords sends records and returns how many they were and what the server spent on them until they were stored and it had come to rest.
func (b *bench) loadRecords(ctx context.Context, t *target, bodies [][]*replay.Records, items int) (*sent, usage, error) {
	conns, closeAll, err := dialAll(ctx, b.conns, t.addr, t.path)
	if err != nil {
		return nil, usage{}, err
	}
	defer closeAll()
	total := &sent{}
	used, err := b.measure(ctx, t.process, func() error {
		for total.items < items {
			n := items - total.items
			if t.window > 0 {
				n = min(n, t.window)
			}
			part, err := sendRecords(ctx, conns, bodies, n)
			if err != nil {
				return err
			}
			total.join(part)
			if err := t.stored(ctx, total.items); err != nil {
				return err
			}
		}
		return nil
	})
	return total, used, err
}

func (b *bench) tracesRuns(ctx context.Context) error {
	figure := func(name string) string { return "traces: " + name }
	return b.recordsRuns(ctx, recordsRun{
		signal: "traces", items: b.spans, figure: figure,
		build: func(seed uint64) (*replay.Records, error) { return replay.NewTraces(seed, tracesPerBody) },
		list:  []contender{{ours, b.strata, b.strataTraces}, {"Jaeger", b.jaeger, b.jaegerTraces}},
		rates: func(name string, total *sent, used usage) {
			goal := ""
			if name == ours {
				goal = "≥ 100000"
			}
			b.add(figure(name), "spans/CPU-s", goal, float64(total.items)/used.total().Seconds())
		},
	})
}

func (b *bench) strataTraces(ctx context.Context, dir string) (*target, error) {
	return b.strataRecords(ctx, dir, "traces", func(_ context.Context, total *sent, used usage) error {
		n := float64(total.items)
		b.add("traces: of that, the server without the engine", "µs/span", "", used.own.Seconds()*1e6/n)
		b.add("traces: of that, the engine", "µs/span", "", used.children.Seconds()*1e6/n)
		b.add("traces: OTLP bytes in", "B/span", "", float64(total.bodyBytes)/n)
		disk, err := sizes.Tables(dir, "otel_traces")
		if err != nil {
			return err
		}
		views, err := sizes.Tables(dir, "otel_traces_trace_id_ts", "strata_spans_1m")
		b.add("traces: disk, spans", "B/span", "≤ 60", float64(disk)/n)
		b.add("traces: disk, with the tables derived from them", "B/span", "≤ 60", float64(disk+views)/n)
		return err
	})
}

func (b *bench) logsRuns(ctx context.Context) error {
	figure := func(name string) string { return "logs: " + name + ", text" }
	return b.recordsRuns(ctx, recordsRun{
		signal: "logs", items: b.rows, figure: figure,
		build: func(seed uint64) (*replay.Records, error) { return replay.NewLogs(seed, rowsPerBody) },
		list:  []contender{{ours, b.strata, b.strataLogs}, {"VictoriaLogs", b.victoriaLogs, b.victoriaLogsTarget}},
		rates: func(name string, total *sent, used usage) {
			goal := ""
			if name == ours {
				goal = "≥ 16, towards 30"
			}
			cpu := used.total().Seconds()
			b.add(figure(name), "MB/CPU-s", goal, float64(total.textSize)/1e6/cpu)
			b.add("logs: "+name+", OTLP bytes", "MB/CPU-s", "", float64(total.bodyBytes)/1e6/cpu)
			b.add("logs: "+name+", records", "records/CPU-s", "", float64(total.items)/cpu)
		},
	})
}

func (b *bench) strataLogs(ctx context.Context, dir string) (*target, error) {
	return b.strataRecords(ctx, dir, "logs", func(_ context.Context, total *sent, used usage) error {
		n, text := float64(total.items), float64(total.textSize)
		b.add("logs: of that, the server without the engine", "µs/record", "", used.own.Seconds()*1e6/n)
		b.add("logs: of that, the engine", "µs/record", "", used.children.Seconds()*1e6/n)
		b.add("logs: text in", "B/record", "", text/n)
		disk, err := sizes.Tables(dir, "otel_logs")
		b.add("logs: disk", "B/record", "", float64(disk)/n)
		b.add("logs: text to disk", "x", "≥ 8", text/float64(disk))
		b.add("logs: OTLP bytes to disk", "x", "", float64(total.bodyBytes)/float64(disk))
		return err
	})
}

// strataRecords is our server for traces or logs.
func (b *bench) strataRecords(ctx context.Context, dir, signal string, note func(context.Context, *sent, usage) error) (*target, error) {
	s, err := b.startStrata(ctx, dir)
	if err != nil {
		return nil, err
	}
	return &target{
		process: s.process, addr: s.otlp, path: "/v1/" + signal, note: note,
		stored: func(ctx context.Context, items int) error { return s.waitStored(ctx, signal, items) },
	}, nil
}
