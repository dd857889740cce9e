// SPDX-License-Identifier: Apache-2.0

package writer

import (
	"context"
	"errors"
	"fmt"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	promstorage "github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

// checkedAppender refuses a sample that contradicts one of the same series and time which the store has already. The tsdb compares a sample with the newest one of its series
// alone; of two that contradict each other further back it keeps both, and shows one.
type checkedAppender struct {
	promstorage.AppenderV2
	ctx   context.Context // An appender belongs to one transaction.
	store promstorage.Queryable
}

// Append implements promstorage.AppenderV2.
func (a checkedAppender) Append(ref promstorage.SeriesRef, ls labels.Labels, st, t int64, v float64, h *histogram.Histogram, fh *histogram.FloatHistogram, opts promstorage.AOptions) (promstorage.SeriesRef, error) { //nolint:revive // The interface is Prometheus's.
	inOrder := opts
	inOrder.RejectOutOfOrder = true
	got, err := a.AppenderV2.Append(ref, ls, st, t, v, h, fh, inOrder)
	if !errors.Is(err, promstorage.ErrOutOfOrderSample) {
		return got, err // It only stands before the other.
	}
	before, there, err := a.at(ls, t)
	if err != nil {
		return 0, err
	}
	if there && !before.equals(sample{v, h, fh}) {
		return 0, promstorage.ErrDuplicateSampleForTimestamp
	}
	return a.AppenderV2.Append(ref, ls, st, t, v, h, fh, opts) // As above.
}

// GetRef implements promstorage.GetRef where the appender does.
func (a checkedAppender) GetRef(ls labels.Labels, hash uint64) (promstorage.SeriesRef, labels.Labels) {
	if refs, ok := a.AppenderV2.(promstorage.GetRef); ok {
		return refs.GetRef(ls, hash)
	}
	return 0, labels.EmptyLabels()
}

// at reads the sample of the series at t.
func (a checkedAppender) at(ls labels.Labels, t int64) (s sample, there bool, err error) {
	q, err := a.store.Querier(t, t)
	if err != nil {
		return s, false, fmt.Errorf("look for a sample out of order: %w", err)
	}
	defer func() { _ = q.Close() }()
	matchers := make([]*labels.Matcher, 0, ls.Len())
	ls.Range(func(l labels.Label) {
		matchers = append(matchers, labels.MustNewMatcher(labels.MatchEqual, l.Name, l.Value))
	})
	set := q.Select(a.ctx, false, nil, matchers...)
	for set.Next() {
		if !labels.Equal(set.At().Labels(), ls) { // A series that has more labels.
			continue
		}
		it := set.At().Iterator(nil)
		switch it.Seek(t) {
		case chunkenc.ValFloat:
			_, s.v = it.At()
		case chunkenc.ValHistogram:
			_, s.h = it.AtHistogram(nil)
		case chunkenc.ValFloatHistogram:
			_, s.fh = it.AtFloatHistogram(nil)
		case chunkenc.ValNone:
			continue
		}
		there = it.AtT() == t
	}
	if err := set.Err(); err != nil {
		return s, false, fmt.Errorf("look for a sample out of order: %w", err)
	}
	return s, there, nil
}
