// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/client"
	"github.com/strata-apm/strata/storage/clickhouse/page"
	"github.com/strata-apm/strata/storage/clickhouse/resource"
	"github.com/strata-apm/strata/storage/clickhouse/timerange"
)

// position is where a page of log records ended.
type position struct {
	Nano  int64 // since 1970
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
	var after *position
	if q.Cursor != "" {
		after = &position{}
		if err := page.DecodeCursor(q.Cursor, after); err != nil {
			return out, err
		}
		// Records before the position are done; the comparison below decides within its nanosecond.
		if at := timerange.UnixNano(after.Nano); q.Ascending {
			r.Start = timerange.Latest(r.Start, at)
		} else {
			r.End = timerange.Earliest(r.End, at.Add(1))
		}
	}
	read := pageRead{store: s, search: q, after: after, limit: limit + 1}
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

// pageRead collects the records of one page.
type pageRead struct {
	store     *Store
	search    storage.LogSearch
	after     *position // nil for the first page
	limit     int       // records, one more than the page shows
	bytes     int       // of text so far, bounded by page.MaxBytes
	full      bool      // there is more than the page may hold
	logs      []storage.Log
	positions []position // of each of logs
}

// window reads the records of w. When they are too large for the engine's memory, it asks for fewer, and the page ends early.
func (r *pageRead) window(ctx context.Context, w storage.TimeRange) error {
	want := r.limit - len(r.logs)
	for asked := want; ; asked = max(1, asked/8) {
		had := len(r.logs)
		err := r.records(ctx, w, asked)
		switch {
		case errors.Is(err, client.ErrMemory) && len(r.logs) > had:
			r.full = true // The records before the error are in order and whole.
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

// records reads at most limit records of w, fewer when the page is full before.
func (r *pageRead) records(ctx context.Context, w storage.TimeRange, limit int) error {
	st := client.For(r.search.Tenant)
	q := r.search
	where, err := condition(st, storage.Selection{Tenant: q.Tenant, Filter: q.Filter, Range: w})
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
		FROM {db}.` + table + ` WHERE ` + where + ` ORDER BY Timestamp ` + direction + `, RowId ` + direction + ` LIMIT ` + strconv.Itoa(limit)
	return r.store.client.Each(ctx, "search logs", query, st, func(scan func(...any) error) error {
		var l storage.Log
		var p position
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
