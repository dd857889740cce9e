// SPDX-License-Identifier: Apache-2.0

package rollups

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/common/model"

	"github.com/strata-apm/strata/internal/httpx"
	"github.com/strata-apm/strata/rollup"
	"github.com/strata-apm/strata/search"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/tenant"
)

const (
	maxBody      = 256 << 10
	defaultLimit = 20
	maxLimit     = 1000
)

// Routes is the table of the API's routes.
func (s *Service) Routes() []httpx.Route {
	const tag = "rollups"
	text := func(name, description string) httpx.Param { return httpx.Param{Name: name, Description: description} }
	query := append(httpx.RangeParams(),
		text("group", "dimensions by which the answer is broken down, separated by commas"),
		text("where", "dimension=value or dimension!=value; several values of one dimension are alternatives; may be given again"),
		text("other", "dimensions of which only the folded values are wanted, separated by commas"),
		text("measure", "the measure that ranks; default: the first"),
		httpx.Param{Name: "order", OneOf: []string{"desc", "asc"}},
		httpx.Param{Name: "limit", Integer: true},
		text("every", "the width of the points, as 1m or 1h; default: no points"),
		text("compare", "how long before to compare with, as 1d; default: not at all"),
	)
	routes := []httpx.Route{
		{Method: http.MethodGet, Path: "/rollups", Permission: httpx.Read, Summary: "List rollups", Answer: listAnswer{}, Handle: s.list},
		{Method: http.MethodPost, Path: "/rollups", Permission: httpx.Admin, Summary: "Create a rollup", Body: rollup.Definition{}, Answer: rollupJSON{}, Status: http.StatusCreated, Handle: s.create},
		{Method: http.MethodGet, Path: "/rollups/{id}", Permission: httpx.Read, Summary: "Describe a rollup: its versions and what it takes", Answer: detailAnswer{}, Queries: true, Handle: s.detail},
		{Method: http.MethodPut, Path: "/rollups/{id}", Permission: httpx.Admin, Summary: "Change a rollup: a new version, which begins empty", Body: rollup.Definition{}, Answer: rollupJSON{}, Handle: s.update},
		{Method: http.MethodDelete, Path: "/rollups/{id}", Permission: httpx.Admin, Summary: "Remove a rollup and what it counted", Status: http.StatusNoContent, Handle: s.remove},
		{Method: http.MethodPost, Path: "/rollups/{id}/pause", Permission: httpx.Admin, Summary: "Stop counting", Answer: rollupJSON{}, Handle: s.pause(true)},
		{Method: http.MethodPost, Path: "/rollups/{id}/resume", Permission: httpx.Admin, Summary: "Count again", Answer: rollupJSON{}, Handle: s.pause(false)},
		{Method: http.MethodGet, Path: "/rollups/{id}/query", Permission: httpx.Read, Summary: "Totals, rankings and trends of a rollup", Params: query, Answer: queryAnswer{}, Queries: true, Handle: s.query},
	}
	for i := range routes {
		routes[i].Tag, routes[i].PerTenant = tag, true
	}
	return routes
}

// rollupJSON is a rollup as the API tells of it.
type rollupJSON struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Version int    `json:"version"`
	Paused  bool   `json:"paused"`
	// Definition is what it counts.
	Definition rollup.Definition `json:"definition"`
	// CreatedAt is when this version began to count.
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	UpdatedBy string    `json:"updated_by"`
}

func jsonOf(r Rollup) rollupJSON {
	def := r.Plan.Definition
	def.ID, def.Version = "", 0 // They are told beside it.
	return rollupJSON{
		ID: r.ID, Name: r.Name, Version: r.Version, Paused: r.Paused, Definition: def,
		CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, UpdatedBy: r.UpdatedBy,
	}
}

type listAnswer struct {
	Rollups  []rollupJSON `json:"rollups"`
	Warnings []string     `json:"warnings"`
}

func (s *Service) list(r *http.Request) (any, error) {
	all, err := s.List(r.Context(), owner(r))
	if err != nil {
		return nil, catalogError(err)
	}
	out := listAnswer{Rollups: []rollupJSON{}, Warnings: []string{}}
	for _, one := range all {
		out.Rollups = append(out.Rollups, jsonOf(one))
	}
	return out, nil
}

func owner(r *http.Request) tenant.ID { return tenant.FromContext(r.Context()).OrDefault() }

// definition reads the body.
func definition(r *http.Request) (rollup.Definition, error) {
	var raw rollup.Definition
	if err := httpx.ReadJSON(r, maxBody, &raw); err != nil {
		return rollup.Definition{}, err // The client's own words.
	}
	def := raw.Normalise()
	if err := def.Validate(); err != nil {
		return rollup.Definition{}, refusal(err)
	}
	return def, nil
}

// refusal tells every mistake of a definition.
func refusal(err error) error {
	bad := httpx.BadRequest("the definition cannot be used: %v", strings.ReplaceAll(err.Error(), "\n", "; "))
	if all, ok := err.(interface{ Unwrap() []error }); ok {
		var mistakes []string
		for _, e := range all.Unwrap() {
			mistakes = append(mistakes, e.Error())
		}
		bad.Details = map[string]any{"errors": mistakes}
	}
	return bad
}

func (s *Service) create(r *http.Request) (any, error) {
	def, err := definition(r)
	if err != nil {
		return nil, err
	}
	out, err := s.Create(r.Context(), owner(r), def)
	if err != nil {
		return nil, catalogError(err)
	}
	return jsonOf(out), nil
}

func (s *Service) update(r *http.Request) (any, error) {
	def, err := definition(r)
	if err != nil {
		return nil, err
	}
	out, err := s.Update(r.Context(), owner(r), chi.URLParam(r, "id"), def)
	if err != nil {
		return nil, catalogError(err)
	}
	return jsonOf(out), nil
}

func (s *Service) remove(r *http.Request) (any, error) {
	return nil, catalogError(s.Delete(r.Context(), owner(r), chi.URLParam(r, "id")))
}

func (s *Service) pause(paused bool) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		out, err := s.Pause(r.Context(), owner(r), chi.URLParam(r, "id"), paused)
		if err != nil {
			return nil, catalogError(err)
		}
		return jsonOf(out), nil
	}
}

type detailAnswer struct {
	Rollup   rollupJSON   `json:"rollup"`
	Versions []rollupJSON `json:"versions"`
	// Bytes and Rows are what the newest version takes on disk, about.
	Bytes    uint64   `json:"bytes"`
	Rows     uint64   `json:"rows"`
	Warnings []string `json:"warnings"`
}

func (s *Service) detail(r *http.Request) (any, error) {
	all, err := s.Versions(r.Context(), owner(r), chi.URLParam(r, "id"))
	if err != nil {
		return nil, catalogError(err)
	}
	out := detailAnswer{Rollup: jsonOf(all[0]), Versions: []rollupJSON{}, Warnings: []string{}}
	for _, one := range all {
		out.Versions = append(out.Versions, jsonOf(one))
	}
	if out.Bytes, out.Rows, err = s.opts.States.RollupBytes(r.Context(), owner(r), rollup.StateOf(all[0].ID, all[0].Version)); err != nil {
		return nil, fmt.Errorf("describe rollup %s: %w", all[0].Name, err)
	}
	return out, nil
}

// parseQuery reads the parameters of a query.
func (s *Service) parseQuery(r *http.Request) (Query, []string, error) {
	warnings := []string{}
	one, err := s.Get(r.Context(), owner(r), chi.URLParam(r, "id"))
	if err != nil {
		return Query{}, nil, catalogError(err)
	}
	q := Query{Tenant: owner(r), Rollup: one}
	if q.Range, err = httpx.Range(r, s.opts.Now()); err != nil {
		return Query{}, nil, err
	}
	params := r.URL.Query()
	if q.Group, err = one.dimensions(params["group"]); err != nil {
		return Query{}, nil, err
	}
	if q.Where, err = one.conditions(params["where"], params["other"]); err != nil {
		return Query{}, nil, err
	}
	if q.Measure, err = one.measure(params.Get("measure")); err != nil {
		return Query{}, nil, err
	}
	order, err := httpx.Choice(r, "order", "desc", "asc")
	if err != nil {
		return Query{}, nil, err
	}
	q.Ascending = order == "asc"
	if q.Limit, err = httpx.Count(r, "limit", defaultLimit, maxLimit, &warnings); err != nil {
		return Query{}, nil, err
	}
	if q.Every, err = duration(params.Get("every"), "every"); err != nil {
		return Query{}, nil, err
	}
	q.Compare, err = duration(params.Get("compare"), "compare")
	return q, warnings, err
}

func duration(text, name string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := model.ParseDuration(text)
	if err != nil || d <= 0 || time.Duration(d)%time.Second != 0 {
		return 0, httpx.BadRequest("%s: %q is no duration of whole seconds, as in 10s, 5m or 1h", name, text)
	}
	return time.Duration(d), nil
}

// dimensions finds dimensions by their names.
func (o Rollup) dimensions(lists []string) ([]int, error) {
	var out []int
	for _, list := range lists {
		for name := range strings.SplitSeq(list, ",") {
			if name == "" {
				continue
			}
			d, err := o.dimension(name)
			if err != nil {
				return nil, err
			}
			if !slices.Contains(out, d) {
				out = append(out, d)
			}
		}
	}
	slices.Sort(out)
	return out, nil
}

func (o Rollup) dimension(name string) (int, error) {
	dims := o.Plan.Definition.Dimensions
	if i := slices.Index(dims, name); i >= 0 {
		return i, nil
	}
	if f, err := search.ResolveField(o.Plan.Signal, name); err == nil { // By another name of the field.
		if i := slices.Index(o.Plan.Dimensions, f); i >= 0 {
			return i, nil
		}
	}
	return 0, httpx.BadRequest("the rollup %s has no dimension %q; it has %s", o.Name, name, strings.Join(dims, ", "))
}

// conditions reads dimension=value and dimension!=value.
func (o Rollup) conditions(where, other []string) ([]storage.RollupCondition, error) {
	var out []storage.RollupCondition
	for _, text := range where {
		name, value, ok := strings.Cut(text, "=")
		if !ok {
			return nil, httpx.BadRequest("where: %q is not dimension=value", text)
		}
		name, not := strings.CutSuffix(name, "!")
		d, err := o.dimension(name)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(out, func(c storage.RollupCondition) bool { return c.Dimension == d && c.Not == not })
		if i < 0 {
			out = append(out, storage.RollupCondition{Dimension: d, Not: not}) // Of what is folded it is not known whether it holds.
			i = len(out) - 1
		}
		out[i].Values = append(out[i].Values, value)
	}
	folded, err := o.dimensions(other)
	if err != nil {
		return nil, err
	}
	for _, d := range folded {
		out = append(out, storage.RollupCondition{Dimension: d, Folded: true})
	}
	return out, nil
}

func (o Rollup) measure(name string) (int, error) {
	if name == "" {
		return 0, nil
	}
	var names []string
	for i, m := range o.Plan.Definition.Measures {
		if m.Name == name {
			return i, nil
		}
		names = append(names, m.Name)
	}
	return 0, httpx.BadRequest("the rollup %s has no measure %q; it has %s", o.Name, name, strings.Join(names, ", "))
}
