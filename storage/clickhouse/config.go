// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"errors"
	"log/slog"
	"net"

	"github.com/strata-apm/strata/storage/clickhouse/client"
	"github.com/strata-apm/strata/storage/clickhouse/schema"
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
	Retention schema.Retention `yaml:"retention"`
	// Query bounds every read.
	Query client.Limits `yaml:"query"`
	// Insert is how an append talks to ClickHouse.
	Insert client.InsertConfig `yaml:"insert"`
}

// Options are what the program hands in.
type Options struct {
	// Dial reaches the embedded engine; needed when Config.URL is empty.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Logger may be nil.
	Logger *slog.Logger
	// Alone waits until no other process changes the tables and returns how to let the next one; ctx ends when this process may do so no
	// longer. Nil is for the only process there is.
	Alone func(ctx context.Context) (held context.Context, release func(), err error)

	// dialServer reaches a server by Dial too, for tests.
	dialServer bool
	// unreplicated makes the tables of a cluster plain ones, for tests without a Keeper.
	unreplicated bool
}

// Default returns the configuration a fresh install runs with.
func Default() Config {
	c := client.Default()
	return Config{Retention: schema.DefaultRetention(), Query: c.Query, Insert: c.Insert}
}

// Validate reports what cannot work.
func (c Config) Validate() error {
	return errors.Join(c.client().Validate(), c.Retention.Validate())
}

// client is the part of the configuration that concerns the connection.
func (c Config) client() client.Config {
	return client.Config{URL: c.URL, Database: c.Database, Cluster: c.Cluster, Query: c.Query, Insert: c.Insert}
}
