// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"context"
	"fmt"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	promstorage "github.com/prometheus/prometheus/storage"

	"github.com/strata-apm/strata/storage"
)

// AppenderV2 implements storage.AppendableV2. While the head holds Config.MaxSeries series, an append to a series that does not exist
// returns an error that wraps storage.ErrLimit; samples of known series go on being taken. The bound is looked at once per
// transaction, so that one transaction may overshoot it. While the disk is nearly full every append fails with an error that wraps
// storage.ErrUnavailable.
func (s *Store) AppenderV2(ctx context.Context) promstorage.AppenderV2 {
	app := s.db.AppenderV2(ctx)
	if err := s.broken(); err != nil {
		return refusing{app, err}
	}
	if err := s.space.check(); err != nil {
		return refusing{app, err}
	}
	refs, ok := app.(promstorage.GetRef)
	if !ok || !s.Full() {
		return tracked{app, s}
	}
	return tracked{knownOnly{AppenderV2: app, refs: refs, limit: s.maxSeries}, s}
}

// Full says whether as many series as Config.MaxSeries are in memory, of all tenants together, so that no new one is taken.
func (s *Store) Full() bool {
	return s.maxSeries != 0 && s.allSeries() >= s.maxSeries
}

// Known says whether the head has the series.
func (s *Store) Known(ls labels.Labels) bool {
	app := s.db.AppenderV2(context.Background())
	defer func() { _ = app.Rollback() }() // Nothing was appended.
	refs, ok := app.(promstorage.GetRef)
	if !ok {
		return false
	}
	ref, _ := refs.GetRef(ls, ls.Hash())
	return ref != 0
}

// knownOnly appends only to series that exist.
type knownOnly struct {
	promstorage.AppenderV2
	refs  promstorage.GetRef
	limit uint64
}

// Append implements promstorage.AppenderV2.
func (a knownOnly) Append(ref promstorage.SeriesRef, ls labels.Labels, st, t int64, v float64, h *histogram.Histogram, fh *histogram.FloatHistogram, opts promstorage.AOptions) (promstorage.SeriesRef, error) { //nolint:revive // The interface is Prometheus's.
	known, _ := a.refs.GetRef(ls, ls.Hash()) // The head may have forgotten the series that ref was given for.
	if known == 0 {
		return 0, fmt.Errorf("%w: %d series exist, no new one is taken", storage.ErrLimit, a.limit)
	}
	return a.AppenderV2.Append(known, ls, st, t, v, h, fh, opts) // The tsdb's own errors are told apart by the caller.
}

// GetRef implements promstorage.GetRef.
func (a knownOnly) GetRef(ls labels.Labels, hash uint64) (promstorage.SeriesRef, labels.Labels) {
	return a.refs.GetRef(ls, hash)
}
