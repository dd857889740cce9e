// SPDX-License-Identifier: Apache-2.0

package fanout

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync/atomic"

	"github.com/prometheus/prometheus/model/labels"
	promstorage "github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/storage/remote"

	"github.com/strata-apm/strata/storage"
)

// budget bounds what one query holds in memory, over all its selectors and writers.
type budget struct {
	limit int64
	used  atomic.Int64
}

func (b *budget) take(n int) error {
	if b.used.Add(int64(n)) > b.limit {
		return fmt.Errorf("%w: the query reads more than %d MiB from the writers; ask for less time or fewer series", storage.ErrLimit, b.limit>>20)
	}
	return nil
}

// readChunks reads series by remote read.
func (b *base) readChunks(ctx context.Context, c *client, hints *promstorage.SelectHints, matchers []*labels.Matcher) ([]*series, error) {
	mint, maxt := b.mint, b.maxt
	if hints != nil { // The tsdb reads by the hints' range; a narrower query opens fewer blocks.
		mint, maxt = max(mint, hints.Start), min(maxt, hints.End)
	}
	query, err := remote.ToQuery(mint, maxt, matchers, hints)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", storage.ErrBadQuery, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // Ends the stream when it is left before its end.
	set, err := c.read.Read(ctx, query, true)
	if err != nil {
		return nil, err // Named by the caller.
	}
	var out []*series
	for set.Next() {
		s := set.At()
		if err := b.budget.take(sizeOf(s)); err != nil {
			return nil, err
		}
		ls := s.Labels()
		if n := len(out); n > 0 && labels.Equal(out[n-1].labels, ls) {
			out[n-1].frames = append(out[n-1].frames, s)
			continue
		}
		out = append(out, &series{labels: ls, frames: []promstorage.Series{s}})
	}
	if err := set.Err(); err != nil {
		return nil, err // Named by the caller.
	}
	return out, nil
}

// seriesBytes is about what a series costs beside its chunks and label text.
const seriesBytes = 300

func sizeOf(s promstorage.Series) int {
	n := seriesBytes
	if held, ok := s.(chunkHolder); ok {
		for _, c := range held.GetChunks() {
			n += len(c.Data) + 64
		}
	}
	return n
}

// readLabelSets reads series without samples: remote read sends no series that has no chunk, and would send all chunks.
func (b *base) readLabelSets(ctx context.Context, c *client, hints *promstorage.SelectHints, matchers []*labels.Matcher) ([]*series, error) {
	form := b.form(matchers)
	if len(matchers) == 0 {
		form.Set("match[]", `{__name__!=""}`)
	}
	if hints.Limit > 0 {
		form.Set("limit", strconv.Itoa(hints.Limit))
	}
	var sets []labels.Labels
	if _, err := c.call(ctx, http.MethodPost, "/series", form, b.budget.limit, &sets); err != nil {
		return nil, err
	}
	slices.SortFunc(sets, labels.Compare)
	out := make([]*series, 0, len(sets))
	for _, ls := range sets {
		if err := b.budget.take(seriesBytes); err != nil {
			return nil, err
		}
		out = append(out, &series{labels: ls})
	}
	return out, nil
}

// form is the time range and the matchers as the HTTP API takes them.
func (b *base) form(matchers []*labels.Matcher) url.Values {
	form := url.Values{}
	setTime(form, "start", b.mint)
	setTime(form, "end", b.maxt)
	if len(matchers) > 0 {
		form.Set("match[]", selector(matchers))
	}
	return form
}
