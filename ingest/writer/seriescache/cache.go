// SPDX-License-Identifier: Apache-2.0

package seriescache

import (
	"encoding/binary"
	"slices"
	"time"
)

// maxSpan bounds the times of a resource's known points, since target_info gets a sample every few minutes between them.
const maxSpan = 24 * time.Hour

// Cache knows what the translation made of data points; S is what its user keeps of a series. Not safe for concurrent use.
type Cache[S any] struct {
	request request
	plan    Plan[S]
	known   []int // metrics of one resource, used again for the next

	points memory[S]
	// targets has the series target_info of a resource, or one without series where the translation makes none.
	targets memory[S]
	// interval is between two samples of target_info in one request.
	interval time.Duration
}

// defaultLookback is the translation's own (prometheusremotewrite, defaultLookbackDelta).
const defaultLookback = 5 * time.Minute

// New returns an empty cache for a translation whose queries look back as far as lookback; 0 is the translation's default.
func New[S any](lookback time.Duration) *Cache[S] {
	if lookback == 0 {
		lookback = defaultLookback
	}
	return &Cache[S]{
		request: request{hasher: newHasher()}, points: newMemory[S](), targets: newMemory[S](), interval: lookback / 2,
	}
}

// Sample is one sample of a known series.
type Sample[S any] struct {
	Series *S
	// Start and Time are milliseconds since 1970; Start is 0 where it is not known.
	Start, Time int64
	Value       float64
}

// Plan says what to do with a request. It is valid until the next call of Split.
type Plan[S any] struct {
	// Samples are of known series, those of a resource's target_info behind its points'.
	Samples []Sample[S]
	// Points is how many data points they are of.
	Points int
	// Unknown is a request with the points to be translated and to be learned from, resource by resource; Odd is one with those of which
	// nothing can be learned. Each is empty where there are none.
	Unknown, Odd []byte

	unknown []part // of the resources in Unknown
}

// part is a part of a resource's metrics.
type part struct {
	resource int
	metrics  []int
}

// Split finds the samples of known series in an export request of metrics. It refers to body until the next call.
func (c *Cache[S]) Split(body []byte, now time.Time) *Plan[S] {
	p := &c.plan
	p.Samples, p.Points, p.Unknown, p.Odd, p.unknown = p.Samples[:0], 0, p.Unknown[:0], p.Odd[:0], p.unknown[:0]
	if !c.request.parse(body) {
		p.Odd = append(p.Odd, body...)
		return p
	}
	for i := range c.request.resources {
		c.resource(i, now.Unix())
	}
	return p
}

// resource plans the metrics of one resource.
func (c *Cache[S]) resource(i int, now int64) {
	r := &c.request
	res := &r.resources[i]
	target := c.targets.known[res.key]
	var unknown, odd []int
	c.known = c.known[:0]
	var times timeRange
	samples, points := len(c.plan.Samples), c.plan.Points
	for _, sc := range r.scopes[res.from:res.to] {
		for j := sc.from; j < sc.to; j++ {
			m := &r.metrics[j]
			switch {
			case m.odd:
				odd = append(odd, j)
			case target == nil || !c.metric(m, now, &times):
				unknown = append(unknown, j)
			default:
				c.known = append(c.known, j)
			}
		}
	}
	switch {
	case times.to-times.from > int64(maxSpan):
		c.plan.Samples, c.plan.Points = c.plan.Samples[:samples], points
		unknown = append(unknown, c.known...)
		slices.Sort(unknown)
	case times.any:
		c.target(target, times, now)
	}
	if len(unknown) > 0 {
		c.plan.Unknown = r.frame(c.plan.Unknown, i, unknown)
		c.plan.unknown = append(c.plan.unknown, part{i, unknown})
	}
	if len(odd) > 0 {
		c.plan.Odd = r.frame(c.plan.Odd, i, odd)
	}
}

// timeRange is the oldest and the newest of times, in nanoseconds.
type timeRange struct {
	from, to int64
	any      bool
}

func (t *timeRange) take(ns int64) {
	if !t.any {
		t.from, t.to, t.any = ns, ns, true
	}
	t.from, t.to = min(t.from, ns), max(t.to, ns)
}

// metric plans a metric and says whether all of it is known.
func (c *Cache[S]) metric(m *metric, now int64, times *timeRange) bool {
	before, timesBefore := len(c.plan.Samples), *times
	for i := m.from; i < m.to; i++ {
		p := &c.request.points[i]
		k := c.points.known[p.key]
		if k == nil || !p.plain {
			c.plan.Samples, *times = c.plan.Samples[:before], timesBefore
			return false
		}
		k.seen = now
		times.take(p.time)
		if m.kind == metricHistogram {
			c.histogram(p, k.series)
		} else {
			c.add(&k.series[0], p, p.value)
		}
	}
	c.plan.Points += m.to - m.from
	return true
}

const millisecond = int64(time.Millisecond)

func (c *Cache[S]) add(s *S, p *point, value float64) {
	c.plan.Samples = append(c.plan.Samples, Sample[S]{s, p.start / millisecond, p.time / millisecond, value})
}

// histogram adds the samples of a histogram in the order of the translation.
func (c *Cache[S]) histogram(p *point, series []S) {
	if p.hasSum {
		c.add(&series[0], p, p.value)
		series = series[1:]
	}
	c.add(&series[0], p, float64(p.count))
	var sum uint64
	b := p.buckets
	for i := 1; i < len(series)-1; i++ {
		sum += binary.LittleEndian.Uint64(b)
		b = b[8:]
		c.add(&series[i], p, float64(sum))
	}
	c.add(&series[len(series)-1], p, float64(p.count))
}

// target adds target_info over the times of a resource's points, as the translation does.
func (c *Cache[S]) target(t *known[S], times timeRange, now int64) {
	t.seen = now
	if len(t.series) == 0 {
		return
	}
	for ns := times.from; ns < times.to; ns += int64(c.interval) {
		c.plan.Samples = append(c.plan.Samples, Sample[S]{Series: &t.series[0], Time: ns / millisecond, Value: 1})
	}
	c.plan.Samples = append(c.plan.Samples, Sample[S]{Series: &t.series[0], Time: times.to / millisecond, Value: 1})
}
