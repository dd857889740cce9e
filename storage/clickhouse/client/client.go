// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/strata-apm/strata/backoff"
	"github.com/strata-apm/strata/storage"
)

// Client is the way to one ClickHouse. It is safe for concurrent use, except that FindShards comes before the first Insert.
type Client struct {
	cfg    Config
	target target
	log    *slog.Logger
	http   *http.Client // for statements and inserts
	conn   driver.Conn  // for reads

	unreplicated bool // as Options say

	shards    []shard   // of the cluster, set by FindShards; none without a cluster
	encodings sync.Pool // of *native.Encoding
}

// New returns a client. It dials lazily, so a server that is away is no error here; a configuration that cannot work is.
func New(cfg Config, opts Options) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("clickhouse configuration: %w", err)
	}
	t, err := cfg.target()
	if err != nil {
		return nil, err
	}
	if t.embedded && opts.Dial == nil {
		return nil, errors.New("clickhouse configuration: no url, and no embedded engine to dial")
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	conn, err := connect(t, cfg, opts)
	if err != nil {
		return nil, err
	}
	return &Client{cfg: cfg, target: t, log: opts.Logger, http: newHTTPClient(t, opts), conn: conn, unreplicated: opts.Unreplicated}, nil
}

// connect makes the pool for reads. It dials lazily, so a server that is away is no error here.
func connect(t target, cfg Config, opts Options) (driver.Conn, error) {
	o := &clickhouse.Options{
		Addr:     []string{t.host},
		Protocol: clickhouse.HTTP,
		Auth:     clickhouse.Auth{Username: t.user, Password: t.password},
		Settings: clickhouse.Settings{
			"log_queries": 0,
			"output_format_native_encode_types_in_binary_format": 0,
		},
		MaxOpenConns:     32,
		MaxIdleConns:     8,
		ConnMaxLifetime:  time.Hour,
		DialTimeout:      5 * time.Second,
		ReadTimeout:      cfg.Query.Timeout + 10*time.Second,
		BlockBufferSize:  4,
		ConnOpenStrategy: clickhouse.ConnOpenInOrder,
	}
	if t.embedded || opts.DialServer {
		o.DialContext = func(ctx context.Context, addr string) (net.Conn, error) { return opts.Dial(ctx, "tcp", addr) }
	}
	if t.scheme == "https" {
		o.TLS = tlsConfig(t.host)
	}
	conn, err := clickhouse.Open(o)
	if err != nil {
		return nil, fmt.Errorf("open clickhouse: %w", err)
	}
	return conn, nil
}

// Log is where the client says what it does; never nil.
func (c *Client) Log() *slog.Logger { return c.log }

// Database is the name of the database that holds the tables.
func (c *Client) Database() string { return c.target.database }

// Await runs prepare again and again while ClickHouse is away, and returns when it has succeeded or has failed for another reason. It
// waits as long as ctx allows: the error then wraps storage.ErrUnavailable and the context's error.
func (c *Client) Await(ctx context.Context, prepare func(context.Context) error) error {
	var cause error // The last attempt that was not cut short by ctx: it says what is wrong.
	for pauses := backoff.New(retryPause, retryPauseMax); ; {
		err := prepare(ctx)
		if errors.Is(err, errNoCluster) {
			return err
		}
		if err = writeError(err); err == nil || !errors.Is(err, storage.ErrUnavailable) {
			return err
		}
		if ctx.Err() == nil || cause == nil {
			cause = err
		}
		if err := pauses.Wait(ctx); err != nil {
			return fmt.Errorf("%w: %w", err, cause)
		}
	}
}

// Ping reports whether ClickHouse answers statements; the error wraps storage.ErrUnavailable when it does not.
func (c *Client) Ping(ctx context.Context) error {
	if err := c.Exec(ctx, "SELECT 1"); err != nil {
		return fmt.Errorf("ping clickhouse: %w", writeError(err))
	}
	return nil
}

// Close frees the connections. Inserts and reads in flight may fail.
func (c *Client) Close() error {
	c.http.CloseIdleConnections()
	return c.conn.Close()
}
