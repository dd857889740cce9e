// SPDX-License-Identifier: Apache-2.0

package rollups

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	promstorage "github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"

	"github.com/strata-apm/strata/rollup"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/tenant"
)

const (
	maxSamples = 10_000_000
	// lookback is the shortest that instant selectors look back: gauges of wider buckets are told again within it.
	lookback = 4 * time.Minute
)

// warnings say what the series of a range lack.
func (q *querier) warnings(ctx context.Context, o Rollup, got readRows, sel selection) ([]string, error) {
	var out []string
	if window := time.Duration(sel.window) * time.Millisecond; window > 0 && 2*got.step > window {
		out = append(out, fmt.Sprintf("rollup %s: only buckets of %s are kept since %s, too wide for a window of %s", o.Name, got.step, got.of.Start.Format(time.RFC3339), window))
	}
	hidden, err := q.service.hidden(ctx, tenant.FromContext(ctx).OrDefault(), o, got.of)
	if err != nil {
		return nil, err
	}
	for i, n := range hidden {
		if n > 0 {
			out = append(out, fmt.Sprintf("rollup %s is capped: about %d values of %s are in %s", o.Name, n, o.Plan.Definition.Dimensions[i], otherValue))
		}
	}
	return out, nil
}

// oneSeries is a series whose samples are in memory.
type oneSeries struct {
	labels  labels.Labels
	samples []chunks.Sample
}

// sample is a float at a time.
type sample struct {
	t int64
	v float64
}

func (s sample) T() int64                      { return s.t }
func (s sample) ST() int64                     { return 0 }
func (s sample) F() float64                    { return s.v }
func (s sample) H() *histogram.Histogram       { return nil }
func (s sample) FH() *histogram.FloatHistogram { return nil }
func (s sample) Type() chunkenc.ValueType      { return chunkenc.ValFloat }
func (s sample) Copy() chunks.Sample           { return s }

// seriesSet is promstorage.SeriesSet of what is in memory.
type seriesSet struct {
	series []oneSeries
	count  int
	notes  annotations.Annotations
	at     int
}

// Next implements promstorage.SeriesSet.
func (s *seriesSet) Next() bool {
	s.at++
	return s.at < len(s.series)
}

// At implements promstorage.SeriesSet.
func (s *seriesSet) At() promstorage.Series {
	one := s.series[s.at]
	return promstorage.NewListSeries(one.labels, one.samples)
}

// Err implements promstorage.SeriesSet.
func (s *seriesSet) Err() error { return nil }

// Warnings implements promstorage.SeriesSet.
func (s *seriesSet) Warnings() annotations.Annotations { return s.notes }

func (s *seriesSet) sort() {
	slices.SortFunc(s.series, func(a, b oneSeries) int { return labels.Compare(a.labels, b.labels) })
}

// add makes the series of metrics of one rollup.
func (s *seriesSet) add(metrics []metric, got readRows, hints *promstorage.SelectHints, matchers []*labels.Matcher) error {
	for _, w := range got.warnings {
		s.notes.Add(fmt.Errorf("%w: %s", annotations.PromQLWarning, w))
	}
	names := labelNames(metrics[0].rollup)
	rows, before := byCombination(got.rows), byCombination(got.before)
	for key := range before { // A counter goes on though nothing happened within the range.
		if rows[key] == nil {
			rows[key] = []*rollup.Row{}
		}
	}
	for key, own := range rows {
		first := before[key]
		any := slices.Concat(own, first)[0]
		for _, m := range metrics {
			lbls := labelsOf(m, names, any)
			if !slices.ContainsFunc(matchers, func(m *labels.Matcher) bool { return !m.Matches(lbls.Get(m.Name)) }) {
				p := pointsOf{metric: m, first: got.of.Start, step: got.step, hints: hints}
				var samples []chunks.Sample
				if isCounter(m.rollup.Plan.Definition.Measures[m.measure].Func) {
					samples = p.again(p.counter(own, first))
				} else {
					samples = p.again(p.gauge(own))
				}
				if s.count += len(samples); s.count > maxSamples {
					return fmt.Errorf("%w: %w", storage.ErrLimit, errTooManySamples)
				}
				s.series = append(s.series, oneSeries{labels: lbls, samples: samples})
			}
		}
	}
	return nil
}

// byCombination sorts rows into their combinations, by time.
func byCombination(rows []rollup.Row) map[string][]*rollup.Row {
	out := map[string][]*rollup.Row{}
	for i := range rows {
		r := &rows[i]
		key := string(rune(r.Folded)) + strings.Join(r.Values, "\x00")
		out[key] = append(out[key], r)
	}
	return out
}

// pointsOf makes the samples of one series.
type pointsOf struct {
	metric metric
	first  time.Time // start of the first bucket
	step   time.Duration
	hints  *promstorage.SelectHints
}

func (p pointsOf) value(r *rollup.Row) float64 {
	v, there := p.metric.rollup.Plan.Value(*r, p.metric.measure, p.step)
	if !there {
		return math.NaN()
	}
	return v
}

// counter adds the buckets up, from 0 every day at 00:00 UTC, with a sample for each bucket once there was an event that day: rate and increase then find what
// happened in the first one, and that nothing happened since.
func (p pointsOf) counter(rows, before []*rollup.Row) []chunks.Sample {
	const day = int64(24 * time.Hour / time.Millisecond)
	step := p.step.Milliseconds()
	var out []chunks.Sample
	sum, begun := 0.0, false
	at, last := p.first.UnixMilli()+step, p.hints.End/step*step // ends of buckets
	for _, r := range before {
		sum, begun = sum+p.value(r), true
	}
	next := 0
	for ; at <= last; at += step {
		opens := at - step
		if opens%day == 0 && begun { // The first bucket of a day.
			sum = 0
			out = append(out, sample{t: opens + 1, v: 0})
		}
		if next < len(rows) && rows[next].Time.UnixMilli() == opens {
			if !begun {
				out = append(out, sample{t: opens + 1, v: 0})
				begun = true
			}
			sum += p.value(rows[next])
			next++
		}
		if begun {
			out = append(out, sample{t: at, v: sum})
		}
	}
	return out
}

// gauge has a sample at the end of each bucket with events.
func (p pointsOf) gauge(rows []*rollup.Row) []chunks.Sample {
	var out []chunks.Sample
	for _, r := range rows {
		if v := p.value(r); !math.IsNaN(v) {
			out = append(out, sample{t: r.Time.UnixMilli() + p.step.Milliseconds(), v: v})
		}
	}
	return out
}

// wide says whether buckets are wider than instant selectors look back, and one is asking.
func wide(step time.Duration, window int64) bool { return step > lookback && window == 0 }

// again tells samples of wide buckets again at each time of evaluation, until the next bucket has ended, and marks where a series ends, so that what was true of one
// bucket is not told of the next.
func (p pointsOf) again(samples []chunks.Sample) []chunks.Sample {
	if p.hints.Range > 0 {
		return samples
	}
	out := make([]chunks.Sample, 0, len(samples))
	for i, s := range samples {
		out = append(out, s)
		until := s.T() + p.step.Milliseconds()
		if i+1 < len(samples) {
			until = min(until, samples[i+1].T())
		}
		if wide(p.step, 0) {
			out = p.evaluated(out, s, until)
		}
		if i+1 == len(samples) || until < samples[i+1].T() {
			out = append(out, sample{t: until, v: math.Float64frombits(value.StaleNaN)})
		}
	}
	return out
}

// evaluated adds a sample at each time of evaluation behind its own and before another: those are at the end of the selection and by whole steps before.
func (p pointsOf) evaluated(out []chunks.Sample, s chunks.Sample, until int64) []chunks.Sample {
	if p.hints.Step <= 0 {
		if s.T() < p.hints.End && p.hints.End < until {
			out = append(out, sample{t: p.hints.End, v: s.F()})
		}
		return out
	}
	for t := p.hints.End - (p.hints.End-s.T())/p.hints.Step*p.hints.Step; t < until && t <= p.hints.End; t += p.hints.Step {
		if t > s.T() {
			out = append(out, sample{t: t, v: s.F()})
		}
	}
	return out
}
