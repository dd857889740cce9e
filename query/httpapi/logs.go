// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"net/http"
	"time"

	"github.com/strata-apm/strata/internal/httpx"
	"github.com/strata-apm/strata/severity"
	"github.com/strata-apm/strata/signal"
	"github.com/strata-apm/strata/storage"
)

type logAnswer struct {
	ID             string            `json:"id"`
	Time           time.Time         `json:"time"`
	ObservedTime   string            `json:"observed_time"` // "" when the sender gave none
	SeverityNumber int               `json:"severity_number"`
	Severity       string            `json:"severity"`
	SeverityText   string            `json:"severity_text"`
	Service        string            `json:"service"`
	Host           string            `json:"host"`
	Body           string            `json:"body"`
	TraceID        string            `json:"trace_id"`
	SpanID         string            `json:"span_id"`
	EventName      string            `json:"event_name"`
	Attributes     map[string]string `json:"attributes"`
	Resource       map[string]string `json:"resource"`
	Scope          scopeAnswer       `json:"scope"`
	ResourceSchema string            `json:"resource_schema_url"`
	Flags          uint32            `json:"flags"`
	Nested         map[string]any    `json:"nested"`
}

func logOf(l *storage.Log) logAnswer {
	out := logAnswer{
		ID: l.ID, Time: l.Time, SeverityNumber: l.SeverityNumber, Severity: severity.Name(l.SeverityNumber), SeverityText: l.SeverityText,
		Service: l.Service, Host: l.Host, Body: l.Body, TraceID: l.TraceID, SpanID: l.SpanID, EventName: l.EventName,
		Attributes: orEmptyMap(l.Attributes), Resource: orEmptyMap(l.Resource), Scope: scopeOf(l.Scope),
		ResourceSchema: l.ResourceSchemaURL, Flags: l.Flags, Nested: nested(l.Attributes),
	}
	if !l.ObservedTime.IsZero() {
		out.ObservedTime = l.ObservedTime.Format(time.RFC3339Nano)
	}
	return out
}

type logsAnswer struct {
	Logs       []logAnswer `json:"logs"`
	NextCursor string      `json:"next_cursor"`
	Warnings   []string    `json:"warnings"`
}

func (a *API) searchLogs(r *http.Request) (any, error) {
	answer := logsAnswer{Logs: []logAnswer{}, Warnings: []string{}}
	sel, err := a.selection(r, signal.Logs)
	if err != nil {
		return nil, err
	}
	q := r.URL.Query()
	limit, err := httpx.Count(r, "limit", 200, 5000, &answer.Warnings)
	if err != nil {
		return nil, err
	}
	order, err := httpx.Choice(r, "order", "desc", "asc")
	if err != nil {
		return nil, err
	}
	page, err := a.opts.Logs.SearchLogs(r.Context(), storage.LogSearch{Selection: sel, Ascending: order == "asc", Limit: limit, Cursor: q.Get("cursor")})
	if err != nil {
		return nil, err
	}
	answer.NextCursor = page.NextCursor
	for i := range page.Logs {
		answer.Logs = append(answer.Logs, logOf(&page.Logs[i]))
	}
	return answer, nil
}

type histogramAnswer struct {
	StepSeconds float64        `json:"step_seconds"`
	Buckets     []bucketAnswer `json:"buckets"`
	Total       uint64         `json:"total"`
	Warnings    []string       `json:"warnings"`
}

type bucketAnswer struct {
	Time   float64           `json:"time"`
	Total  uint64            `json:"total"`
	Levels map[string]uint64 `json:"levels"`
}

func (a *API) logHistogram(r *http.Request) (any, error) {
	answer := histogramAnswer{Buckets: []bucketAnswer{}, Warnings: []string{}}
	sel, err := a.selection(r, signal.Logs)
	if err != nil {
		return nil, err
	}
	buckets, err := httpx.Count(r, "buckets", 60, 1000, &answer.Warnings)
	if err != nil {
		return nil, err
	}
	h, err := a.opts.Logs.LogHistogram(r.Context(), sel, buckets)
	if err != nil {
		return nil, err
	}
	answer.StepSeconds, answer.Total = h.Step.Seconds(), h.Total
	for _, b := range h.Buckets {
		answer.Buckets = append(answer.Buckets, bucketAnswer{Time: float64(b.Start.UnixMilli()) / 1000, Total: b.Total, Levels: b.Levels})
	}
	return answer, nil
}

func (a *API) logFacets(r *http.Request) (any, error) {
	sel, err := a.selection(r, signal.Logs)
	if err != nil {
		return nil, err
	}
	facets, err := a.opts.Logs.LogFacets(r.Context(), sel)
	if err != nil {
		return nil, err
	}
	return facetsOf(facets), nil
}
