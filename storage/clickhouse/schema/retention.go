// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// Retention is how long each signal is kept; 0 keeps it for ever.
type Retention struct {
	Traces time.Duration `yaml:"traces"`
	Logs   time.Duration `yaml:"logs"`
	// ServiceStats is the per-minute table behind the services pages, which is small and worth keeping longer.
	ServiceStats time.Duration `yaml:"service_stats"`
}

// DefaultRetention returns the retention of a fresh install.
func DefaultRetention() Retention {
	const day = 24 * time.Hour
	return Retention{Traces: 15 * day, Logs: 30 * day, ServiceStats: 90 * day}
}

// Validate refuses what is shorter than an hour.
func (r Retention) Validate() error {
	var errs []error
	for name, d := range map[string]time.Duration{
		"retention.traces": r.Traces, "retention.logs": r.Logs, "retention.service_stats": r.ServiceStats,
	} {
		if d < 0 || d > 0 && d < time.Hour {
			errs = append(errs, fmt.Errorf("%s: %s is less than an hour; use 0 to keep everything", name, d))
		}
	}
	return errors.Join(errs...)
}

// ttl is one table's retention rule.
type ttl struct {
	table, column string
	keep          time.Duration
}

func ttls(r Retention) []ttl {
	return []ttl{
		{"otel_logs", "TimestampTime", r.Logs},
		{"otel_traces", "toDateTime(Timestamp)", r.Traces},
		{"otel_traces_trace_id_ts", "Start", r.Traces},
		{"strata_spans_1m", "Minute", r.ServiceStats},
	}
}

// ApplyRetention sets the tables' TTL to r where it differs. Parts are dropped whole, a day at a time. It comes after Migrate; its errors
// are those of client.Client.Send, for Await.
func (m *Migrator) ApplyRetention(ctx context.Context, r Retention) error {
	for _, t := range ttls(r) {
		out, err := m.client.Send(ctx, url.Values{"param_table": {t.table + m.localSuffixOf()}},
			[]byte("SELECT create_table_query FROM system.tables WHERE database = '"+m.database+"' AND name = {table:String} FORMAT TabSeparatedRaw"))
		if err != nil {
			return fmt.Errorf("read the retention of %s: %w", t.table, err)
		}
		statement := m.retention(t, string(out))
		if statement == "" {
			continue
		}
		if err := m.client.Exec(ctx, statement); err != nil {
			return fmt.Errorf("set the retention of %s: %w", t.table, err)
		}
	}
	return nil
}

// retention is the statement that gives a table created by query the rule t, empty where it has it.
func (m *Migrator) retention(t ttl, query string) string {
	want := fmt.Sprintf("%s + toIntervalSecond(%d)", t.column, int64(t.keep.Seconds()))
	change := ""
	switch {
	case t.keep > 0 && !strings.Contains(query, " TTL "+want):
		change = "MODIFY TTL " + want
	case t.keep == 0 && strings.Contains(query, " TTL "):
		change = "REMOVE TTL"
	default:
		return ""
	}
	return "ALTER TABLE " + m.database + "." + t.table + m.localSuffixOf() + m.onCluster() + " " + change + " SETTINGS materialize_ttl_after_modify = 0"
}
