// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"time"

	"github.com/strata-apm/strata/bench/replay"
)

const (
	seriesPerHost = 101
	// seriesSteps are two minutes of samples: chunks have begun and none is written to disk.
	seriesSteps = 12
)

// seriesRun measures the memory that an active series takes: in a server at rest after samples of many.
func (b *bench) seriesRun(ctx context.Context) (err error) {
	s, err := b.startStrata(ctx, b.dir("series", 0))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	if err := s.settle(ctx); err != nil {
		return err
	}
	before, _ := s.memory("VmRSS")
	many := *b
	many.hosts, many.steps = b.series/seriesPerHost, seriesSteps
	t := &target{process: s.process, addr: s.otlp, path: "/v1/metrics"}
	t.stored = func(ctx context.Context, items int) error { return s.waitStored(ctx, "metrics", items) }
	used, samples, _, err := many.loadMetrics(ctx, t, metricsLoad{
		build: func(first, count int, at time.Time) (hostBody, error) { return replay.NewHosts(first, count, at) },
	})
	if err != nil {
		return err
	}
	series := float64(many.hosts * seriesPerHost)
	after, _ := s.memory("VmRSS")
	peak, _ := s.memory("VmHWM")
	b.add("series: resident, each", "KiB", "", (after-before)*1024/series)
	b.add("series: peak, each", "KiB", "", (peak-before)*1024/series)
	b.add("series: new ones and their first samples", "µs/sample", "", used.total().Seconds()*1e6/float64(samples))
	return nil
}
