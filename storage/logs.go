// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"
	"time"

	"github.com/strata-apm/strata/search"
	"github.com/strata-apm/strata/signal"
	"github.com/strata-apm/strata/tenant"
)

// LogSearcher finds log records. Safe for concurrent use. Errors wrap ErrBadQuery, ErrLimit or ErrUnavailable.
type LogSearcher interface {
	// SearchLogs returns a page of matching records in order of time, fewer than the limit when they are large. Pages neither overlap nor leave a record out, also among
	// records with the same timestamp; records that arrive meanwhile may or may not appear.
	SearchLogs(ctx context.Context, q LogSearch) (LogPage, error)
	// LogHistogram counts matching records by time and level. Every bucket of the range is there, also an empty one.
	LogHistogram(ctx context.Context, q Selection, buckets int) (Histogram, error)
	// LogFacets is TraceFacets for log records.
	LogFacets(ctx context.Context, q Selection) ([]Facet, error)
}

// FieldReader completes what a user types. Safe for concurrent use.
type FieldReader interface {
	// AttributeKeys returns attribute keys that begin with q.Text, of records in the range, in order of name. It may look at a
	// sample of the records.
	AttributeKeys(ctx context.Context, q FieldQuery) ([]string, error)
	// FieldValues returns values of the field that contain q.Text, ignoring case, most frequent first. It may look at a sample.
	FieldValues(ctx context.Context, q FieldQuery, field search.Field) ([]string, error)
}

// MaxFieldKeys and MaxFieldValues are how many keys and values are offered at most while somebody types.
const (
	MaxFieldKeys   = 1000
	MaxFieldValues = 100
)

// FieldQuery asks what could be typed on behind Text.
type FieldQuery struct {
	Tenant tenant.ID
	Signal signal.Signal
	Text   string
	Range  TimeRange
}

// LogSearch asks for a page of log records.
type LogSearch struct {
	Selection
	Ascending bool
	Limit     int
	// Cursor is the NextCursor of the page before, of the same search.
	Cursor string
}

// LogPage is one page of a search. NextCursor is empty at the end.
type LogPage struct {
	Logs       []Log
	NextCursor string
}

// Log is one log record.
type Log struct {
	// ID is unique among all records and the same at every reading.
	ID             string
	Time           time.Time
	ObservedTime   time.Time // zero when the sender gave none
	SeverityNumber int
	SeverityText   string
	Service        string
	Host           string
	Body           string
	TraceID        string
	SpanID         string
	EventName      string
	Attributes     map[string]string
	Resource       map[string]string
	Scope          Scope
	// ResourceSchemaURL names the schema of the resource's attributes.
	ResourceSchemaURL string
	// Flags are W3C trace flags.
	Flags uint32
}

// Histogram counts records over time.
type Histogram struct {
	Step    time.Duration
	Buckets []HistogramBucket
	Total   uint64
}

// HistogramBucket counts the records of [Start, Start+Step) by level; records without one count under "".
type HistogramBucket struct {
	Start  time.Time
	Total  uint64
	Levels map[string]uint64
}
