// SPDX-License-Identifier: Apache-2.0

package writer

import (
	"cmp"
	"slices"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	promstorage "github.com/prometheus/prometheus/storage"
)

// oldestStart, in milliseconds, is about how far back the head of the tsdb takes a sample in order; an older start it would only refuse, at the cost of a message.
const oldestStart = 3_600_000

// startOf is the start timestamp that the tsdb may put a zero at (its EnableSTAsZeroSample), 0 for what did not start at zero: gauges, the quantiles of a
// summary, target_info, and stale markers. Where the type is not known it is what the sender said.
func startOf(st, t int64, v float64, name string, opts promstorage.AOptions) int64 {
	if t-st > oldestStart {
		return 0
	}
	switch opts.Metadata.Type {
	case model.MetricTypeGauge, model.MetricTypeInfo, model.MetricTypeStateset, model.MetricTypeGaugeHistogram:
		return 0
	case model.MetricTypeSummary:
		if name == opts.MetricFamilyName {
			return 0
		}
	default:
	}
	if name == targetInfo || value.IsStaleNaN(v) {
		return 0
	}
	return st
}

// inOrder returns a copy in the order in which the tsdb takes exemplars of one series (tsdb/exemplar.go, validateExemplar).
func inOrder(es []exemplar.Exemplar) []exemplar.Exemplar {
	es = slices.Clone(es)
	slices.SortFunc(es, func(a, b exemplar.Exemplar) int {
		return cmp.Or(cmp.Compare(a.Ts, b.Ts), cmp.Compare(a.Value, b.Value), cmp.Compare(a.Labels.Hash(), b.Labels.Hash()), labels.Compare(a.Labels, b.Labels))
	})
	return es
}
