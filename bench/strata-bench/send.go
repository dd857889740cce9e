// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/strata-apm/strata/bench/replay"
)

const (
	stepEvery    = 10 * time.Second
	hostsPerBody = 10
	// barrierSteps keeps the connections together, as senders with one clock are.
	barrierSteps = 30
	// bodiesPerConn is how many bodies each connection takes turns with, at least.
	bodiesPerConn = 6
)

// hostBodies encodes the metrics of all hosts.
func hostBodies(hosts int, start time.Time, build func(first, count int, start time.Time) (hostBody, error)) ([]hostBody, error) {
	var out []hostBody
	for first := 0; first < hosts; first += hostsPerBody {
		h, err := build(first, min(hostsPerBody, hosts-first), start)
		if err != nil {
			return nil, fmt.Errorf("make metrics: %w", err)
		}
		out = append(out, h)
	}
	return out, nil
}

// dialAll opens conns connections whose requests have headers.
func dialAll(ctx context.Context, conns int, addr, path string, headers ...string) (list []*replay.Conn, closeAll func(), err error) {
	closeAll = func() {
		for _, c := range list {
			_ = c.Close() // Only read by the server.
		}
	}
	for range conns {
		c, err := replay.Dial(ctx, addr, path, headers...)
		if err != nil {
			closeAll()
			return nil, nil, fmt.Errorf("dial: %w", err)
		}
		list = append(list, c)
	}
	return list, closeAll, nil
}

// sendMetrics sends all steps of all hosts as fast as the server answers and returns how many samples that were and how long it took.
func sendMetrics(ctx context.Context, conns []*replay.Conn, bodies []hostBody, start time.Time, steps int) (int, error) {
	samples := 0
	for from := 0; from < steps; from += barrierSteps {
		var g errgroup.Group
		for c, conn := range conns {
			g.Go(func() error {
				for step := from; step < min(from+barrierSteps, steps); step++ {
					for i := c; i < len(bodies); i += len(conns) {
						if err := conn.Send(bodies[i].Next(start.Add(time.Duration(step) * stepEvery))); err != nil {
							return fmt.Errorf("step %d: %w", step, err)
						}
					}
				}
				return ctx.Err()
			})
		}
		if err := g.Wait(); err != nil {
			return 0, fmt.Errorf("send metrics: %w", err)
		}
	}
	for _, b := range bodies {
		samples += b.Points() * steps
	}
	return samples, nil
}

// sent adds up what was sent.
type sent struct {
	mu                         sync.Mutex
	items, bodyBytes, textSize int
}

func (s *sent) add(r *replay.Records) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.items += r.Items
	s.bodyBytes += len(r.Body)
	s.textSize += r.TextBytes
}

// join adds what was sent before; it belongs to one goroutine.
func (s *sent) join(more *sent) {
	s.items += more.items
	s.bodyBytes += more.bodyBytes
	s.textSize += more.textSize
}

// sendRecords sends bodies as fast as the server answers until items records are sent.
func sendRecords(ctx context.Context, conns []*replay.Conn, bodies [][]*replay.Records, items int) (*sent, error) {
	total := &sent{}
	var g errgroup.Group
	for c, conn := range conns {
		g.Go(func() error {
			for n, left := 0, (items+len(conns)-1)/len(conns); left > 0 && ctx.Err() == nil; n++ {
				r := bodies[c][n%len(bodies[c])]
				r.Refresh(time.Now())
				if err := conn.Send(r.Body); err != nil {
					return fmt.Errorf("send: %w", err)
				}
				total.add(r)
				left -= r.Items
			}
			return ctx.Err()
		})
	}
	return total, g.Wait() // Wrapped above.
}

// recordBodies makes bodies for each connection, enough for so many records of which none is there twice: texts that come again would make a
// store look smaller that looks far back for them. There are at least bodiesPerConn.
func recordBodies(conns, items int, build func(seed uint64) (*replay.Records, error)) ([][]*replay.Records, error) {
	out := make([][]*replay.Records, conns)
	seed := uint64(0)
	for c := range out {
		for left := items / conns; left > 0 || len(out[c]) < bodiesPerConn; seed++ {
			r, err := build(seed)
			if err != nil {
				return nil, fmt.Errorf("make records: %w", err)
			}
			out[c] = append(out[c], r)
			left -= r.Items
		}
	}
	return out, nil
}

// paced sends the body that next returns every interval, whether or not the one before was answered in time, over conns connections,
// and returns how long each took from the moment it was due.
func paced(ctx context.Context, conns []*replay.Conn, interval, length time.Duration, next func(conn int) []byte) ([]float64, error) {
	var mu sync.Mutex
	var took []float64
	var g errgroup.Group
	begin := time.Now()
	for c, conn := range conns {
		g.Go(func() error {
			for due := begin.Add(interval * time.Duration(c)); due.Sub(begin) < length; due = due.Add(interval * time.Duration(len(conns))) {
				body := next(c)
				if err := sleep(ctx, time.Until(due)); err != nil {
					return errors.Join(err)
				}
				if err := conn.Send(body); err != nil {
					return fmt.Errorf("send: %w", err)
				}
				ms := time.Since(due).Seconds() * 1e3
				mu.Lock()
				took = append(took, ms)
				mu.Unlock()
			}
			return nil
		})
	}
	return took, g.Wait() // Wrapped above.
}
