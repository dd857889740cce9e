// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/strata-apm/strata/bench/replay"
)

// idleRun measures start-up, on an empty and on a used directory, and memory at rest.
func (b *bench) idleRun(ctx context.Context) error {
	for run := range b.runs {
		dir := b.dir("idle", run)
		for _, name := range []string{"start to ready: empty directory", "start to ready: used directory"} {
			s, err := b.startStrata(ctx, dir)
			if err != nil {
				return err
			}
			b.report.add(name, "s", "≤ 3", time.Since(s.started).Seconds())
			if run == b.runs-1 && name != "start to ready: empty directory" {
				before, _ := s.cpu()
				err = sleep(ctx, b.idle)
				after, _ := s.cpu()
				own, engine := s.memory("VmRSS")
				b.report.add("memory: idle, server and engine", "MiB", "≤ 450", own+engine)
				b.report.add("memory: idle, the server alone", "MiB", "", own)
				b.report.add("processor: idle", "% of a core", "", 100*after.minus(before).total().Seconds()/b.idle.Seconds())
			}
			if err = errors.Join(err, s.stop()); err != nil {
				return err
			}
		}
	}
	return nil
}

// Rates of the latency run, which leave a machine of two cores room.
const (
	moderateMetrics = 50 * time.Millisecond  // 505 points each: 10 k/s
	moderateTraces  = 250 * time.Millisecond // about 512 spans each: 2 k/s
	moderateLogs    = 200 * time.Millisecond // 1000 records each: 5 k/s, 1 MB/s
	burstLogs       = 15 * time.Millisecond  // 2000 records, about 750 kB each: 50 MB/s
	burstLength     = 4 * time.Second
	probeEvery      = 200 * time.Millisecond
	probePoll       = 25 * time.Millisecond
)

// latencyRun sends all signals at once at a moderate rate and, beside them, marked records that it looks for.
func (b *bench) latencyRun(ctx context.Context) (err error) {
	s, err := b.startStrata(ctx, b.dir("latency", 0))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	before, err := s.cpu()
	if err != nil {
		return err
	}
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return b.pacedMetrics(gctx, s) })
	g.Go(func() error {
		return b.pacedRecords(gctx, s, "traces", moderateTraces, func(seed uint64) (*replay.Records, error) { return replay.NewTraces(seed, tracesPerBody) })
	})
	g.Go(func() error {
		return b.pacedRecords(gctx, s, "logs", moderateLogs, func(seed uint64) (*replay.Records, error) { return replay.NewLogs(seed, rowsPerBody/2) })
	})
	for _, p := range s.probes() {
		g.Go(func() error { return b.visible(gctx, s, p) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	after, err := s.cpu()
	if err != nil {
		return err
	}
	b.report.add("processor: at the moderate load", "% of a core", "", 100*after.minus(before).total().Seconds()/b.load.Seconds())
	return b.burst(ctx, s)
}

func (b *bench) latency(name, target string, ms []float64) {
	b.report.add(name+" p50", "ms", "", quantile(ms, 0.5))
	b.report.add(fmt.Sprintf("%s p99 of %d", name, len(ms)), "ms", target, quantile(ms, 0.99))
}

func (b *bench) pacedMetrics(ctx context.Context, s *strata) error {
	conns, closeAll, err := dialAll(ctx, 2, s.otlp, "/v1/metrics")
	if err != nil {
		return err
	}
	defer closeAll()
	bodies := make([]*replay.Hosts, len(conns))
	for c := range bodies {
		if bodies[c], err = replay.NewHosts(c*5, 5, time.Now()); err != nil {
			return fmt.Errorf("make metrics: %w", err)
		}
	}
	took, err := paced(ctx, conns, moderateMetrics, b.load, func(c int) []byte {
		bodies[c].Step(time.Now())
		return bodies[c].Body
	})
	b.latency("ack: metrics", "≤ 20", took)
	return err
}

func (b *bench) pacedRecords(ctx context.Context, s *strata, signal string, interval time.Duration, build func(uint64) (*replay.Records, error)) error {
	conns, closeAll, err := dialAll(ctx, 2, s.otlp, "/v1/"+signal)
	if err != nil {
		return err
	}
	defer closeAll()
	bodies, err := recordBodies(len(conns), build)
	if err != nil {
		return err
	}
	took, err := paced(ctx, conns, interval, b.load, nextBody(bodies))
	b.latency("ack: "+signal, "≤ 20", took)
	return err
}

// nextBody takes turns with the bodies of a connection.
func nextBody(bodies [][]*replay.Records) func(conn int) []byte {
	turn := make([]int, len(bodies))
	return func(c int) []byte {
		r := bodies[c][turn[c]%len(bodies[c])]
		turn[c]++
		r.Refresh(time.Now())
		return r.Body
	}
}

// burst offers 50 MB/s of logs for a few seconds and looks only at the acknowledgements.
func (b *bench) burst(ctx context.Context, s *strata) error {
	conns, closeAll, err := dialAll(ctx, 8, s.otlp, "/v1/logs")
	if err != nil {
		return err
	}
	defer closeAll()
	bodies, err := recordBodies(len(conns), func(seed uint64) (*replay.Records, error) { return replay.NewLogs(seed, rowsPerBody) })
	if err != nil {
		return err
	}
	begin := time.Now()
	took, err := paced(ctx, conns, burstLogs, burstLength, nextBody(bodies))
	if err != nil {
		return err
	}
	size := float64(len(bodies[0][0].Body))
	b.report.add("ack: logs, 50 MB/s offered, achieved", "MB/s", "50", float64(len(took))*size/1e6/time.Since(begin).Seconds())
	b.latency("ack: logs, 50 MB/s offered,", "≤ 20", took)
	return nil
}

// probe sends one marked record and can look for it.
type probe struct {
	signal string
	body   func(n int) (body []byte, find func(ctx context.Context) error, err error)
}

func (s *strata) probes() []probe {
	rnd := rand.New(rand.NewPCG(uint64(os.Getpid()), 5)) //nolint:gosec // Not a secret.
	word := fmt.Sprintf("probe%x", rnd.Uint64())
	var id [16]byte
	for i := range id {
		id[i] = byte(rnd.Uint32()) //nolint:gosec // The low byte.
	}
	return []probe{
		{"metrics", func(n int) ([]byte, func(context.Context) error, error) {
			body, err := replay.ProbeMetric("bench.probe", int64(n))
			return body, func(ctx context.Context) error {
				got, err := promQuery(ctx, s.base+"/prometheus", "bench_probe", time.Now().Add(time.Second))
				if err == nil && got != fmt.Sprint(n) {
					err = fmt.Errorf("the value is %s", got)
				}
				return err
			}, err
		}},
		{"traces", func(n int) ([]byte, func(context.Context) error, error) {
			id[0], id[1] = byte(n>>8), byte(n)
			body, err := replay.ProbeSpan(id)
			at := s.base + fmt.Sprintf("/api/v1/traces/%x", id)
			return body, func(ctx context.Context) error { return get(ctx, at, nil) }, err
		}},
		{"logs", func(n int) ([]byte, func(context.Context) error, error) {
			marker := fmt.Sprintf("%sx%d", word, n)
			body, err := replay.ProbeLog("a record with the word " + marker)
			return body, func(ctx context.Context) error {
				var page struct {
					Logs []any `json:"logs"`
				}
				err := get(ctx, s.base+"/api/v1/logs?limit=1&query="+url.QueryEscape(marker), &page)
				if err == nil && len(page.Logs) == 0 {
					err = errors.New("not there yet")
				}
				return err
			}, err
		}},
	}
}

// visible measures from the acknowledgement of a marked record until a query returns it.
func (b *bench) visible(ctx context.Context, s *strata, p probe) error {
	conns, closeAll, err := dialAll(ctx, 1, s.otlp, "/v1/"+p.signal)
	if err != nil {
		return err
	}
	defer closeAll()
	var took []float64
	for end, n := time.Now().Add(b.load), 1; time.Now().Before(end); n++ {
		body, find, err := p.body(n)
		if err != nil {
			return fmt.Errorf("make probe: %w", err)
		}
		if err := conns[0].Send(body); err != nil {
			return fmt.Errorf("send probe: %w", err)
		}
		acked := time.Now()
		if err := poll(ctx, 30*time.Second, probePoll, func() error { return find(ctx) }); err != nil {
			return fmt.Errorf("%s probe %d: %w", p.signal, n, err)
		}
		took = append(took, time.Since(acked).Seconds()*1e3)
		if err := sleep(ctx, probeEvery); err != nil {
			return err
		}
	}
	b.latency("visible: "+p.signal, "≤ 2000", took)
	return nil
}
