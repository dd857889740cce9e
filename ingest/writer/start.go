// SPDX-License-Identifier: Apache-2.0

package writer

import (
	"cmp"
	"slices"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/labels"
	promstorage "github.com/prometheus/prometheus/storage"
)

// oldestStart, in milliseconds, is about how far back the head of the tsdb takes a sample in order; an older start it would only refuse, at the cost of a message.
const oldestStart = 3_600_000

// startsAtZero says whether a sample belongs to what counts up from zero: not gauges, the quantiles of a summary and target_info. Where the type is not known the
// start is believed.
func startsAtZero(name string, opts promstorage.AOptions) bool {
	switch opts.Metadata.Type {
	case model.MetricTypeGauge, model.MetricTypeInfo, model.MetricTypeStateset, model.MetricTypeGaugeHistogram:
		return false
	case model.MetricTypeSummary:
		return name != opts.MetricFamilyName
	default:
		return name != targetInfo
	}
}

// starts finds where the tsdb may put a zero for the start of a series (its EnableSTAsZeroSample). A new process may start at the very time of the last point of the one
// before (OpenTelemetry's data model, "Resets and Gaps"). That place is taken, so the zero stands a millisecond later. But a sender that does not know its start says that
// it is the time of its first point, whose value is no zero: so a sample's own start must be known before a start at its time is a restart. The memory is the process's own:
// just after its start such a restart is taken for an unknown start, as in Prometheus. Not safe for concurrent use.
type starts struct {
	series map[uint64]*state // by the hash of the labels
	// sweepAt is the number of series at which those without a recent sample are forgotten.
	sweepAt int
}

// state is what is known of one series, in milliseconds.
type state struct {
	// last is the time of the newest sample; known says that it had a start before that.
	last  int64
	known bool
	// restarted is the latest start that was the time of a sample, 0 for none.
	restarted int64
	// forgotten says that it was swept: whoever holds it looks for the series again.
	forgotten bool
	// first is the only sample of the series in a transaction so far.
	first firstSample
}

func newStarts() starts { return starts{series: map[uint64]*state{}, sweepAt: 1 << 10} }

// zero returns where the zero of a sample at t belongs that started at st; 0 is nowhere.
func (s *starts) zero(series uint64, st, t int64) int64 { return s.series[series].zero(st, t) }

// zero is starts.zero for the series; nil is one of which nothing is known.
func (r *state) zero(st, t int64) int64 {
	if st <= 0 || t-st > oldestStart {
		return 0
	}
	if r != nil && st < t-1 && (r.restarted == st || r.known && r.last == st) {
		return st + 1
	}
	return st
}

// taken notes a sample that the tsdb took. Told again it changes nothing.
func (s *starts) taken(series uint64, st, t int64, stale bool) {
	r := s.series[series]
	if r == nil {
		if st <= 0 || stale {
			return
		}
		r = s.of(series, t)
	}
	r.taken(st, t, stale)
}

// taken is starts.taken for the series.
func (r *state) taken(st, t int64, stale bool) {
	if t < r.last {
		return
	}
	if r.known && r.last == st && st < t {
		r.restarted = st
	}
	r.last = t
	if !stale { // A marker ends what was there.
		r.known = st > 0 && st < t
	}
}

// of returns the state of a series whose newest sample is at t; it is made where there is none.
func (s *starts) of(series uint64, t int64) *state {
	r := s.series[series]
	if r == nil {
		if len(s.series) >= s.sweepAt {
			s.sweep(t)
		}
		r = &state{}
		s.series[series] = r
	}
	return r
}

// sweep forgets series that have no sample since oldestStart: no zero would be put so far back.
func (s *starts) sweep(t int64) {
	for series, r := range s.series {
		if t-r.last > oldestStart {
			r.forgotten = true
			delete(s.series, series)
		}
	}
	s.sweepAt = max(1<<10, 2*len(s.series))
}

// inOrder returns a copy in the order in which the tsdb takes exemplars of one series (tsdb/exemplar.go, validateExemplar).
func inOrder(es []exemplar.Exemplar) []exemplar.Exemplar {
	es = slices.Clone(es)
	slices.SortFunc(es, func(a, b exemplar.Exemplar) int {
		return cmp.Or(cmp.Compare(a.Ts, b.Ts), cmp.Compare(a.Value, b.Value), cmp.Compare(a.Labels.Hash(), b.Labels.Hash()), labels.Compare(a.Labels, b.Labels))
	})
	return es
}
