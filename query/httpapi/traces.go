// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/strata-apm/strata/internal/httpx"
	"github.com/strata-apm/strata/signal"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/tenant"
)

type shareAnswer struct {
	Name   string `json:"name"`
	Spans  int    `json:"spans"`
	Errors int    `json:"errors"`
}

func shares(in []storage.ServiceShare) []shareAnswer {
	out := make([]shareAnswer, len(in))
	for i, s := range in {
		out[i] = shareAnswer(s)
	}
	return out
}

type traceSummaryAnswer struct {
	TraceID      string        `json:"trace_id"`
	Start        time.Time     `json:"start"`
	Duration     int64         `json:"duration_ns"`
	RootService  string        `json:"root_service"`
	RootName     string        `json:"root_name"`
	RootMissing  bool          `json:"root_missing"`
	SpanCount    int           `json:"span_count"`
	ErrorCount   int           `json:"error_count"`
	MatchedSpans int           `json:"matched_spans"`
	Services     []shareAnswer `json:"services"`
}

type tracesAnswer struct {
	Traces     []traceSummaryAnswer `json:"traces"`
	NextCursor string               `json:"next_cursor"`
	Warnings   []string             `json:"warnings"`
}

func (a *API) searchTraces(r *http.Request) (any, error) {
	answer := tracesAnswer{Traces: []traceSummaryAnswer{}, Warnings: []string{}}
	sel, err := a.selection(r, signal.Traces)
	if err != nil {
		return nil, err
	}
	q := r.URL.Query()
	limit, err := httpx.Count(r, "limit", 50, 500, &answer.Warnings)
	if err != nil {
		return nil, err
	}
	sort, err := httpx.Choice(r, "sort", "newest", "slowest")
	if err != nil {
		return nil, err
	}
	request := storage.TraceSearch{Selection: sel, Limit: limit, Cursor: q.Get("cursor")}
	if sort == "slowest" {
		request.Order = storage.SlowestFirst
	}
	page, err := a.opts.TraceSearch.SearchTraces(r.Context(), request)
	if err != nil {
		return nil, err
	}
	answer.NextCursor = page.NextCursor
	answer.Warnings = append(answer.Warnings, page.Warnings...)
	for _, t := range page.Traces {
		answer.Traces = append(answer.Traces, traceSummaryAnswer{
			TraceID: t.TraceID, Start: t.Start, Duration: int64(t.Duration), RootService: t.RootService, RootName: t.RootName,
			RootMissing: t.RootMissing, SpanCount: t.Spans, ErrorCount: t.Errors, MatchedSpans: t.MatchedSpans, Services: shares(t.Services),
		})
	}
	return answer, nil
}

type facetsAnswer struct {
	Facets   []facetAnswer `json:"facets"`
	Warnings []string      `json:"warnings"`
}

type facetAnswer struct {
	Field  string             `json:"field"`
	Values []facetValueAnswer `json:"values"`
	// Distinct is how many values there are, of which Values are the most frequent.
	Distinct uint64 `json:"distinct"`
}

type facetValueAnswer struct {
	Value string `json:"value"`
	Count uint64 `json:"count"`
}

func facetsOf(in []storage.Facet) facetsAnswer {
	out := facetsAnswer{Facets: []facetAnswer{}, Warnings: []string{}}
	for _, f := range in {
		values := []facetValueAnswer{}
		for _, v := range f.Values {
			values = append(values, facetValueAnswer(v))
		}
		out.Facets = append(out.Facets, facetAnswer{Field: f.Field, Values: values, Distinct: f.Distinct})
		if listed := uint64(len(values)); listed < f.Distinct {
			out.Warnings = append(out.Warnings, fmt.Sprintf("%s: the %d most frequent of %d values", f.Field, listed, f.Distinct))
		}
	}
	return out
}

func (a *API) traceFacets(r *http.Request) (any, error) {
	sel, err := a.selection(r, signal.Traces)
	if err != nil {
		return nil, err
	}
	facets, err := a.opts.TraceSearch.TraceFacets(r.Context(), sel)
	if err != nil {
		return nil, err
	}
	return facetsOf(facets), nil
}

type traceAnswer struct {
	TraceID    string              `json:"trace_id"`
	Start      time.Time           `json:"start"`
	Duration   int64               `json:"duration_ns"`
	SpanCount  int                 `json:"span_count"`
	ErrorCount int                 `json:"error_count"`
	Services   []shareAnswer       `json:"services"`
	Resources  []map[string]string `json:"resources"`
	Scopes     []scopeAnswer       `json:"scopes"`
	Spans      []spanAnswer        `json:"spans"`
	NextCursor string              `json:"next_cursor"`
	Warnings   []string            `json:"warnings"`
}

type scopeAnswer struct {
	Name       string            `json:"name"`
	Version    string            `json:"version"`
	SchemaURL  string            `json:"schema_url"`
	Attributes map[string]string `json:"attributes"`
}

func scopeOf(s storage.Scope) scopeAnswer {
	return scopeAnswer{Name: s.Name, Version: s.Version, SchemaURL: s.SchemaURL, Attributes: orEmptyMap(s.Attributes)}
}

// nested are the attributes whose text is a JSON object or list, as JSON, so that a page can show a tree. Numbers keep their digits.
func nested(attributes map[string]string) map[string]any {
	out := map[string]any{}
	for k, v := range attributes {
		if len(v) > 1 && (v[0] == '{' || v[0] == '[') && json.Valid([]byte(v)) {
			out[k] = json.RawMessage(v)
		}
	}
	return out
}

// spanAnswer counts its offsets, and those of its events, from the start of the trace. They are corrected by ClockSkew: without it the
// recorded times come back.
type spanAnswer struct {
	ID            string            `json:"id"`
	Parent        string            `json:"parent"`
	Name          string            `json:"name"`
	Kind          string            `json:"kind" enum:"unspecified,internal,server,client,producer,consumer"`
	Service       string            `json:"service"`
	Offset        int64             `json:"offset_ns"`
	Duration      int64             `json:"duration_ns"`
	ClockSkew     int64             `json:"clock_skew_ns"`
	Status        string            `json:"status" enum:"unset,ok,error"`
	StatusMessage string            `json:"status_message"`
	Resource      int               `json:"resource"`
	Scope         int               `json:"scope"`
	Attributes    map[string]string `json:"attributes"`
	Events        []eventAnswer     `json:"events"`
	Links         []linkAnswer      `json:"links"`

	ResourceSchema string         `json:"resource_schema_url"`
	Flags          uint32         `json:"flags"`
	Nested         map[string]any `json:"nested"`
}

type eventAnswer struct {
	Name       string            `json:"name"`
	Offset     int64             `json:"offset_ns"`
	Attributes map[string]string `json:"attributes"`
}

type linkAnswer struct {
	TraceID    string            `json:"trace_id"`
	SpanID     string            `json:"span_id"`
	Attributes map[string]string `json:"attributes"`
}

func (a *API) trace(r *http.Request) (any, error) {
	answer := traceAnswer{Scopes: []scopeAnswer{}, Spans: []spanAnswer{}, Warnings: []string{}}
	q := r.URL.Query()
	limit, err := httpx.Count(r, "limit", 20_000, 50_000, &answer.Warnings)
	if err != nil {
		return nil, err
	}
	t, err := a.opts.Traces.Trace(r.Context(), storage.TraceQuery{Tenant: tenant.FromContext(r.Context()), TraceID: httpx.PathParam(r, "id"), Limit: limit, Cursor: q.Get("cursor")})
	if err != nil {
		return nil, err
	}
	answer.TraceID, answer.Start, answer.Duration = t.TraceID, t.Start, int64(t.Duration)
	answer.SpanCount, answer.ErrorCount, answer.Services = t.SpanCount, t.Errors, shares(t.Services)
	answer.Resources, answer.NextCursor = orEmpty(t.Resources), t.NextCursor
	for _, s := range t.Scopes {
		answer.Scopes = append(answer.Scopes, scopeOf(s))
	}
	for _, s := range t.Skews {
		answer.Warnings = append(answer.Warnings, skewText(s))
	}
	for i := range t.Spans {
		answer.Spans = append(answer.Spans, spanOf(&t.Spans[i], t.Start))
	}
	return answer, nil
}

// skewText says whose clock disagrees and what was done about it.
func skewText(s storage.ClockSkew) string {
	where := "service " + s.Service
	if s.Host != "" {
		where += " on host " + s.Host
	}
	relation := "behind"
	if s.By < 0 {
		relation = "ahead of"
	}
	unit := time.Microsecond
	if s.By.Abs() >= time.Second {
		unit = time.Millisecond
	}
	spans := "1 span is"
	if s.Spans != 1 {
		spans = strconv.Itoa(s.Spans) + " spans are"
	}
	return fmt.Sprintf("clock skew: the clock of %s is about %s %s its caller's; %s shown at corrected times", where, s.By.Abs().Round(unit), relation, spans)
}

func spanOf(s *storage.Span, start time.Time) spanAnswer {
	out := spanAnswer{
		ID: s.ID, Parent: s.Parent, Name: s.Name, Kind: s.Kind, Service: s.Service, Offset: int64(s.Start.Sub(start)), Duration: int64(s.Duration), ClockSkew: int64(s.Skew),
		Status: s.Status, StatusMessage: s.StatusMessage, Resource: s.Resource, Scope: s.Scope, Attributes: orEmptyMap(s.Attributes),
		Events: []eventAnswer{}, Links: []linkAnswer{}, ResourceSchema: s.ResourceSchemaURL, Flags: s.Flags, Nested: nested(s.Attributes),
	}
	for _, e := range s.Events {
		out.Events = append(out.Events, eventAnswer{Name: e.Name, Offset: int64(e.Time.Sub(start)), Attributes: orEmptyMap(e.Attributes)})
	}
	for _, l := range s.Links {
		out.Links = append(out.Links, linkAnswer{TraceID: l.TraceID, SpanID: l.SpanID, Attributes: orEmptyMap(l.Attributes)})
	}
	return out
}
