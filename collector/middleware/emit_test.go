// SPDX-License-Identifier: Apache-2.0

package middleware

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

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
