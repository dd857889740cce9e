// SPDX-License-Identifier: Apache-2.0

package promapi

import (
	"context"
	"errors"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/scrape"
	"github.com/prometheus/prometheus/tsdb"
	v1 "github.com/prometheus/prometheus/web/api/v1"
)

// adminStats returns what answers status/tsdb. The admin endpoints that change data are off.
func (o Options) adminStats() v1.TSDBAdminStats {
	if o.Local == nil {
		return noStats{}
	}
	if db := o.Local.DB(); db != nil {
		return localStats{db}
	}
	return noStats{}
}

// metadata returns the metadata that one request sees.
func (o Options) metadata(ctx context.Context) scrape.MetricMetadataStore {
	if o.Remote != nil {
		return o.Remote.MetadataFor(ctx)
	}
	if o.Metadata == nil {
		return nil
	}
	return o.Metadata(ctx)
}

type localStats struct{ *tsdb.DB }

func (s localStats) Stats(byLabel string, limit int) (*tsdb.Stats, error) {
	return s.Head().Stats(byLabel, limit), nil
}

func (localStats) WALReplayStatus() (tsdb.WALReplayStatus, error) {
	return tsdb.WALReplayStatus{}, nil
}

func (s localStats) BlockMetas() ([]tsdb.BlockMeta, error) { return s.DB.BlockMetas(), nil }

// noStats stands for the tsdb of a process that has none.
type noStats struct{}

var errNoTSDB = errors.New("this process has no tsdb of its own; ask a writer")

func (noStats) CleanTombstones() error                                         { return errNoTSDB }
func (noStats) Delete(context.Context, int64, int64, ...*labels.Matcher) error { return errNoTSDB }
func (noStats) Snapshot(string, bool) error                                    { return errNoTSDB }
func (noStats) Stats(string, int) (*tsdb.Stats, error)                         { return nil, errNoTSDB }

func (noStats) WALReplayStatus() (tsdb.WALReplayStatus, error) { return tsdb.WALReplayStatus{}, nil }

func (noStats) BlockMetas() ([]tsdb.BlockMeta, error) { return nil, errNoTSDB }

// noMetadata stands for metadata that nobody keeps.
type noMetadata struct{}

func (noMetadata) ListMetadata() []scrape.MetricMetadata { return nil }
func (noMetadata) GetMetadata(string) (scrape.MetricMetadata, bool) {
	return scrape.MetricMetadata{}, false
}
func (noMetadata) SizeMetadata() int   { return 0 }
func (noMetadata) LengthMetadata() int { return 0 }
