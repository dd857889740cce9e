// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"
	"time"

	"github.com/strata-apm/strata/search"
	"github.com/strata-apm/strata/tenant"
)

// TraceSearcher finds traces. Safe for concurrent use. Errors wrap ErrBadQuery, ErrLimit or ErrUnavailable.
type TraceSearcher interface {
	// SearchTraces returns a page of the traces that have a span matching the filter, each once over all pages.
	SearchTraces(ctx context.Context, q TraceSearch) (TracePage, error)
	// TraceFacets counts the matching spans by value, for each of a fixed set of fields, most frequent first.
	TraceFacets(ctx context.Context, q Selection) ([]Facet, error)
}

// TraceReader reads one trace. Safe for concurrent use.
type TraceReader interface {
	// Trace returns a page of the trace's spans in order of the start that was recorded, and what is true of the whole trace. The error wraps
	// ErrNotFound when there is no span with this id, ErrInvalid when it is no id.
	Trace(ctx context.Context, q TraceQuery) (Trace, error)
}

// Selection is what a search looks at. The zero tenant is refused with ErrInvalid, in every query.
type Selection struct {
	Tenant tenant.ID
	Filter search.Filter
	Range  TimeRange
}

// TraceOrder is the order of a trace search.
type TraceOrder int

const (
	// NewestFirst orders by the start of the newest matching span.
	NewestFirst TraceOrder = iota
	// SlowestFirst orders by the duration of the longest matching span.
	SlowestFirst
)

// TraceSearch asks for a page of traces.
type TraceSearch struct {
	Selection
	Order TraceOrder
	Limit int
	// Cursor is the NextCursor of the page before, of the same search.
	Cursor string
}

// TracePage is one page of a search. NextCursor is empty at the end.
type TracePage struct {
	Traces     []TraceSummary
	NextCursor string
	Warnings   []string
}

// TraceSummary is what a list shows of a trace. Its counts are of the whole trace.
type TraceSummary struct {
	TraceID      string
	Start        time.Time
	Duration     time.Duration
	RootService  string
	RootName     string
	RootMissing  bool // no span without a parent has arrived; the earliest span stands in
	Spans        int
	Errors       int
	MatchedSpans int
	Services     []ServiceShare
}

// ServiceShare is one service's part of a trace.
type ServiceShare struct {
	Name   string
	Spans  int
	Errors int
}

// Facet is one field's most frequent values.
type Facet struct {
	Field  string
	Values []FacetValue
	// Distinct is how many values there are: more than Values holds where the least frequent are left out.
	Distinct uint64
}

// FacetValue is one value and how often it occurs.
type FacetValue struct {
	Value string
	Count uint64
}

// TraceQuery asks for a page of one trace's spans.
type TraceQuery struct {
	Tenant  tenant.ID
	TraceID string
	Limit   int
	Cursor  string
}

// Trace is a page of one trace; it has fewer spans than the limit when they are large.
type Trace struct {
	TraceID  string
	Start    time.Time
	Duration time.Duration
	// Spans counts the whole trace, as Errors and Services do.
	SpanCount  int
	Errors     int
	Services   []ServiceShare
	Resources  []map[string]string // spans of this page refer to it by index
	Scopes     []Scope             // likewise
	Spans      []Span
	NextCursor string
	// Skews are the clocks that disagree with those of the callers. Start, Duration and the spans' times are corrected by them.
	Skews []ClockSkew
}

// ClockSkew says how far the spans of a service on a host were moved, because its clock disagrees with its callers'.
type ClockSkew struct {
	Service, Host string
	// By is the largest correction, positive where the clock is behind.
	By    time.Duration
	Spans int
}

// Scope is the instrumentation that made a record.
type Scope struct {
	Name    string
	Version string
	// SchemaURL names the schema of what the scope made.
	SchemaURL string
	// Attributes is nil where there are none.
	Attributes map[string]string
}

// Span is one span of a trace.
type Span struct {
	ID, Parent    string // Parent is empty for a root
	Name          string
	Kind          string // server, client, internal, producer, consumer, unspecified
	Service       string
	Start         time.Time     // corrected by Skew
	Skew          time.Duration // what was added to the recorded times
	Duration      time.Duration
	Status        string // unset, ok, error
	StatusMessage string
	Resource      int
	Scope         int
	Attributes    map[string]string
	Events        []SpanEvent
	Links         []SpanLink
	// ResourceSchemaURL names the schema of the resource's attributes.
	ResourceSchemaURL string
	// Flags are W3C trace flags in the lower eight bits, and whether the parent is remote above them (opentelemetry-proto, Span.flags).
	Flags uint32
}

// SpanEvent is something that happened during a span.
type SpanEvent struct {
	Name       string
	Time       time.Time
	Attributes map[string]string
}

// SpanLink points at a span of another trace.
type SpanLink struct {
	TraceID    string
	SpanID     string
	Attributes map[string]string
}
