// SPDX-License-Identifier: Apache-2.0

package middleware

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/strata-apm/strata/collector/middleware/reader"
	"github.com/strata-apm/strata/packs"
)

// TestBudget: what is over the budget is dropped by whole label sets, the first ones stay, and a place is free again when its label set
// has not been read for long.
func TestBudget(t *testing.T) {
	m := newMapper(packs.Pack{Name: "x", Metrics: []packs.Metric{
		{Name: "x.a", From: []packs.From{{Field: "a"}}}, {Name: "x.b", From: []packs.From{{Field: "b", Attributes: map[string]string{"k": "v"}, Scale: 2}}},
	}})
	samples := func(names ...string) []reader.Sample {
		var out []reader.Sample
		for _, n := range names {
			tags := map[string]string{"topic": n}
			out = append(out, reader.Sample{Field: "a", Value: 1, Tags: tags}, reader.Sample{Field: "b", Value: 1, Tags: tags}, reader.Sample{Field: "unknown"})
		}
		return out
	}
	b := budget{limit: 5, sets: make(map[string]admitted)}
	now := time.Now()
	in, series, sets, dropped := b.admit(m.group(samples("p", "q", "r")), now)
	require.Len(t, in, 2)
	require.Equal(t, []int{4, 1, 2}, []int{series, sets, dropped})
	require.InDelta(t, 2, in[0].points[1].value, 0)
	require.Equal(t, map[string]string{"topic": "p", "k": "v"}, in[0].points[1].attributes)
	_, series, _, dropped = b.admit(m.group(samples("r", "s", "q")), now)
	require.Equal(t, []int{2, 4}, []int{series, dropped}, "q was in, the new ones do not fit")
	_, series, _, _ = b.admit(m.group(samples("r", "s", "q")), now.Add(forgetParts+time.Second))
	require.Equal(t, 4, series, "p is forgotten")
}

// TestStates: a refusal is not down, one silent read is not either, two are.
func TestStates(t *testing.T) {
	m := &middleware{mappers: map[string]*mapper{"redis": newMapper(packs.Pack{Name: "redis", Budget: 1})}}
	in := m.newInstance("k", "id", reader.Target{Kind: "redis"}, time.Now())
	now := time.Now()
	settle := func(err error, missing ...reader.Missing) string {
		in.settle(err, missing, nil, now)
		return in.entry.State
	}
	require.Equal(t, stateCollecting, settle(nil))
	require.Equal(t, stateLimited, settle(nil, reader.Missing{What: "w"}))
	refused := &reader.AccessError{Missing: reader.Missing{Why: "NOAUTH"}}
	require.Equal(t, stateFailed, settle(fmt.Errorf("wrapped: %w", refused)))
	require.Equal(t, "NOAUTH", in.entry.Error)
	require.Equal(t, stateFailed, settle(errors.New("timeout")))
	require.Equal(t, stateDown, settle(errors.New("timeout")))
	in.silent = 0
	require.Equal(t, stateDown, settle(errGone))
}

// TestVanished: what is read no more is marked once, so that it does not linger; it is not among what is collected.
func TestVanished(t *testing.T) {
	p := packs.Pack{Name: "x", Metrics: []packs.Metric{{Name: "x.a", Type: packs.Gauge, From: []packs.From{{Field: "a"}}}}}
	last := newMapper(p).group([]reader.Sample{{Field: "a", Value: 7, Tags: map[string]string{"k": "gone"}}, {Field: "a", Value: 8, Tags: map[string]string{"k": "stays"}}})
	md := pmetric.NewMetrics()
	names := newWriter(md, "x", "id", time.Now()).sets(p, nil, vanished(last, last[1:]))
	require.Empty(t, names)
	points := md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Gauge().DataPoints()
	require.Equal(t, 1, points.Len())
	require.True(t, points.At(0).Flags().NoRecordedValue())
	k, _ := points.At(0).Attributes().Get("k")
	require.Equal(t, "gone", k.Str())
}
