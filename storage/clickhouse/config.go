// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/strata-apm/strata/storage/clickhouse/client"
)

// Config says where ClickHouse is and how long it keeps what.
type Config struct {
	// URL is http(s)://user:password@host:8123/database. Empty means the embedded engine, reached by Options.Dial.
	URL string `yaml:"url"`
	// Database holds all tables. Default: the URL's path, then "strata".
	Database string `yaml:"database"`
	// Cluster is one of the server's remote_servers: tables are then replicated and spread over its shards. Empty is one server.
	Cluster string `yaml:"cluster"`
	// Retention is how long spans and log records are kept; 0 keeps them for ever. It may be changed at any start.
	Retention Retention `yaml:"retention"`
	// Query bounds every read.
	Query client.Limits `yaml:"query"`
	// Insert is how an append talks to ClickHouse.
	Insert client.InsertConfig `yaml:"insert"`
}

// Retention is how long each signal is kept.
type Retention struct {
	Traces time.Duration `yaml:"traces"`
	Logs   time.Duration `yaml:"logs"`
	// ServiceStats is the per-minute table behind the services pages, which is small and worth keeping longer.
	ServiceStats time.Duration `yaml:"service_stats"`
}

// Options are what the program hands in.
type Options struct {
	// Dial reaches the embedded engine; needed when Config.URL is empty.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Logger may be nil.
	Logger *slog.Logger

	// dialServer reaches a server by Dial too, for tests.
	dialServer bool
	// unreplicated makes the tables of a cluster plain ones, for tests without a Keeper.
	unreplicated bool
}

// Default returns the configuration a fresh install runs with.
func Default() Config {
	const day = 24 * time.Hour
	c := client.Default()
	return Config{
		Retention: Retention{Traces: 15 * day, Logs: 30 * day, ServiceStats: 90 * day},
		Query:     c.Query,
		Insert:    c.Insert,
	}
}

// Validate reports what cannot work.
func (c Config) Validate() error {
	errs := []error{c.client().Validate()}
	for name, d := range map[string]time.Duration{
		"retention.traces": c.Retention.Traces, "retention.logs": c.Retention.Logs, "retention.service_stats": c.Retention.ServiceStats,
	} {
		if d < 0 || d > 0 && d < time.Hour {
			errs = append(errs, fmt.Errorf("%s: %s is less than an hour; use 0 to keep everything", name, d))
		}
	}
	return errors.Join(errs...)
}

// client is the part of the configuration that concerns the connection.
func (c Config) client() client.Config {
	return client.Config{URL: c.URL, Database: c.Database, Cluster: c.Cluster, Query: c.Query, Insert: c.Insert}
}
