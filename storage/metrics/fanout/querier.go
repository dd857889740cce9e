// SPDX-License-Identifier: Apache-2.0

package fanout

import (
	"context"
	"sync"

	"github.com/prometheus/prometheus/model/labels"
	promstorage "github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"
)

// base is one query: its time range, its writers and what it may hold.
type base struct {
	storage    *Storage
	mint, maxt int64
	budget     *budget

	// closed ends what Select started.
	closed context.Context // A querier has no context of its own, its end is Close.
	cancel context.CancelFunc
	wg     sync.WaitGroup

	once    sync.Once
	clients []*client
	err     error
}

func newBase(s *Storage, mint, maxt int64) *base {
	closed, cancel := context.WithCancel(context.Background())
	return &base{storage: s, mint: mint, maxt: maxt, budget: &budget{limit: s.pool.opts.Config.MaxBytes}, closed: closed, cancel: cancel}
}

// writers are the same for everything one query reads.
func (b *base) writers(ctx context.Context) ([]*client, error) {
	b.once.Do(func() { b.clients, b.err = b.storage.pool.snapshot(ctx) })
	return b.clients, b.err
}

// Close implements promstorage.Querier: it ends what is still read and waits for it.
func (b *base) Close() error {
	b.cancel()
	b.wg.Wait()
	return nil
}

// start reads in the background, so that the selectors of one query are read at the same time. Each answer is read to its end before
// the first series is handed out: an answer left half read would keep a place at its writer that another selector may be waiting
// for, and a warning must be known before the first series. The engine holds all chunks of a query in any case.
func (b *base) start(ctx context.Context, hints *promstorage.SelectHints, matchers []*labels.Matcher) *pending {
	p := &pending{done: make(chan struct{})}
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(b.closed, cancel) //nolint:contextcheck // Two contexts end it: the query's and Close.
	b.wg.Go(func() {
		defer close(p.done)
		defer cancel()
		defer stop()
		clients, err := b.writers(ctx)
		if err != nil {
			p.err = err
			return
		}
		p.answers, p.warnings, p.err = ask(ctx, clients, b.storage.strict, func(ctx context.Context, c *client) ([]*series, error) {
			if hints != nil && hints.Func == "series" {
				return b.readLabelSets(ctx, c, hints, matchers)
			}
			return b.readChunks(ctx, c, hints, matchers)
		})
	})
	return p
}

// pending is the answer of all writers to one Select.
type pending struct {
	done     chan struct{}
	answers  [][]*series // each in order of labels
	warnings annotations.Annotations
	err      error
}

func limitOf(hints *promstorage.SelectHints) int {
	if hints == nil {
		return 0
	}
	return hints.Limit
}

type querier struct{ *base }

// Select implements promstorage.Querier. The series are always in order of labels.
func (q *querier) Select(ctx context.Context, _ bool, hints *promstorage.SelectHints, matchers ...*labels.Matcher) promstorage.SeriesSet {
	p := q.start(ctx, hints, matchers)
	return &lazySet{pending: p, open: func() promstorage.SeriesSet {
		sets := make([]promstorage.SeriesSet, 0, len(p.answers))
		for _, a := range p.answers {
			sets = append(sets, &sampleSet{listSet: listSet{series: a}})
		}
		return promstorage.NewMergeSeriesSet(sets, limitOf(hints), mergeSeries)
	}}
}

type chunkQuerier struct{ *base }

// Select implements promstorage.ChunkQuerier.
func (q *chunkQuerier) Select(ctx context.Context, _ bool, hints *promstorage.SelectHints, matchers ...*labels.Matcher) promstorage.ChunkSeriesSet {
	p := q.start(ctx, hints, matchers)
	return &lazyChunkSet{pending: p, open: func() promstorage.ChunkSeriesSet {
		sets := make([]promstorage.ChunkSeriesSet, 0, len(p.answers))
		for _, a := range p.answers {
			sets = append(sets, &chunkSet{listSet: listSet{series: a}})
		}
		merge := promstorage.NewCompactingChunkSeriesMerger(promstorage.ChainedSeriesMerge)
		return promstorage.NewMergeChunkSeriesSet(sets, limitOf(hints), merge)
	}}
}
