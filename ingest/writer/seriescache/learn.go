// SPDX-License-Identifier: Apache-2.0

package seriescache

import (
	"math"
	"time"
)

// Translated is a sample that the translation appended.
type Translated[S any] struct {
	Series S
	Time   int64
	Value  float64
	// Target says that it is of target_info; Taken that the store took it.
	Target, Taken bool
}

// Unknown is how many resources the request Plan.Unknown has.
func (c *Cache[S]) Unknown() int { return len(c.plan.unknown) }

// Learn is told what the translation of resource i of Plan.Unknown appended, in its order. Where that does not fit what was asked for,
// nothing is learned.
func (c *Cache[S]) Learn(i int, samples []Translated[S], now time.Time) {
	part := c.plan.unknown[i]
	rest, ok := c.pair(part.metrics, samples, func(*point, []Translated[S]) {})
	if !ok {
		return
	}
	for _, s := range rest {
		if !s.Target || !s.Taken {
			return
		}
	}
	c.points.sweep(now)
	c.targets.sweep(now)
	c.pair(part.metrics, samples, func(p *point, made []Translated[S]) {
		k := &known[S]{series: make([]S, len(made)), seen: now.Unix()}
		for i := range made {
			if !made[i].Taken {
				return
			}
			k.series[i] = made[i].Series
		}
		c.points.known[p.key] = k
	})
	if len(rest) == len(samples) { // Without points there is no target_info either.
		return
	}
	target := &known[S]{seen: now.Unix()}
	if len(rest) > 0 {
		target.series = []S{rest[0].Series}
	}
	c.targets.known[c.request.resources[part.resource].key] = target
}

// pair calls f with each point and the samples that were made of it. It returns the samples that are left, and false where they do not fit.
func (c *Cache[S]) pair(metrics []int, samples []Translated[S], f func(*point, []Translated[S])) (rest []Translated[S], ok bool) {
	for _, j := range metrics {
		m := &c.request.metrics[j]
		for i := m.from; i < m.to; i++ {
			p := &c.request.points[i]
			if len(samples) < p.samples {
				return nil, false
			}
			made := samples[:p.samples]
			for _, s := range made {
				if s.Target || s.Time != p.time/millisecond {
					return nil, false
				}
			}
			if p.plain && m.kind != metricHistogram && math.Float64bits(made[0].Value) != math.Float64bits(p.value) {
				return nil, false
			}
			f(p, made)
			samples = samples[p.samples:]
		}
	}
	return samples, true
}
