// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"strconv"
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
			b.add(name, "s", "≤ 3", time.Since(s.started).Seconds())
			if run == b.runs-1 && name != "start to ready: empty directory" {
				before, _ := s.cpu()
				err = sleep(ctx, b.idle)
				after, _ := s.cpu()
				own, engine := s.memory("VmRSS")
				b.add("memory: idle, server and engine", "MiB", "≤ 450", own+engine)
				b.add("memory: idle, the server alone", "MiB", "", own)
				b.add("processor: idle", "% of a core", "", 100*after.minus(before).total().Seconds()/b.idle.Seconds())
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
	burstLogs       = 11 * time.Millisecond  // 2000 records, about 555 kB each: 50 MB/s
	burstLength     = 4 * time.Second
	probeEvery      = 200 * time.Millisecond
	probePoll       = 50 * time.Millisecond
)

// latencyRun sends all signals at once at a moderate rate: first alone, for the acknowledgements, then beside marked records that it
// looks for.
func (b *bench) latencyRun(ctx context.Context) (err error) {
	s, err := b.startStrata(ctx, b.dir("latency", 0))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	before, busy, err := s.cpuAndMachine()
	if err != nil {
		return err
	}
	if err := b.moderate(ctx, s, b.latency, nil); err != nil {
		return err
	}
	after, busyAfter, err := s.cpuAndMachine()
	if err != nil {
		return err
	}
	used := after.minus(before).total()
	b.add("processor: at the moderate load", "% of a core", "", 100*used.Seconds()/b.load.Seconds())
	// Latencies mean little when others want both cores; the sender's own share is in here too and is small.
	b.add("processor: everybody else meanwhile", "% of a core", "", 100*(busyAfter-busy-used).Seconds()/b.load.Seconds())
	if err := b.moderate(ctx, s, func(string, string, []float64) {}, s.probes()); err != nil {
		return err
	}
	return b.burst(ctx, s)
}

// moderate sends the moderate load, hands the acknowledgements to note and looks for what probes send.
func (b *bench) moderate(ctx context.Context, s *strata, note func(name, target string, ms []float64), probes []probe) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return b.pacedMetrics(ctx, s, note) })
	for _, r := range []struct {
		signal   string
		interval time.Duration
		build    func(seed uint64) (*replay.Records, error)
	}{
		{"traces", moderateTraces, func(seed uint64) (*replay.Records, error) { return replay.NewTraces(seed, tracesPerBody) }},
		{"logs", moderateLogs, func(seed uint64) (*replay.Records, error) { return replay.NewLogs(seed, rowsPerBody/2) }},
	} {
		g.Go(func() error {
			took, err := b.pacedRecords(ctx, s, r.signal, r.interval, r.build)
			note("ack: "+r.signal, "≤ 20", took)
			return err
		})
	}
	for _, p := range probes {
		g.Go(func() error { return b.visible(ctx, s, p) })
	}
	return g.Wait() // Wrapped below.
}

func (b *bench) latency(name, target string, ms []float64) {
	b.add(name+" p50", "ms", "", quantile(ms, 0.5))
	b.add(name+" p99", "ms", target, quantile(ms, 0.99))
}

func (b *bench) pacedMetrics(ctx context.Context, s *strata, note func(name, target string, ms []float64)) error {
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
	note("ack: metrics", "≤ 20", took)
	return err
}

func (b *bench) pacedRecords(ctx context.Context, s *strata, signal string, interval time.Duration, build func(uint64) (*replay.Records, error)) ([]float64, error) {
	conns, closeAll, err := dialAll(ctx, 2, s.otlp, "/v1/"+signal)
	if err != nil {
		return nil, err
	}
	defer closeAll()
	bodies, err := recordBodies(len(conns), 0, build)
	if err != nil {
		return nil, err
	}
	return paced(ctx, conns, interval, b.load, nextBody(bodies))
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
	bodies, err := recordBodies(len(conns), 0, func(seed uint64) (*replay.Records, error) { return replay.NewLogs(seed, rowsPerBody) })
	if err != nil {
		return err
	}
	begin := time.Now()
	took, err := paced(ctx, conns, burstLogs, burstLength, nextBody(bodies))
	if err != nil {
		return err
	}
	size := float64(len(bodies[0][0].Body))
	b.add("ack: logs, 50 MB/s offered, achieved", "MB/s", "50", float64(len(took))*size/1e6/time.Since(begin).Seconds())
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
				if err == nil && got != strconv.Itoa(n) {
					err = fmt.Errorf("the value is %s", got)
				}
				return err
			}, err
		}},
		{"traces", func(n int) ([]byte, func(context.Context) error, error) {
			binary.BigEndian.PutUint32(id[:], uint32(n)) //nolint:gosec // Some dozens.
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
