// SPDX-License-Identifier: Apache-2.0

package client

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

// Config says where ClickHouse is, and what bounds a read and an append.
type Config struct {
	// URL is http(s)://user:password@host:8123/database. Empty means the embedded engine, reached by Options.Dial.
	URL string
	// Database holds all tables. Empty is the URL's path, then "strata".
	Database string
	// Cluster is one of the server's remote_servers, over whose shards batches are spread. Empty is one server.
	Cluster string
	// Query bounds every read.
	Query Limits
	// Insert is how an append talks to ClickHouse.
	Insert InsertConfig
}

// Limits are the guards of a read.
type Limits struct {
	// Timeout bounds one query; it must be positive.
	Timeout time.Duration `yaml:"timeout"`
	// MaxMemoryBytes is for one query; 0 is no limit.
	MaxMemoryBytes uint64 `yaml:"max_memory_bytes"`
	// MaxRowsRead is for one query; 0 is no limit.
	MaxRowsRead uint64 `yaml:"max_rows_read"`
	// MaxResultRows is for one query; 0 is no limit.
	MaxResultRows uint64 `yaml:"max_result_rows"`
	// MaxThreads is for one query; 0 leaves it to ClickHouse.
	MaxThreads int `yaml:"max_threads"`
}

// InsertConfig is how an append talks to ClickHouse.
type InsertConfig struct {
	// Timeout bounds one attempt; it must be positive.
	Timeout time.Duration `yaml:"timeout"`
	// Quorum is how many replicas must hold a batch before it counts as stored; 0 is one. Only with a cluster.
	Quorum int `yaml:"quorum"`
}

// Options are what the program hands in.
type Options struct {
	// Dial reaches the embedded engine; needed when Config.URL is empty.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// DialServer reaches the server of Config.URL by Dial as well, for tests.
	DialServer bool
	// Unreplicated says that the tables of a cluster are plain ones on one node, for tests without a Keeper.
	Unreplicated bool
	// Logger may be nil.
	Logger *slog.Logger
}

// Default returns the configuration of a fresh install: the embedded engine.
func Default() Config {
	return Config{
		Query: Limits{
			Timeout: 30 * time.Second, MaxMemoryBytes: 1 << 30, MaxRowsRead: 2_000_000_000, MaxResultRows: 1_000_000,
		},
		Insert: InsertConfig{Timeout: 60 * time.Second},
	}
}

const defaultDatabase = "strata"

var plainName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,63}$`)

// Validate reports what cannot work.
func (c Config) Validate() error {
	var errs []error
	_, err := c.target()
	errs = append(errs, err)
	if c.Cluster != "" {
		if !plainName.MatchString(c.Cluster) {
			errs = append(errs, fmt.Errorf("cluster %q is not a plain name of letters, digits and underscores", c.Cluster))
		}
		if c.URL == "" {
			errs = append(errs, errors.New("cluster: the embedded engine is one node; give the url of a ClickHouse server, or leave cluster empty"))
		}
	}
	if c.Insert.Quorum < 0 || c.Insert.Quorum > 0 && c.Cluster == "" {
		errs = append(errs, errors.New("insert.quorum: must not be negative, and needs a cluster"))
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
	if !plainName.MatchString(t.database) {
		return t, fmt.Errorf("database %q is not a plain name of letters, digits and underscores", t.database)
	}
	return t, nil
}
