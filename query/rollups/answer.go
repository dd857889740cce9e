// SPDX-License-Identifier: Apache-2.0

package rollups

import (
	"errors"
	"math"
	"net/http"
	"time"

	"github.com/strata-apm/strata/internal/httpx"
	"github.com/strata-apm/strata/rollup"
	"github.com/strata-apm/strata/storage"
)

type queryAnswer struct {
	// Range is what was counted: the whole buckets that the asked range touches.
	Range rangeJSON `json:"range"`
	// StepSeconds is the width of the buckets that were read, EverySeconds that of the points; 0 without any.
	StepSeconds  float64  `json:"step_seconds"`
	EverySeconds float64  `json:"every_seconds"`
	Group        []string `json:"group"`
	Measures     []string `json:"measures"`
	// Groups are ranked.
	Groups []groupJSON `json:"groups"`
	// Others are the groups of folded values.
	Others []groupJSON `json:"others"`
	Total  groupJSON   `json:"total"`
	// More is how many groups there are beyond the limit.
	More int `json:"more"`
	// Hidden is about how many values of each dimension are in other.
	Hidden   []hiddenJSON `json:"hidden"`
	Warnings []string     `json:"warnings"`
}

type rangeJSON struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
}

type hiddenJSON struct {
	Dimension string `json:"dimension"`
	Values    uint64 `json:"values"`
}

type valueJSON struct {
	Value string `json:"value"`
	// Other says that it stands for the values that were folded.
	Other bool `json:"other"`
}

type groupJSON struct {
	Values []valueJSON `json:"values"`
	// Measures are in the order of the answer's measures; null where there is no value.
	Measures []*float64 `json:"measures"`
	// Low and High are bounds of the true values where folded events may be the group's too: equal to the measure where it is exact, null where nothing is known.
	Low  []*float64 `json:"low"`
	High []*float64 `json:"high"`
	// Certain says that what is folded cannot change the rank, or of the total, that it is exact.
	Certain bool `json:"certain"`
	// Previous are the measures of the range that is compared with.
	Previous []*float64  `json:"previous,omitempty"`
	Points   []pointJSON `json:"points,omitempty"`
}

type pointJSON struct {
	Time     time.Time  `json:"time"`
	Measures []*float64 `json:"measures"`
}

func (s *Service) query(r *http.Request) (any, error) {
	q, warnings, err := s.parseQuery(r)
	if err != nil {
		return nil, err
	}
	a, err := s.Query(r.Context(), q)
	if err != nil {
		return nil, err
	}
	def := q.Rollup.Plan.Definition
	out := queryAnswer{
		Range: rangeJSON(a.Range), StepSeconds: a.Step.Seconds(), EverySeconds: a.Every.Seconds(), Group: []string{}, Measures: []string{},
		Groups: groupsJSON(a.Groups), Others: groupsJSON(a.Others), Total: groupOf(a.Total), More: a.More, Hidden: []hiddenJSON{},
		Warnings: append(warnings, a.Warnings...),
	}
	for _, d := range q.Group {
		out.Group = append(out.Group, def.Dimensions[d])
	}
	for _, m := range def.Measures {
		out.Measures = append(out.Measures, m.Name)
	}
	for i, n := range a.Hidden {
		if n > 0 {
			out.Hidden = append(out.Hidden, hiddenJSON{Dimension: def.Dimensions[i], Values: n})
		}
	}
	return out, nil
}

func groupsJSON(groups []Group) []groupJSON {
	out := make([]groupJSON, 0, len(groups))
	for _, g := range groups {
		out = append(out, groupOf(g))
	}
	return out
}

func groupOf(g Group) groupJSON {
	out := groupJSON{Values: []valueJSON{}, Measures: numbers(g.Measures), Certain: g.Certain}
	for i, b := range g.Bounds {
		if out.Measures[i] == nil && b.Low == b.High { // There is nothing, and nothing is hidden.
			b = rollup.Bounds{Low: math.NaN(), High: math.NaN()}
		}
		both := numbers([]float64{b.Low, b.High})
		out.Low, out.High = append(out.Low, both[0]), append(out.High, both[1])
	}
	for i, v := range g.Values {
		out.Values = append(out.Values, valueJSON{Value: v, Other: g.Folded[i]})
	}
	if g.Previous != nil {
		out.Previous = numbers(g.Previous)
	}
	for _, p := range g.Points {
		out.Points = append(out.Points, pointJSON{Time: p.Time, Measures: numbers(p.Measures)})
	}
	return out
}

// numbers are values of which JSON can have all.
func numbers(values []float64) []*float64 {
	out := make([]*float64, len(values))
	for i, v := range values {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			out[i] = &v
		}
	}
	return out
}

// catalogError says what an error of the catalog means to whoever changes rollups.
func catalogError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, storage.ErrNotFound):
		return httpx.NotFound("there is no such rollup")
	case errors.Is(err, storage.ErrConflict):
		return httpx.Conflict("the name is taken, or somebody else changed the rollup meanwhile: read it again")
	case errors.Is(err, storage.ErrInvalid):
		return httpx.BadRequest("the catalog cannot store this text")
	default:
		return err
	}
}
