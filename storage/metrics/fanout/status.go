// SPDX-License-Identifier: Apache-2.0

package fanout

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	v1 "github.com/prometheus/prometheus/web/api/v1"
)

const (
	// statusDepth is how many times more names the writers are asked for than are shown: the greatest in sum need not be among
	// the greatest of each.
	statusDepth    = 10
	maxStatusLimit = 10_000 // Prometheus's own
)

// TSDBStatus adds up the statistics of the writers' heads. A series that several writers hold counts once for each. WithNotes
// tells what a partial answer lacks.
func (s *Storage) TSDBStatus(ctx context.Context, limit int) (v1.TSDBStatus, error) {
	clients, err := s.pool.snapshot(ctx)
	if err != nil {
		return v1.TSDBStatus{}, err
	}
	form := url.Values{"limit": {strconv.Itoa(min(limit*statusDepth, maxStatusLimit))}}
	list, warnings, err := ask(ctx, clients, s.strict, func(ctx context.Context, c *client) (v1.TSDBStatus, error) {
		var st v1.TSDBStatus
		_, err := c.call(ctx, http.MethodGet, "/status/tsdb", form, s.pool.opts.Config.MaxBytes, &st)
		return st, err
	})
	if err != nil {
		return v1.TSDBStatus{}, err
	}
	note(ctx, warnings, nil)
	out := v1.TSDBStatus{HeadStats: list[0].HeadStats}
	for i, st := range list {
		if h := st.HeadStats; i > 0 {
			out.HeadStats.NumSeries += h.NumSeries
			out.HeadStats.ChunkCount += h.ChunkCount
			out.HeadStats.NumLabelPairs += h.NumLabelPairs
			out.HeadStats.MinTime = min(out.HeadStats.MinTime, h.MinTime)
			out.HeadStats.MaxTime = max(out.HeadStats.MaxTime, h.MaxTime)
		}
	}
	for _, field := range []func(*v1.TSDBStatus) *[]v1.TSDBStat{
		func(st *v1.TSDBStatus) *[]v1.TSDBStat { return &st.SeriesCountByMetricName },
		func(st *v1.TSDBStatus) *[]v1.TSDBStat { return &st.LabelValueCountByLabelName },
		func(st *v1.TSDBStatus) *[]v1.TSDBStat { return &st.MemoryInBytesByLabelName },
		func(st *v1.TSDBStatus) *[]v1.TSDBStat { return &st.SeriesCountByLabelValuePair },
	} {
		*field(&out) = addUp(list, field, limit)
	}
	return out, nil
}

func addUp(list []v1.TSDBStatus, field func(*v1.TSDBStatus) *[]v1.TSDBStat, limit int) []v1.TSDBStat {
	sums := map[string]uint64{}
	for i := range list {
		for _, stat := range *field(&list[i]) {
			sums[stat.Name] += stat.Value
		}
	}
	out := make([]v1.TSDBStat, 0, len(sums))
	for name, value := range sums {
		out = append(out, v1.TSDBStat{Name: name, Value: value})
	}
	slices.SortFunc(out, func(a, b v1.TSDBStat) int {
		return cmp.Or(-cmp.Compare(a.Value, b.Value), strings.Compare(a.Name, b.Name))
	})
	return out[:min(len(out), limit)]
}
