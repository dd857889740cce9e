// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/client"
	"github.com/strata-apm/strata/storage/clickhouse/fields"
	"github.com/strata-apm/strata/storage/clickhouse/filter"
	"github.com/strata-apm/strata/storage/clickhouse/page"
	"github.com/strata-apm/strata/storage/clickhouse/resource"
	"github.com/strata-apm/strata/storage/clickhouse/timerange"
)

var _ storage.LogSearcher = (*Store)(nil)

// logPosition is where a page of log records ended.
type logPosition struct {
	Nano  int64
	RowID uint64
}

// SearchLogs implements storage.LogSearcher.
func (s *Store) SearchLogs(ctx context.Context, q storage.LogSearch) (storage.LogPage, error) {
	var out storage.LogPage
	if err := timerange.Check(q.Range); err != nil {
		return out, err
	}
	limit := max(1, q.Limit)
	r := q.Range
	var after *logPosition
	if q.Cursor != "" {
		after = &logPosition{}
		if err := page.DecodeCursor(q.Cursor, after); err != nil {
			return out, err
		}
		// What lies before the position is done; the comparison below decides within its nanosecond.
		if at := timerange.UnixNano(after.Nano); q.Ascending {
			r.Start = timerange.Latest(r.Start, at)
		} else {
			r.End = timerange.Earliest(r.End, at.Add(1))
		}
	}
	read := logRead{store: s, search: q, after: after, limit: limit + 1}
	for _, w := range timerange.Windows(r, !q.Ascending) {
		if err := read.window(ctx, w); err != nil {
			return storage.LogPage{}, err
		}
		if read.full {
			break
		}
	}
	out.Logs = read.logs
	if read.full {
		if len(out.Logs) > limit {
			out.Logs = out.Logs[:limit]
		}
		out.NextCursor = page.EncodeCursor(read.positions[len(out.Logs)-1])
	}
	return out, nil
}

// logRead collects the records of one page.
type logRead struct {
	store     *Store
	search    storage.LogSearch
	after     *logPosition // nil for the first page
	limit     int          // records, one more than the page shows
	bytes     int          // of text so far, bounded by page.MaxBytes
	full      bool         // there is more than the page may hold
	logs      []storage.Log
	positions []logPosition // of each of logs
}

// window reads the records of w. When they are too large for the engine's memory, it asks for fewer, and the page ends early.
func (r *logRead) window(ctx context.Context, w storage.TimeRange) error {
	want := r.limit - len(r.logs)
	for asked := want; ; asked = max(1, asked/8) {
		had := len(r.logs)
		err := r.records(ctx, w, asked)
		switch {
		case errors.Is(err, client.ErrMemory) && len(r.logs) > had:
			r.full = true // What came before the error is in order and whole.
			return nil
		case errors.Is(err, client.ErrMemory) && asked > 1:
			continue
		case err != nil:
			return err
		}
		r.full = r.full || len(r.logs)-had == asked
		return nil
	}
}

// logCompiler makes conditions of the table of logs.
func logCompiler(st *client.Statement) *filter.Compiler {
	return filter.New(st, filter.Table{
		Attributes: "LogAttributes", Text: "Body", Words: true,
		Numeric: map[string]bool{storage.FieldLevel: true},
		Columns: map[string]string{
			storage.FieldService: "ServiceName", storage.FieldHost: "HostName", storage.FieldEnvironment: "Environment",
			storage.FieldTrace: "TraceId", storage.FieldSpan: "SpanId", storage.FieldScope: "ScopeName",
			storage.FieldLevel: "SeverityNumber", storage.FieldBody: "Body",
			storage.FieldEvent: "if(EventName != '', toString(EventName), LogAttributes['event.name'])",
		},
	})
}

// logsWhere is the condition of a selection of log records. The seconds are in the sort key, the nanoseconds are exact.
func logsWhere(st *client.Statement, sel storage.Selection) (string, error) {
	condition, err := logCompiler(st).Compile(sel.Filter)
	if err != nil {
		return "", err
	}
	r := sel.Range
	return "TimestampTime >= " + st.Second(r.Start) + " AND TimestampTime <= " + st.Second(r.End) +
		" AND Timestamp >= " + st.Nano(r.Start) + " AND Timestamp < " + st.Nano(r.End) + " AND (" + condition + ")", nil
}

// records reads at most limit records of w, fewer when the page is full before.
func (r *logRead) records(ctx context.Context, w storage.TimeRange, limit int) error {
	var st client.Statement
	q := r.search
	where, err := logsWhere(&st, storage.Selection{Filter: q.Filter, Range: w})
	if err != nil {
		return err
	}
	direction, beyond := "DESC", "<"
	if q.Ascending {
		direction, beyond = "ASC", ">"
	}
	if after := r.after; after != nil {
		where += " AND (toUnixTimestamp64Nano(Timestamp), RowId) " + beyond + " (" + st.Int(after.Nano) + ", " + st.Bind("UInt64", after.RowID) + ")"
	}
	query := `SELECT toUnixTimestamp64Nano(Timestamp) AS Nano, toUnixTimestamp64Nano(ObservedTimestamp), RowId, SeverityNumber, SeverityText,
		ServiceName, HostName, Body, TraceId, SpanId, EventName, LogAttributes, ResourceAttributes, ScopeName, ScopeVersion,
		ScopeSchemaUrl, ScopeAttributes, ResourceSchemaUrl, TraceFlags
		FROM {db}.otel_logs WHERE ` + where + ` ORDER BY Timestamp ` + direction + `, RowId ` + direction + ` LIMIT ` + strconv.Itoa(limit)
	return r.store.client.Each(ctx, "search logs", query, st.Args, func(scan func(...any) error) error {
		var l storage.Log
		var p logPosition
		var observed int64
		var severity, flags uint8
		if err := scan(&p.Nano, &observed, &p.RowID, &severity, &l.SeverityText, &l.Service, &l.Host, &l.Body, &l.TraceID, &l.SpanID,
			&l.EventName, &l.Attributes, &l.Resource, &l.Scope.Name, &l.Scope.Version,
			&l.Scope.SchemaURL, &l.Scope.Attributes, &l.ResourceSchemaURL, &flags); err != nil {
			return err
		}
		l.ID = fmt.Sprintf("%016x%016x", p.Nano, p.RowID)
		l.Time, l.Service = timerange.UnixNano(p.Nano), resource.ShownService(l.Service)
		if observed != 0 {
			l.ObservedTime = timerange.UnixNano(observed)
		}
		l.SeverityNumber, l.Flags = int(severity), uint32(flags)
		if len(l.Scope.Attributes) == 0 {
			l.Scope.Attributes = nil
		}
		r.logs, r.positions = append(r.logs, l), append(r.positions, p)
		if r.bytes += logBytes(&l); r.bytes > page.MaxBytes {
			r.full = true
			return client.ErrPageFull
		}
		return nil
	})
}

// logBytes is about the text that a record holds. The resource is not counted: most records share theirs.
func logBytes(l *storage.Log) int { return len(l.Body) + page.TextBytes(l.Attributes) }

// LogHistogram implements storage.LogSearcher.
func (s *Store) LogHistogram(ctx context.Context, q storage.Selection, buckets int) (storage.Histogram, error) {
	if err := timerange.Check(q.Range); err != nil {
		return storage.Histogram{}, err
	}
	step := timerange.Step(q.Range.End.Sub(q.Range.Start), buckets)
	h := storage.Histogram{Step: step}
	start := q.Range.Start.Truncate(step)
	for t := start; t.Before(q.Range.End); t = t.Add(step) {
		h.Buckets = append(h.Buckets, storage.HistogramBucket{Start: t, Levels: map[string]uint64{}})
	}
	var st client.Statement
	where, err := logsWhere(&st, q)
	if err != nil {
		return storage.Histogram{}, err
	}
	// The seconds are half as wide as the nanoseconds, and mostly in memory already.
	bucket := "intDiv(toUnixTimestamp64Nano(Timestamp) - " + st.Int(start.UnixNano()) + ", " + st.Int(int64(step)) + ")"
	if step >= time.Second {
		bucket = "intDiv(toInt64(TimestampTime) - " + st.Int(start.Unix()) + ", " + st.Int(int64(step/time.Second)) + ")"
	}
	query := "SELECT " + bucket + " AS b, toInt32(intDiv(SeverityNumber + 3, 4)) AS l, count() FROM {db}.otel_logs WHERE " + where + " GROUP BY b, l"
	err = s.client.Each(ctx, "count logs", query, st.Args, func(scan func(...any) error) error {
		var b int64
		var level int32
		var n uint64
		if err := scan(&b, &level, &n); err != nil {
			return err
		}
		if b < 0 || b >= int64(len(h.Buckets)) {
			return nil
		}
		h.Buckets[b].Total += n
		h.Buckets[b].Levels[storage.Level(int(level)*4)] += n
		h.Total += n
		return nil
	})
	return h, err
}

// LogFacets implements storage.LogSearcher.
func (s *Store) LogFacets(ctx context.Context, q storage.Selection) ([]storage.Facet, error) {
	if err := timerange.Check(q.Range); err != nil {
		return nil, err
	}
	var st client.Statement
	where, err := logsWhere(&st, q)
	if err != nil {
		return nil, err
	}
	return fields.Source{Client: s.client, Table: "otel_logs", Where: where, Statement: &st}.Facets(ctx, []fields.Facet{
		{Field: storage.FieldService, SQL: resource.ServiceName},
		{Field: storage.FieldLevel, SQL: "['', 'trace', 'debug', 'info', 'warn', 'error', 'fatal'][1 + least(intDiv(SeverityNumber + 3, 4), 6)]"},
		{Field: storage.FieldHost, SQL: "toString(HostName)"},
		{Field: storage.FieldEnvironment, SQL: "toString(Environment)"},
		{Field: storage.FieldScope, SQL: "toString(ScopeName)"},
	})
}
