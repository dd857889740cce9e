// SPDX-License-Identifier: Apache-2.0

package writer

import (
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/metadata"
	"github.com/prometheus/prometheus/model/value"
	promstorage "github.com/prometheus/prometheus/storage"

	"github.com/strata-apm/strata/ingest/writer/seriescache"
)

// series is what is kept of a series whose data points are known by their bytes.
type series struct {
	ref promstorage.SeriesRef
	// labels share the memory of the store's own.
	labels labels.Labels
	hash   uint64 // of labels
	// counts says that its samples count up from zero, so that their starts matter.
	counts bool
	// options are shared by the series of a metric family. family has its name and metadata, nil where there are none.
	options, family *promstorage.AOptions
	state           *state
}

// learner collects what the translation appends while data points are learned from.
type learner struct {
	on       bool
	samples  []seriescache.Translated[series]
	families map[familyKey]*promstorage.AOptions
}

type familyKey struct {
	name string
	metadata.Metadata
}

// maxFamilies is the number of families at which they are collected anew.
const maxFamilies = 50_000

func (l *learner) begin(on bool) { l.on, l.samples = on, l.samples[:0] }

// family returns options that the series of a family share.
func (l *learner) family(name string, md metadata.Metadata) *promstorage.AOptions {
	k := familyKey{name, md}
	if o := l.families[k]; o != nil {
		return o
	}
	if l.families == nil || len(l.families) >= maxFamilies {
		l.families = map[familyKey]*promstorage.AOptions{}
	}
	o := &promstorage.AOptions{MetricFamilyName: name, Metadata: md}
	l.families[k] = o
	return o
}

// familyOf is the family whose metadata a sample has; remote write does not say its name.
func (l *learner) familyOf(opts promstorage.AOptions, ls labels.Labels) *promstorage.AOptions {
	switch md := opts.Metadata; {
	case opts.MetricFamilyName != "":
		return l.family(opts.MetricFamilyName, md)
	case md.Type != "" || md.Help != "":
		return l.family(family(ls.Get(model.MetricNameLabel)), md)
	default:
		return nil
	}
}

// learn notes a sample that the translation appended; ref is 0 where it was refused.
func (a *countingAppender) learn(ref promstorage.SeriesRef, ls labels.Labels, t int64, v float64, opts promstorage.AOptions) {
	made := seriescache.Translated[series]{Time: t, Value: v, Taken: ref != 0, Target: opts.MetricFamilyName == targetInfo}
	if made.Taken {
		s := series{ref: ref, labels: ls, hash: ls.Hash(), options: a.learner.family(opts.MetricFamilyName, opts.Metadata)}
		if refs, ok := a.AppenderV2.(promstorage.GetRef); ok {
			if same, own := refs.GetRef(ls, s.hash); same == ref {
				s.labels = own
			}
		}
		if !made.Target {
			s.family = a.learner.familyOf(opts, ls)
		}
		s.counts = startsAtZero(ls.Get(model.MetricNameLabel), opts)
		s.state = a.starts.of(s.hash, t)
		made.Series = s
	}
	a.learner.samples = append(a.learner.samples, made)
}

// appendKnown appends a sample of a series that is known.
func (a *countingAppender) appendKnown(s *series, st, t int64, v float64) {
	if s.family != nil && s.family != a.noted {
		a.metadata.Set(s.family.MetricFamilyName, s.family.Metadata)
		a.noted = s.family
	}
	if s.state.forgotten {
		s.state = a.starts.of(s.hash, t)
	}
	stale := value.IsStaleNaN(v)
	var zero int64
	if s.counts && !stale {
		zero = s.state.zero(st, t)
	}
	got, err := a.AppenderV2.Append(s.ref, s.labels, zero, t, v, nil, nil, *s.options)
	if err == nil {
		s.ref = got // The store may have forgotten the series and made it anew.
		if a.contradicts(s, t, v) {
			err = promstorage.ErrDuplicateSampleForTimestamp
		}
	}
	if err != nil {
		_ = a.refuse(err, s.labels, *s.options, t, true) // What may pass is in fatal.
		return
	}
	if s.counts {
		s.state.taken(st, t, stale)
	} else {
		s.state.last = max(s.state.last, t)
	}
}

// firstSample is the only sample of a series in a transaction so far. Most have no second one, and need no place among countingAppender.taken.
type firstSample struct {
	transaction uint64
	ref         promstorage.SeriesRef
	t           int64
	v           float64
}

// contradicts is conflicts for a known series.
func (a *countingAppender) contradicts(s *series, t int64, v float64) bool {
	first := &s.state.first
	if !a.mixed && first.transaction != a.transaction {
		*first = firstSample{a.transaction, s.ref, t, v}
		return false
	}
	if first.transaction == a.transaction && first.ref != 0 {
		a.taken[sampleKey{first.ref, first.t}] = sample{v: first.v}
		first.ref = 0
	}
	return a.conflicts(s.ref, t, sample{v: v})
}
