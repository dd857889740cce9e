// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/strata-apm/strata/storage"
)

var _ storage.LogSearcher = (*Store)(nil)

// logPosition is where a page of log records ended.
type logPosition struct {
	Nano  int64
	RowID uint64
}

// SearchLogs implements storage.LogSearcher.
func (s *Store) SearchLogs(ctx context.Context, q storage.LogSearch) (storage.LogPage, error) {
	var page storage.LogPage
	if err := checkRange(q.Range); err != nil {
		return page, err
	}
	limit := max(1, q.Limit)
	r := q.Range
	var after *logPosition
	if q.Cursor != "" {
		after = &logPosition{}
		if err := decodeCursor(q.Cursor, after); err != nil {
			return page, err
		}
		// What lies before the position is done; the comparison below decides within its nanosecond.
		if at := unixNano(after.Nano); q.Ascending {
			r.Start = latest(r.Start, at)
		} else {
			r.End = earliest(r.End, at.Add(1))
		}
	}
	var last logPosition
	for _, w := range windows(r, !q.Ascending) {
		found, end, err := s.logsIn(ctx, w, q, after, limit+1-len(page.Logs))
		if err != nil {
			return storage.LogPage{}, err
		}
		for i, l := range found {
			if len(page.Logs) == limit {
				page.NextCursor = encodeCursor(last)
				return page, nil
			}
			page.Logs = append(page.Logs, l)
			last = end[i]
		}
	}
	return page, nil
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// logsWhere is the condition of a selection of log records. The seconds are in the sort key, the nanoseconds are exact.
func logsWhere(st *statement, sel storage.Selection) (string, error) {
	condition, err := logCompiler(st).compile(sel.Filter)
	if err != nil {
		return "", err
	}
	r := sel.Range
	return "TimestampTime >= " + st.second(r.Start) + " AND TimestampTime <= " + st.second(r.End) +
		" AND Timestamp >= " + st.nano(r.Start) + " AND Timestamp < " + st.nano(r.End) + " AND (" + condition + ")", nil
}

func (s *Store) logsIn(ctx context.Context, w storage.TimeRange, q storage.LogSearch, after *logPosition, limit int) ([]storage.Log, []logPosition, error) {
	var st statement
	where, err := logsWhere(&st, storage.Selection{Filter: q.Filter, Range: w})
	if err != nil {
		return nil, nil, err
	}
	direction, beyond := "DESC", "<"
	if q.Ascending {
		direction, beyond = "ASC", ">"
	}
	if after != nil {
		where += " AND (toUnixTimestamp64Nano(Timestamp), RowId) " + beyond + " (" + st.int(after.Nano) + ", " + st.bind("UInt64", after.RowID) + ")"
	}
	query := `SELECT toUnixTimestamp64Nano(Timestamp) AS Nano, toUnixTimestamp64Nano(ObservedTimestamp), RowId, SeverityNumber, SeverityText,
		ServiceName, HostName, Body, TraceId, SpanId, EventName, LogAttributes, ResourceAttributes, ScopeName, ScopeVersion,
		ScopeSchemaUrl, ScopeAttributes, ResourceSchemaUrl, TraceFlags
		FROM {db}.otel_logs WHERE ` + where + ` ORDER BY Timestamp ` + direction + `, RowId ` + direction + ` LIMIT ` + strconv.Itoa(limit)
	var logs []storage.Log
	var positions []logPosition
	err = s.each(ctx, "search logs", query, st.args, func(scan func(...any) error) error {
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
		l.Time, l.Service = unixNano(p.Nano), shownService(l.Service)
		if observed != 0 {
			l.ObservedTime = unixNano(observed)
		}
		l.SeverityNumber, l.Flags = int(severity), uint32(flags)
		if len(l.Scope.Attributes) == 0 {
			l.Scope.Attributes = nil
		}
		logs, positions = append(logs, l), append(positions, p)
		return nil
	})
	return logs, positions, err
}

// LogHistogram implements storage.LogSearcher.
func (s *Store) LogHistogram(ctx context.Context, q storage.Selection, buckets int) (storage.Histogram, error) {
	if err := checkRange(q.Range); err != nil {
		return storage.Histogram{}, err
	}
	step := niceStep(q.Range.End.Sub(q.Range.Start), buckets)
	h := storage.Histogram{Step: step}
	start := q.Range.Start.Truncate(step)
	for t := start; t.Before(q.Range.End); t = t.Add(step) {
		h.Buckets = append(h.Buckets, storage.HistogramBucket{Start: t, Levels: map[string]uint64{}})
	}
	var st statement
	where, err := logsWhere(&st, q)
	if err != nil {
		return storage.Histogram{}, err
	}
	// The seconds are half as wide as the nanoseconds, and mostly in memory already.
	bucket := "intDiv(toUnixTimestamp64Nano(Timestamp) - " + st.int(start.UnixNano()) + ", " + st.int(int64(step)) + ")"
	if step >= time.Second {
		bucket = "intDiv(toInt64(TimestampTime) - " + st.int(start.Unix()) + ", " + st.int(int64(step/time.Second)) + ")"
	}
	query := "SELECT " + bucket + " AS b, toInt32(intDiv(SeverityNumber + 3, 4)) AS l, count() FROM {db}.otel_logs WHERE " + where + " GROUP BY b, l"
	err = s.each(ctx, "count logs", query, st.args, func(scan func(...any) error) error {
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
	if err := checkRange(q.Range); err != nil {
		return nil, err
	}
	var st statement
	where, err := logsWhere(&st, q)
	if err != nil {
		return nil, err
	}
	return s.facets(ctx, "otel_logs", where, st.args, []facetColumn{
		{storage.FieldService, serviceName},
		{storage.FieldLevel, "['', 'trace', 'debug', 'info', 'warn', 'error', 'fatal'][1 + least(intDiv(SeverityNumber + 3, 4), 6)]"},
		{storage.FieldHost, "toString(HostName)"},
		{storage.FieldEnvironment, "toString(Environment)"},
		{storage.FieldScope, "toString(ScopeName)"},
	})
}
