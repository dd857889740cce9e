// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"fmt"

	"github.com/prometheus/prometheus/model/labels"
	promstorage "github.com/prometheus/prometheus/storage"

	"github.com/strata-apm/strata/storage"
)

// tracked notices a commit that the WAL did not take. The tsdb keeps the series of such a commit in memory and believes that they are in
// the WAL: samples that follow would be written and synced, and dropped at the next replay because nobody knows their series. So the store
// is broken from then on: it takes nothing and syncs nothing, no position moves, and what was not synced comes from the bus once the store
// is opened again.
type tracked struct {
	promstorage.AppenderV2
	store *Store
}

// GetRef implements promstorage.GetRef.
func (a tracked) GetRef(ls labels.Labels, hash uint64) (promstorage.SeriesRef, labels.Labels) {
	if refs, ok := a.AppenderV2.(promstorage.GetRef); ok {
		return refs.GetRef(ls, hash)
	}
	return 0, labels.EmptyLabels()
}

// Commit implements promstorage.AppenderV2.
func (a tracked) Commit() error { return a.store.committed(a.AppenderV2.Commit()) }

// Rollback implements promstorage.AppenderV2: it writes the series that were made to the WAL as well.
func (a tracked) Rollback() error { return a.store.committed(a.AppenderV2.Rollback()) }

// trackedV1 is tracked for the older interface, which rules use.
type trackedV1 struct {
	promstorage.Appender
	store *Store
}

// Commit implements promstorage.Appender.
func (a trackedV1) Commit() error { return a.store.committed(a.Appender.Commit()) }

// Rollback implements promstorage.Appender.
func (a trackedV1) Rollback() error { return a.store.committed(a.Appender.Rollback()) }

func (s *Store) committed(err error) error {
	if err == nil {
		return nil
	}
	s.syncMu.Lock()
	defer s.syncMu.Unlock()
	err = fmt.Errorf("%w: the WAL in %s did not take a commit: %w", storage.ErrBroken, s.dir, err)
	if s.syncFailed == nil {
		s.syncFailed = err
	}
	return err
}

// broken returns why nothing may be appended any more.
func (s *Store) broken() error {
	s.syncMu.Lock()
	defer s.syncMu.Unlock()
	return s.syncFailed
}
