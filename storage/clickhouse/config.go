// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"regexp"
	"strings"
	"time"
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
	Query Limits `yaml:"query"`
	// Insert is how an append talks to ClickHouse.
	Insert InsertConfig `yaml:"insert"`
}

// Retention is how long each signal is kept.
type Retention struct {
	Traces time.Duration `yaml:"traces"`
	Logs   time.Duration `yaml:"logs"`
	// ServiceStats is the per-minute table behind the services pages, which is small and worth keeping longer.
	ServiceStats time.Duration `yaml:"service_stats"`
}

// Limits are the guards of a read.
type Limits struct {
	Timeout time.Duration `yaml:"timeout"`
	// MaxMemoryBytes is for one query.
	MaxMemoryBytes uint64 `yaml:"max_memory_bytes"`
	MaxRowsRead    uint64 `yaml:"max_rows_read"`
	MaxResultRows  uint64 `yaml:"max_result_rows"`
	MaxThreads     int    `yaml:"max_threads"`
}

// InsertConfig is how an append talks to ClickHouse.
type InsertConfig struct {
	// Timeout bounds one attempt.
	Timeout time.Duration `yaml:"timeout"`
	// Quorum is how many replicas must hold a batch before it counts as stored; 0 is one. Only with a cluster.
	Quorum int `yaml:"quorum"`
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
	return Config{
		Database:  "",
		Retention: Retention{Traces: 15 * day, Logs: 30 * day, ServiceStats: 90 * day},
		Query: Limits{
			Timeout: 30 * time.Second, MaxMemoryBytes: 1 << 30, MaxRowsRead: 2_000_000_000, MaxResultRows: 1_000_000,
		},
		Insert: InsertConfig{Timeout: 60 * time.Second},
	}
}

const defaultDatabase = "strata"

var databaseName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,63}$`)

// Validate reports what cannot work.
func (c Config) Validate() error {
	var errs []error
	_, err := c.target()
	errs = append(errs, err)
	if c.Cluster != "" {
		if !databaseName.MatchString(c.Cluster) {
			errs = append(errs, fmt.Errorf("cluster %q is not a plain name of letters, digits and underscores", c.Cluster))
		}
		if c.URL == "" {
			errs = append(errs, errors.New("cluster: the embedded engine is one node; give the url of a ClickHouse server, or leave cluster empty"))
		}
	}
	if c.Insert.Quorum < 0 || c.Insert.Quorum > 0 && c.Cluster == "" {
		errs = append(errs, errors.New("insert.quorum: must not be negative, and needs a cluster"))
	}
	for name, d := range map[string]time.Duration{
		"retention.traces": c.Retention.Traces, "retention.logs": c.Retention.Logs, "retention.service_stats": c.Retention.ServiceStats,
	} {
		if d < 0 || d > 0 && d < time.Hour {
			errs = append(errs, fmt.Errorf("%s: %s is less than an hour; use 0 to keep everything", name, d))
		}
	}
	if c.Query.Timeout <= 0 {
		errs = append(errs, errors.New("query.timeout must be positive"))
	}
	if c.Insert.Timeout <= 0 {
		errs = append(errs, errors.New("insert.timeout must be positive"))
	}
	return errors.Join(errs...)
}

// target is the parsed URL.
type target struct {
	embedded       bool
	scheme, host   string
	user, password string
	database       string
}

func (c Config) target() (target, error) {
	t := target{embedded: c.URL == "", scheme: "http", host: "engine", database: c.Database}
	if !t.embedded {
		u, err := url.Parse(c.URL)
		if err != nil {
			// url.Parse repeats the whole URL, which may hold a password.
			return t, errors.New("url is malformed; its form is http(s)://user:password@host:8123/database")
		}
		switch u.Scheme {
		case "http", "https":
		case "clickhouse", "tcp", "native":
			return t, fmt.Errorf("url: the native protocol (%s://) is not supported; give the HTTP address, http(s)://user:password@host:8123/database", u.Scheme)
		default:
			return t, fmt.Errorf("url: %q is neither http nor https", u.Scheme)
		}
		if u.Host == "" {
			return t, errors.New("url names no host")
		}
		t.scheme, t.host = u.Scheme, u.Host
		if u.Port() == "" {
			t.host = net.JoinHostPort(u.Hostname(), map[string]string{"http": "8123", "https": "8443"}[u.Scheme])
		}
		t.user = u.User.Username()
		t.password, _ = u.User.Password()
		if name := strings.Trim(u.Path, "/"); t.database == "" {
			t.database = name
		}
	}
	if t.database == "" {
		t.database = defaultDatabase
	}
	if !databaseName.MatchString(t.database) {
		return t, fmt.Errorf("database %q is not a plain name of letters, digits and underscores", t.database)
	}
	return t, nil
}
