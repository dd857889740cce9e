// SPDX-License-Identifier: Apache-2.0

package fanout

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/labels"
	promstorage "github.com/prometheus/prometheus/storage"
)

// ExemplarQuerier implements promstorage.ExemplarQueryable. WithNotes tells what a partial answer lacks.
func (s *Storage) ExemplarQuerier(ctx context.Context) (promstorage.ExemplarQuerier, error) {
	return &exemplarQuerier{storage: s, ctx: ctx}, nil
}

type exemplarQuerier struct {
	storage *Storage
	ctx     context.Context // promstorage.ExemplarQueryable hands it over at construction.
}

// exemplarAnswer is one series of /query_exemplars.
type exemplarAnswer struct {
	SeriesLabels labels.Labels `json:"seriesLabels"`
	Exemplars    []struct {
		Labels    labels.Labels `json:"labels"`
		Value     string        `json:"value"`
		Timestamp float64       `json:"timestamp"`
	} `json:"exemplars"`
}

// Select implements promstorage.ExemplarQuerier: series in order of labels, the exemplars of each in order of time, each once.
func (q *exemplarQuerier) Select(start, end int64, matchers ...[]*labels.Matcher) ([]exemplar.QueryResult, error) {
	clients, err := q.storage.pool.snapshot(q.ctx)
	if err != nil {
		return nil, err
	}
	b := newBase(q.storage, start, end)
	form := b.form(nil)
	selectors := make([]string, 0, len(matchers))
	for _, m := range matchers {
		selectors = append(selectors, selector(m))
	}
	form.Set("query", strings.Join(selectors, " or "))
	lists, warnings, err := ask(q.ctx, clients, q.storage.strict, func(ctx context.Context, c *client) ([]exemplarAnswer, error) {
		var list []exemplarAnswer
		_, err := c.call(ctx, http.MethodPost, "/query_exemplars", form, b.budget.limit, &list)
		return list, err
	})
	if err != nil {
		return nil, err
	}
	note(q.ctx, warnings, nil)
	return mergeExemplars(lists)
}

func mergeExemplars(lists [][]exemplarAnswer) ([]exemplar.QueryResult, error) {
	bySeries := map[string]*exemplar.QueryResult{}
	for _, list := range lists {
		for _, a := range list {
			key := string(a.SeriesLabels.Bytes(nil))
			if bySeries[key] == nil {
				bySeries[key] = &exemplar.QueryResult{SeriesLabels: a.SeriesLabels}
			}
			for _, e := range a.Exemplars {
				v, err := strconv.ParseFloat(e.Value, 64)
				if err != nil {
					return nil, fmt.Errorf("exemplar of %s: %w", a.SeriesLabels, err)
				}
				bySeries[key].Exemplars = append(bySeries[key].Exemplars, exemplar.Exemplar{
					Labels: e.Labels, Value: v, Ts: int64(math.Round(e.Timestamp * 1000)), HasTs: true,
				})
			}
		}
	}
	out := make([]exemplar.QueryResult, 0, len(bySeries))
	for _, r := range bySeries {
		slices.SortStableFunc(r.Exemplars, exemplar.Compare)
		r.Exemplars = slices.CompactFunc(r.Exemplars, exemplar.Exemplar.Equals)
		out = append(out, *r)
	}
	slices.SortFunc(out, func(a, b exemplar.QueryResult) int { return labels.Compare(a.SeriesLabels, b.SeriesLabels) })
	return out, nil
}
