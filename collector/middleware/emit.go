// SPDX-License-Identifier: Apache-2.0

package middleware

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/strata-apm/strata/collector/middleware/reader"
	"github.com/strata-apm/strata/packs"
)

const scopeName = "github.com/strata-apm/strata/collector/middleware"

// forgetParts is how long a label set that is no longer read keeps its place in the budget, for in the store its series still exist.
const forgetParts = time.Hour

// mapper names the values of one pack.
type mapper struct {
	pack   packs.Pack
	fields map[string][]mapping
}

type mapping struct {
	metric     int
	attributes map[string]string
	scale      float64
}

func newMapper(p packs.Pack) *mapper {
	m := &mapper{pack: p, fields: make(map[string][]mapping)}
	for i, metric := range p.Metrics {
		for _, f := range metric.From {
			m.fields[f.Field] = append(m.fields[f.Field], mapping{metric: i, attributes: f.Attributes, scale: cmp.Or(f.Scale, 1)})
		}
	}
	return m
}

// point is one value under its metric.
type point struct {
	metric     int
	value      float64
	attributes map[string]string
}

// labelSet is everything that is read of one part of an instance: the values with the same tags.
type labelSet struct {
	name   string
	points []point
}

// group maps a reading and groups it by tags, in the order of the reading.
func (m *mapper) group(samples []reader.Sample) []*labelSet {
	var out []*labelSet
	byName := make(map[string]*labelSet)
	for _, s := range samples {
		for _, to := range m.fields[s.Field] {
			name := tagNames(s.Tags)
			set, ok := byName[name]
			if !ok {
				set = &labelSet{name: name}
				byName[name] = set
				out = append(out, set)
			}
			attributes := s.Tags
			if len(to.attributes) > 0 {
				attributes = maps.Clone(to.attributes)
				maps.Copy(attributes, s.Tags)
			}
			set.points = append(set.points, point{metric: to.metric, value: s.Value * to.scale, attributes: attributes})
		}
	}
	return out
}

func tagNames(tags map[string]string) string {
	if len(tags) == 0 {
		return ""
	}
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		b.WriteString(k + "\x00" + tags[k] + "\x00")
	}
	return b.String()
}

// budget bounds the series of one instance. A label set is admitted as a whole or not at all, and one that is in stays in.
type budget struct {
	limit int
	sets  map[string]admitted
}

type admitted struct {
	series int
	seen   time.Time
}

// admit returns the label sets that fit, how many series they are, and how many label sets and series do not fit.
func (b *budget) admit(sets []*labelSet, now time.Time) (in []*labelSet, series, droppedSets, dropped int) {
	maps.DeleteFunc(b.sets, func(_ string, a admitted) bool { return now.Sub(a.seen) > forgetParts })
	used := 0
	for _, a := range b.sets {
		used += a.series
	}
	for _, s := range sets {
		had := b.sets[s.name].series
		if need := max(had, len(s.points)); used-had+need <= b.limit {
			used += need - had
			b.sets[s.name] = admitted{series: need, seen: now}
			in = append(in, s)
			series += len(s.points)
			continue
		}
		droppedSets++
		dropped += len(s.points)
	}
	return in, series, droppedSets, dropped
}

// writer builds the metrics of one instance.
type writer struct {
	scope pmetric.ScopeMetrics
	kind  string
	now   pcommon.Timestamp
}

func newWriter(md pmetric.Metrics, kind, instanceID string, now time.Time) *writer {
	rm := md.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr("service.instance.id", instanceID)
	scope := rm.ScopeMetrics().AppendEmpty()
	scope.Scope().SetName(scopeName)
	return &writer{scope: scope, kind: kind, now: pcommon.NewTimestampFromTime(now)}
}

// own writes a gauge about the collection itself. Attributes are pairs.
func (w *writer) own(name, description string, value float64, attributes ...string) {
	m := w.scope.Metrics().AppendEmpty()
	m.SetName(name)
	m.SetDescription(description)
	dp := m.SetEmptyGauge().DataPoints().AppendEmpty()
	dp.SetDoubleValue(value)
	dp.SetTimestamp(w.now)
	dp.Attributes().PutStr("middleware", w.kind)
	for i := 0; i+1 < len(attributes); i += 2 {
		dp.Attributes().PutStr(attributes[i], attributes[i+1])
	}
}

// sets writes what was read and returns the names of the metrics, in the pack's order. Series that are gone are marked as such: they end
// now and not when the store takes them for lost.
func (w *writer) sets(p packs.Pack, sets, gone []*labelSet) []string {
	slices := make([]pmetric.NumberDataPointSlice, len(p.Metrics))
	made, collected := make([]bool, len(p.Metrics)), make([]bool, len(p.Metrics))
	add := func(pt point) pmetric.NumberDataPoint {
		if !made[pt.metric] {
			slices[pt.metric], made[pt.metric] = w.metric(p.Metrics[pt.metric]), true
		}
		dp := slices[pt.metric].AppendEmpty()
		dp.SetTimestamp(w.now)
		dp.Attributes().PutStr("middleware", w.kind)
		for k, v := range pt.attributes {
			dp.Attributes().PutStr(k, v)
		}
		return dp
	}
	for _, s := range sets {
		for _, pt := range s.points {
			add(pt).SetDoubleValue(pt.value)
			collected[pt.metric] = true
		}
	}
	for _, s := range gone {
		for _, pt := range s.points {
			add(pt).SetFlags(pmetric.DefaultDataPointFlags.WithNoRecordedValue(true))
		}
	}
	var names []string
	for i, m := range p.Metrics {
		if collected[i] {
			names = append(names, m.Name)
		}
	}
	return names
}

// vanished returns the label sets of a reading that are not in the next one.
func vanished(last, next []*labelSet) []*labelSet {
	still := make(map[string]bool, len(next))
	for _, s := range next {
		still[s.name] = true
	}
	var out []*labelSet
	for _, s := range last {
		if !still[s.name] {
			out = append(out, s)
		}
	}
	return out
}

func (w *writer) metric(like packs.Metric) pmetric.NumberDataPointSlice {
	m := w.scope.Metrics().AppendEmpty()
	m.SetName(like.Name)
	m.SetUnit(like.Unit)
	m.SetDescription(like.Description)
	if like.Type == packs.Gauge {
		return m.SetEmptyGauge().DataPoints()
	}
	sum := m.SetEmptySum()
	sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	sum.SetIsMonotonic(like.Type == packs.Sum)
	return sum.DataPoints()
}
