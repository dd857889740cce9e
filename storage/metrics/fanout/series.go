// SPDX-License-Identifier: Apache-2.0

package fanout

import (
	"bytes"
	"slices"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"
	promstorage "github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
)

// series is one series of one writer. A series whose chunks do not fit one frame of the stream comes as several, one after another.
type series struct {
	labels labels.Labels
	frames []promstorage.Series
}

// Labels implements promstorage.Series and ChunkSeries.
func (s *series) Labels() labels.Labels { return s.labels }

// samples returns an iterator over the samples of all frames.
func (s *series) samples(it chunkenc.Iterator) chunkenc.Iterator {
	switch len(s.frames) {
	case 0:
		return chunkenc.NewNopIterator()
	case 1:
		return s.frames[0].Iterator(it)
	default:
		return promstorage.ChainedSeriesMerge(s.frames...).Iterator(it)
	}
}

// chunkHolder is a series as the library's stream reader makes it.
type chunkHolder interface{ GetChunks() []prompb.Chunk }

// metas returns the chunks of all frames as they came; ok is false when a writer answered with samples.
func (s *series) metas() (out []chunks.Meta, ok bool, err error) {
	for _, f := range s.frames {
		held, isChunks := f.(chunkHolder)
		if !isChunks {
			return nil, false, nil
		}
		for _, c := range held.GetChunks() {
			chunk, err := chunkenc.FromData(chunkenc.Encoding(c.Type), c.Data) //nolint:gosec // FromData refuses a type it does not know.
			if err != nil {
				return nil, true, err // Handed on by the iterator.
			}
			out = append(out, chunks.Meta{MinTime: c.MinTimeMs, MaxTime: c.MaxTimeMs, Chunk: chunk})
		}
	}
	return out, true, nil
}

// mergeSeries is Prometheus's merge. Of replicas that hold the same bytes one is enough, which is the rule for writers that read the
// same partition and saves decoding each sample twice.
func mergeSeries(all ...promstorage.Series) promstorage.Series {
	first, ok := all[0].(sampleSeries)
	for _, other := range all[1:] {
		o, isOurs := other.(sampleSeries)
		if ok = ok && isOurs && sameChunks(first.frames, o.frames); !ok {
			return promstorage.ChainedSeriesMerge(all...)
		}
	}
	return first
}

func sameChunks(a, b []promstorage.Series) bool {
	return slices.EqualFunc(a, b, func(x, y promstorage.Series) bool {
		hx, okx := x.(chunkHolder)
		hy, oky := y.(chunkHolder)
		return okx && oky && slices.EqualFunc(hx.GetChunks(), hy.GetChunks(), func(p, q prompb.Chunk) bool {
			return p.Type == q.Type && p.MinTimeMs == q.MinTimeMs && p.MaxTimeMs == q.MaxTimeMs && bytes.Equal(p.Data, q.Data)
		})
	})
}

// listSet goes over series in memory.
type listSet struct {
	series []*series
	at     int
}

func (s *listSet) Next() bool {
	s.at++
	return s.at <= len(s.series)
}

func (*listSet) Err() error                        { return nil }
func (*listSet) Warnings() annotations.Annotations { return nil }

type sampleSet struct{ listSet }

func (s *sampleSet) At() promstorage.Series { return sampleSeries{s.series[s.at-1]} }

type sampleSeries struct{ *series }

func (s sampleSeries) Iterator(it chunkenc.Iterator) chunkenc.Iterator { return s.samples(it) }

type chunkSet struct{ listSet }

func (s *chunkSet) At() promstorage.ChunkSeries { return chunkSeries{s.series[s.at-1]} }

type chunkSeries struct{ *series }

func (s chunkSeries) Iterator(it chunks.Iterator) chunks.Iterator {
	metas, ok, err := s.metas()
	switch {
	case err != nil:
		return errIterator{err}
	case !ok:
		return promstorage.NewSeriesToChunkEncoder(sampleSeries(s)).Iterator(it)
	default:
		return promstorage.NewListChunkSeriesIterator(metas...)
	}
}

type errIterator struct{ err error }

func (errIterator) At() chunks.Meta { return chunks.Meta{} }
func (errIterator) Next() bool      { return false }
func (e errIterator) Err() error    { return e.err }

// lazySet waits for the answer when it is first asked anything.
type lazySet struct {
	*pending
	open func() promstorage.SeriesSet
	set  promstorage.SeriesSet
}

func (s *lazySet) Next() bool {
	if <-s.done; s.err != nil {
		return false
	}
	if s.set == nil {
		s.set = s.open()
	}
	return s.set.Next()
}

func (s *lazySet) At() promstorage.Series { return s.set.At() }

func (s *lazySet) Err() error {
	if <-s.done; s.err != nil || s.set == nil {
		return s.err
	}
	return s.set.Err() // Wrapped where it came from.
}

func (s *lazySet) Warnings() annotations.Annotations {
	<-s.done
	return s.warnings
}

// lazyChunkSet is lazySet for chunks.
type lazyChunkSet struct {
	*pending
	open func() promstorage.ChunkSeriesSet
	set  promstorage.ChunkSeriesSet
}

func (s *lazyChunkSet) Next() bool {
	if <-s.done; s.err != nil {
		return false
	}
	if s.set == nil {
		s.set = s.open()
	}
	return s.set.Next()
}

func (s *lazyChunkSet) At() promstorage.ChunkSeries { return s.set.At() }

func (s *lazyChunkSet) Err() error {
	if <-s.done; s.err != nil || s.set == nil {
		return s.err
	}
	return s.set.Err() // Wrapped where it came from.
}

func (s *lazyChunkSet) Warnings() annotations.Annotations {
	<-s.done
	return s.warnings
}
