// SPDX-License-Identifier: Apache-2.0

package rollups

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/scrape"
	promstorage "github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"

	"github.com/strata-apm/strata/rollup"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/tenant"
)

// Base is the storage of the series that are no rollups'.
type Base interface {
	promstorage.Queryable
	promstorage.ChunkQueryable
	promstorage.ExemplarQueryable
}

// Series returns base with the series of rollups mixed in: a metric rollup:<rollup>:<measure> for each measure, with a label for each dimension. Counts and sums are
// counters that begin at 0 every day at 00:00 UTC, everything else is a gauge; each sample is of a whole bucket and has the time of its end. Chunks and exemplars
// are base's alone.
func (s *Service) Series(base Base) Base {
	return struct {
		promstorage.Queryable
		promstorage.ChunkQueryable
		promstorage.ExemplarQueryable
	}{s.Queryable(base), base, base}
}

// Queryable is Series of what can be queried alone, as rules do.
func (s *Service) Queryable(base promstorage.Queryable) promstorage.Queryable {
	return mixed{base: base, service: s}
}

// Metadata adds the metadata of the rollups of ctx's tenant to what is known of other metrics.
func (s *Service) Metadata(ctx context.Context, base scrape.MetricMetadataStore) scrape.MetricMetadataStore {
	all, err := s.List(ctx, tenant.FromContext(ctx).OrDefault())
	if err != nil || len(all) == 0 { // Without them metadata is what it was: it has no place for an error.
		return base
	}
	return withMetadata{MetricMetadataStore: base, own: metadataOf(all)}
}

type mixed struct {
	base    promstorage.Queryable
	service *Service
}

// Querier implements promstorage.Queryable.
func (m mixed) Querier(mint, maxt int64) (promstorage.Querier, error) {
	base, err := m.base.Querier(mint, maxt)
	if err != nil {
		return nil, err // Base's own words.
	}
	return &mixedQuerier{Querier: base, own: querier{service: m.service, mint: mint, maxt: maxt}}, nil
}

// mixedQuerier asks the rollups only where the matchers may find one.
type mixedQuerier struct {
	promstorage.Querier
	own querier
}

// named says what the matchers say of the name: that it is a rollup's, that it is not, or neither.
func named(matchers []*labels.Matcher) (is, isNot bool) {
	for _, m := range matchers {
		if m.Name != model.MetricNameLabel || m.Type != labels.MatchEqual {
			continue
		}
		is = strings.HasPrefix(m.Value, namePrefix)
		return is, !is
	}
	return false, false
}

// Select implements promstorage.Querier.
func (q *mixedQuerier) Select(ctx context.Context, sorted bool, hints *promstorage.SelectHints, matchers ...*labels.Matcher) promstorage.SeriesSet {
	is, isNot := named(matchers)
	switch {
	case is:
		return q.own.Select(ctx, sorted, hints, matchers...)
	case isNot:
		return q.Querier.Select(ctx, sorted, hints, matchers...)
	}
	found, err := q.own.metrics(ctx, matchers)
	switch {
	case err != nil:
		return promstorage.ErrSeriesSet(err)
	case len(found) == 0:
		return q.Querier.Select(ctx, sorted, hints, matchers...)
	}
	return promstorage.NewMergeSeriesSet([]promstorage.SeriesSet{
		q.Querier.Select(ctx, true, hints, matchers...), q.own.Select(ctx, true, hints, matchers...),
	}, 0, promstorage.ChainedSeriesMerge)
}

// LabelValues implements promstorage.LabelQuerier. Names of rollups are always among names, their labels' values where the matchers ask for a rollup.
func (q *mixedQuerier) LabelValues(ctx context.Context, name string, hints *promstorage.LabelHints, matchers ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	is, isNot := named(matchers)
	if is {
		return q.own.LabelValues(ctx, name, hints, matchers...)
	}
	out, notes, err := q.Querier.LabelValues(ctx, name, hints, matchers...)
	if err != nil || isNot || name != model.MetricNameLabel {
		return out, notes, err // Base's own words.
	}
	more, _, err := q.own.LabelValues(ctx, name, hints, matchers...)
	return union(out, more), notes, err
}

// LabelNames implements promstorage.LabelQuerier.
func (q *mixedQuerier) LabelNames(ctx context.Context, hints *promstorage.LabelHints, matchers ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	is, isNot := named(matchers)
	if is {
		return q.own.LabelNames(ctx, hints, matchers...)
	}
	out, notes, err := q.Querier.LabelNames(ctx, hints, matchers...)
	if err != nil || isNot {
		return out, notes, err // Base's own words.
	}
	more, _, err := q.own.LabelNames(ctx, hints, matchers...)
	return union(out, more), notes, err
}

func union(a, b []string) []string {
	if len(b) == 0 {
		return a
	}
	out := slices.Concat(a, b)
	slices.Sort(out)
	return slices.Compact(out)
}

// querier is promstorage.Querier of the rollups alone.
type querier struct {
	service    *Service
	mint, maxt int64
}

func (q *querier) metrics(ctx context.Context, matchers []*labels.Matcher) ([]metric, error) {
	all, err := q.service.List(ctx, tenant.FromContext(ctx).OrDefault())
	if err != nil {
		return nil, err // It says what was done.
	}
	return metricsOf(all, matchers), nil
}

// Close implements promstorage.LabelQuerier.
func (q *querier) Close() error { return nil }

// LabelNames implements promstorage.LabelQuerier.
func (q *querier) LabelNames(ctx context.Context, _ *promstorage.LabelHints, matchers ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	found, err := q.metrics(ctx, matchers)
	if err != nil || len(found) == 0 {
		return nil, nil, err
	}
	out := []string{model.MetricNameLabel, foldedLabel}
	for _, m := range found {
		out = append(out, labelNames(m.rollup)...)
	}
	slices.Sort(out)
	return slices.Compact(out), nil, nil
}

// LabelValues implements promstorage.LabelQuerier.
func (q *querier) LabelValues(ctx context.Context, name string, _ *promstorage.LabelHints, matchers ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	found, err := q.metrics(ctx, matchers)
	if err != nil {
		return nil, nil, err
	}
	out := []string{}
	for i, m := range found {
		if name == model.MetricNameLabel {
			out = append(out, m.name)
			continue
		}
		d := slices.Index(labelNames(m.rollup), name)
		if d < 0 || i > 0 && found[i-1].rollup.ID == m.rollup.ID { // The measures of a rollup have the same values.
			continue
		}
		rows, err := q.read(ctx, m.rollup, selection{start: q.mint, end: q.maxt, group: []int{d}, matchers: matchers})
		if err != nil {
			return nil, nil, err
		}
		for _, r := range rows.rows {
			if v := r.Values[d]; v != "" && r.Folded == 0 {
				out = append(out, v)
			} else if r.Folded != 0 {
				out = append(out, otherValue)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil, nil
}

// Select implements promstorage.Querier.
func (q *querier) Select(ctx context.Context, _ bool, hints *promstorage.SelectHints, matchers ...*labels.Matcher) promstorage.SeriesSet {
	if hints == nil {
		hints = &promstorage.SelectHints{Start: q.mint, End: q.maxt}
	}
	found, err := q.metrics(ctx, matchers)
	if err != nil {
		return promstorage.ErrSeriesSet(err)
	}
	set := &seriesSet{at: -1}
	for len(found) > 0 { // The measures of a rollup lie beside each other and are read together.
		o := found[0].rollup
		n := 1
		for n < len(found) && found[n].rollup.ID == o.ID {
			n++
		}
		var measures []int
		for _, m := range found[:n] {
			measures = append(measures, m.measure)
		}
		got, err := q.read(ctx, o, selection{
			start: hints.Start, end: hints.End, window: hints.Range, step: hints.Step, group: allDimensions(o), matchers: matchers, points: true, measures: measures,
		})
		if err != nil {
			return promstorage.ErrSeriesSet(err)
		}
		if err := set.add(found[:n], got, hints, matchers); err != nil {
			return promstorage.ErrSeriesSet(err)
		}
		found = found[n:]
	}
	set.sort()
	return set
}

func allDimensions(o Rollup) []int {
	out := make([]int, len(o.Plan.Dimensions))
	for i := range out {
		out[i] = i
	}
	return out
}

// selection is what of a rollup is read: times in milliseconds since 1970.
type selection struct {
	start, end   int64
	window, step int64 // of the hints; 0 for none
	group        []int
	matchers     []*labels.Matcher
	points       bool // by bucket, else the range as one
	measures     []int
}

// readRows are the rows of a selection, by time, and before them those of the day in which it begins, as one.
type readRows struct {
	step         time.Duration
	of           storage.TimeRange
	rows, before []rollup.Row
	warnings     []string
}

// read reads the buckets that end within the selection.
func (q *querier) read(ctx context.Context, o Rollup, sel selection) (readRows, error) {
	start, end := time.UnixMilli(max(sel.start, 0)).UTC(), time.UnixMilli(max(sel.end, 0)).UTC()
	now := q.service.opts.Now()
	if end.After(now) {
		end = now
	}
	if oldest := now.Add(-time.Duration(o.Plan.Definition.Retention)); start.Before(oldest) {
		start = oldest
	}
	out := readRows{step: bucketsFor(o, start, now, sel)}
	first, last := start.Truncate(out.step), end.Truncate(out.step)
	if !sel.points { // Values of the bucket under way are values too.
		last = last.Add(out.step)
	}
	if first.Equal(start) || wide(out.step, sel.window) {
		first = first.Add(-out.step) // It ends at start, or is told again after it.
	}
	if !last.After(first) {
		return out, nil
	}
	ask := storage.RollupQuery{
		State: rollup.StateOf(o.ID, o.Version), Range: storage.TimeRange{Start: first, End: last}, Step: out.step,
		Group: sel.group, Where: conditions(o, sel.matchers),
	}
	ask.Inputs, ask.NoSketches, ask.NoRegisters = needed(o.Plan, sel.measures)
	if sel.points {
		ask.Every = out.step
	}
	owner := tenant.FromContext(ctx).OrDefault()
	var err error
	if out.rows, err = q.service.opts.States.RollupRows(ctx, owner, ask); err != nil {
		return out, fmt.Errorf("read rollup %s: %w", o.Name, err)
	}
	if day := first.Truncate(24 * time.Hour); sel.points && day.Before(first) {
		ask.Range, ask.Every = storage.TimeRange{Start: day, End: first}, 0
		if out.before, err = q.service.opts.States.RollupRows(ctx, owner, ask); err != nil {
			return out, fmt.Errorf("read rollup %s: %w", o.Name, err)
		}
	}
	out.of = storage.TimeRange{Start: first, End: last}
	out.warnings, err = q.warnings(ctx, o, out, sel)
	return out, err
}

// bucketsFor returns the width of the buckets: the widest that the step, or half the window of a function over time, allows.
func bucketsFor(o Rollup, start, now time.Time, sel selection) time.Duration {
	most := time.Duration(sel.step) * time.Millisecond
	if sel.window > 0 {
		most = time.Duration(sel.window) * time.Millisecond / 2
	}
	return o.Plan.StepFor(now.Sub(start), most)
}

// conditions hands on those matchers that the store can look for.
func conditions(o Rollup, matchers []*labels.Matcher) []storage.RollupCondition {
	var out []storage.RollupCondition
	names := labelNames(o)
	for _, m := range matchers {
		if d := slices.Index(names, m.Name); d >= 0 && m.Type == labels.MatchEqual {
			out = append(out, storage.RollupCondition{Dimension: d, Values: []string{m.Value}, Folded: m.Value == otherValue})
		}
	}
	return out
}

// errTooManySamples is a selection that no query should make.
var errTooManySamples = errors.New("the selection makes more than 10 million samples; ask for less time, for wider steps or for fewer values")
