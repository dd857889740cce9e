// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/strata-apm/strata/bench/replay"
	"github.com/strata-apm/strata/tenant"
)

// hostBody is one request with the metrics of some hosts.
type hostBody interface {
	Points() int
	Next(t time.Time) []byte
}

// metricsLoad is a protocol by which the metrics of hosts are sent.
type metricsLoad struct {
	part                         string // of the command line; it begins the names of figures
	strata, prometheus, victoria string // the path of each
	headers                      []string
	build                        func(first, count int, start time.Time) (hostBody, error)
}

// metricsRuns sends OTLP.
func (b *bench) metricsRuns(ctx context.Context) error {
	return b.loadRuns(ctx, metricsLoad{
		part: "metrics", strata: "/v1/metrics", prometheus: "/api/v1/otlp/v1/metrics", victoria: "/opentelemetry/v1/metrics",
		build: func(first, count int, start time.Time) (hostBody, error) { return replay.NewHosts(first, count, start) },
	})
}

// remoteWriteRuns sends the same series by remote write.
func (b *bench) remoteWriteRuns(ctx context.Context) error {
	return b.loadRuns(ctx, metricsLoad{
		part: "remotewrite", strata: "/prometheus/api/v1/write", prometheus: "/api/v1/write", victoria: "/api/v1/write",
		headers: replay.RemoteWriteHeaders(),
		build: func(first, count int, start time.Time) (hostBody, error) {
			return replay.NewRemoteWrite(first, count, start)
		},
	})
}

func (l metricsLoad) figure(name string) string {
	if name == ours {
		return l.part + ": " + name
	}
	return l.part + ": " + name + ", the same bodies"
}

// metricsStart leaves some minutes of the two hours that are taken for the run itself.
func metricsStart() time.Time { return time.Now().Add(-115 * time.Minute).Truncate(stepEvery) }

func (b *bench) loadRuns(ctx context.Context, l metricsLoad) error {
	list := []contender{
		{ours, b.strata, func(ctx context.Context, dir string) (*target, error) { return b.strataMetrics(ctx, dir, l) }},
		{prometheusName, b.prometheus, func(ctx context.Context, dir string) (*target, error) { return b.prometheusMetrics(ctx, dir, l) }},
		{"VictoriaMetrics", b.victoriaMetrics, func(ctx context.Context, dir string) (*target, error) { return b.victoriaMetricsTarget(ctx, dir, l) }},
	}
	return b.turns(l.part, list, l.figure, func(c contender, run int) error {
		return b.turn(ctx, c, b.dir(l.part+"-"+strings.ToLower(c.name), run), func(t *target) (*sent, usage, error) {
			used, samples, start, err := b.loadMetrics(ctx, t, l)
			if err != nil {
				return nil, used, err
			}
			goal := ""
			if c.name == ours && l.part == "metrics" {
				goal = "≥ Prometheus, then 2x"
			}
			b.add(l.figure(c.name), "samples/CPU-s", goal, float64(samples)/used.total().Seconds())
			b.peak(t, l.part)
			return &sent{items: samples}, used, b.checkSamples(ctx, t.api, start)
		}, run == 0)
	})
}

func (b *bench) strataMetrics(ctx context.Context, dir string, l metricsLoad) (*target, error) {
	s, err := b.startStrata(ctx, dir)
	if err != nil {
		return nil, err
	}
	t := &target{process: s.process, addr: s.otlp, path: l.strata, api: s.base + "/prometheus"}
	if l.part == "remotewrite" { // It is not among OTLP's paths.
		t.addr = strings.TrimPrefix(s.base, "http://")
	}
	t.stored = func(ctx context.Context, items int) error { return s.waitStored(ctx, "metrics", items) }
	t.disk = func(total *sent) error {
		return b.sampleBytes(l.part, ours, filepath.Join(dir, "metrics", string(tenant.Default)), total.items)
	}
	return t, nil
}

// loadMetrics sends the metrics load and returns what the server spent on it until everything was stored and it had come to rest.
func (b *bench) loadMetrics(ctx context.Context, t *target, l metricsLoad) (used usage, samples int, start time.Time, err error) {
	start = metricsStart()
	bodies, err := hostBodies(b.hosts, start, l.build)
	if err != nil {
		return used, 0, start, err
	}
	conns, closeAll, err := dialAll(ctx, b.conns, t.addr, t.path, l.headers...)
	if err != nil {
		return used, 0, start, err
	}
	defer closeAll()
	used, err = b.measure(ctx, t.process, func() error {
		if samples, err = sendMetrics(ctx, conns, bodies, start, b.steps); err != nil || t.stored == nil {
			return err
		}
		return t.stored(ctx, samples)
	})
	return used, samples, start, err
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
