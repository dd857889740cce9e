// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/ingest/bus"
	"github.com/strata-apm/strata/ingest/bus/embedded"
	"github.com/strata-apm/strata/internal/auth"
	"github.com/strata-apm/strata/internal/certs"
	"github.com/strata-apm/strata/internal/config"
	"github.com/strata-apm/strata/internal/dirlock"
	"github.com/strata-apm/strata/internal/listen"
	"github.com/strata-apm/strata/internal/testutil/certtest"
	"github.com/strata-apm/strata/signal"
)

// newerCatalog leaves a catalog of a later release in the data directory.
func newerCatalog(t *testing.T, cfg config.Config) {
	t.Helper()
	c, err := OpenCatalog(t.Context(), cfg)
	require.NoError(t, err)
	require.NoError(t, c.Close())
	db, err := sql.Open("sqlite", filepath.Join(cfg.DataDir, "catalog.db"))
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), `INSERT INTO schema_migrations (version, applied_at) VALUES (999, 0)`)
	require.NoError(t, errors.Join(err, db.Close()))
}

// unreadRecord leaves a record that no writer has stored in the embedded log of the data directory.
func unreadRecord(t *testing.T, cfg config.Config) {
	t.Helper()
	b, err := embedded.Open(filepath.Join(cfg.DataDir, "bus"), embedded.Options{
		Logger: slog.New(slog.DiscardHandler), Topics: bus.Topics(), LimitBytes: cfg.Bus.LimitBytes, SegmentBytes: cfg.Bus.SegmentBytes,
	})
	require.NoError(t, err)
	require.NoError(t, errors.Join(b.Produce(t.Context(), signal.Logs.Topic(), bus.Record{Value: []byte("x")}), b.Close()))
}

// taken is the address of a listener that is open as long as the test.
func taken(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", anyPort)
	require.NoError(t, err)
	t.Cleanup(func() { _ = ln.Close() })
	return ln.Addr().String()
}

// TestStartFails: what stops the start is named, and nothing is left: no lock, no port, no goroutine, no run.json.
func TestStartFails(t *testing.T) {
	for _, c := range []struct {
		name string
		role config.Role
		edit func(t *testing.T, cfg *config.Config)
		want []string
	}{
		{name: "configuration", edit: func(_ *testing.T, cfg *config.Config) { cfg.HTTP.Listen = "7080" }, want: []string{"configuration: ", "http.listen"}},
		{name: "log level", edit: func(_ *testing.T, cfg *config.Config) { cfg.LogLevel = "loud" }, want: []string{"configuration: ", "log_level"}},
		{name: "gateway alone", role: config.RoleGateway, want: []string{"catalog.url: the role gateway needs", "bus.kafka.brokers: the role gateway needs"}},
		{name: "writer alone", role: config.RoleWriter, want: []string{"clickhouse.url: the role writer needs"}},
		{name: "query alone", role: config.RoleQuery, want: []string{"catalog.url: the role query needs"}},
		{name: "alert alone", role: config.RoleAlert, want: []string{"bus.kafka.brokers: the role alert needs"}},
		{name: "a file as data directory", edit: func(t *testing.T, cfg *config.Config) {
			t.Helper()
			cfg.DataDir = filepath.Join(cfg.DataDir, "file", "below")
			require.NoError(t, os.WriteFile(filepath.Dir(cfg.DataDir), nil, 0o600))
		}, want: []string{"create data directory"}},
		{name: "locked", edit: func(t *testing.T, cfg *config.Config) {
			t.Helper()
			lock, err := dirlock.Acquire(cfg.DataDir)
			require.NoError(t, err)
			t.Cleanup(func() { _ = lock.Release() })
		}, want: []string{"data directory: ", "is held by process " + strconv.Itoa(os.Getpid())}},
		{name: "http port", edit: func(t *testing.T, cfg *config.Config) { t.Helper(); cfg.HTTP.Listen = taken(t) }, want: []string{"listen on 127.0.0.1:", "(http.listen)", "in use"}},
		{name: "gRPC port", edit: func(t *testing.T, cfg *config.Config) { t.Helper(); cfg.OTLP.GRPCListen = taken(t) }, want: []string{"(otlp.grpc_listen)", "in use"}},
		{name: "OTLP port", edit: func(t *testing.T, cfg *config.Config) { t.Helper(); cfg.OTLP.HTTPListen = taken(t) }, want: []string{"(otlp.http_listen)", "in use"}},
		{name: "http certificate", edit: func(_ *testing.T, cfg *config.Config) {
			cfg.HTTP.TLS = certs.Server{CertFile: "/none.pem", KeyFile: "/none.key"}
		}, want: []string{"http.tls: read certificate /none.pem"}},
		{name: "otlp certificate", edit: func(_ *testing.T, cfg *config.Config) {
			cfg.OTLP.TLS = certs.Server{CertFile: "/none.pem", KeyFile: "/none.key"}
		}, want: []string{"otlp.tls: read certificate /none.pem"}},
		{name: "authorities of the others", edit: func(_ *testing.T, cfg *config.Config) { cfg.Cluster.TLS = certs.Client{CAFile: "/none.pem"} }, want: []string{"cluster.tls: read certificate authorities"}},
		{name: "newer catalog", edit: func(t *testing.T, cfg *config.Config) { t.Helper(); newerCatalog(t, *cfg) }, want: []string{"open catalog: ", "schema version 999", "start the newer program"}},
		{name: "no engine", edit: func(_ *testing.T, cfg *config.Config) { cfg.Engine.Library = "/none.so" }, want: []string{"embedded ClickHouse: ", "/none.so does not exist"}},
		{name: "no server", edit: func(t *testing.T, cfg *config.Config) {
			t.Helper()
			cfg.ClickHouse.URL = "http://default:@" + taken(t) + "/strata?x=1"
		}, want: []string{"ClickHouse"}},
		{name: "unread records", edit: func(t *testing.T, cfg *config.Config) {
			t.Helper()
			unreadRecord(t, *cfg)
			cfg.Bus.Kafka.Brokers = []string{taken(t)}
			cfg.ClickHouse.URL = "http://" + taken(t) + "/strata"
		}, want: []string{"holds records that are not stored: start once without bus.kafka.brokers", "1 records"}},
		{name: "instance", edit: func(t *testing.T, cfg *config.Config) {
			t.Helper()
			require.NoError(t, os.Mkdir(filepath.Join(cfg.DataDir, "instance"), 0o700))
		}, want: []string{"read the instance's name"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := settings(t)
			if c.edit != nil {
				c.edit(t, &cfg)
			}
			noLeaks(t)
			opts, stdout, _ := options(t, c.role)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			a, err := New(ctx, cfg, opts)
			require.Error(t, err)
			require.Nil(t, a)
			for _, want := range c.want {
				require.ErrorContains(t, err, want)
			}
			require.NoFileExists(t, filepath.Join(cfg.DataDir, listen.RunFile))
			require.NotContains(t, stdout.String(), "is ready")
			if c.name == "locked" || c.name == "a file as data directory" {
				return
			}
			lock, err := dirlock.Acquire(cfg.DataDir)
			require.NoError(t, err, "the lock is given back")
			require.NoError(t, lock.Release())
		})
	}
}

// TestRunFails: when the process cannot say where it listens, Run ends with the reason and Close releases what New took.
func TestRunFails(t *testing.T) {
	noLeaks(t)
	cfg := settings(t)
	opts, _, _ := options(t, "")
	a, err := New(t.Context(), cfg, opts)
	require.NoError(t, err)
	require.NoError(t, os.Mkdir(filepath.Join(cfg.DataDir, listen.RunFile), 0o700))
	require.ErrorContains(t, a.Run(t.Context()), listen.RunFile)
	require.Error(t, a.status.Ready(t.Context()))
	require.NoError(t, a.Close())
}

// TestStack: parts are closed once, the last one first, each error under its part's name.
func TestStack(t *testing.T) {
	var log bytes.Buffer
	s := stack{logger: slog.New(slog.NewTextHandler(&log, nil))}
	var order []string
	for _, name := range []string{"first", "second", "third"} {
		s.push(name, func() error {
			if order = append(order, name); name == "second" {
				return os.ErrClosed
			}
			return nil
		})
	}
	err := s.closeAll()
	require.ErrorIs(t, err, os.ErrClosed)
	require.EqualError(t, err, "close second: "+os.ErrClosed.Error())
	require.Equal(t, []string{"third", "second", "first"}, order)
	require.NoError(t, s.closeAll())
	require.Len(t, order, 3)
	require.Empty(t, log.String())
}

// TestMemoryLimit: a process with the embedded engine leaves memory to it; one without has it all.
func TestMemoryLimit(t *testing.T) {
	cfg := config.Default()
	with := MemoryLimit(cfg, config.RoleAll)
	cfg.ClickHouse.URL = "http://127.0.0.1:8123/strata"
	without := MemoryLimit(cfg, config.RoleAll)
	require.Less(t, with, without)
	require.Equal(t, without, MemoryLimit(config.Default(), config.RoleGateway))
	a := &App{cfg: cfg, opts: Options{Role: config.RoleAll}}
	a.cfg.Intake.InFlightBytes = 123
	require.EqualValues(t, 123, a.inFlightBytes())
	a.cfg.Intake.InFlightBytes, a.cfg.Intake.MaxBodyBytes = 0, 1<<40
	require.EqualValues(t, 1<<40, a.inFlightBytes(), "the largest body fits")
}

// TestListenerTable: names and keys are unique, and every key is one of the configuration with the address as its value.
func TestListenerTable(t *testing.T) {
	cfg := config.Default()
	b, err := cfg.Marshal()
	require.NoError(t, err)
	seen := map[string]bool{}
	for _, x := range listenerTable() {
		require.False(t, seen[x.row.Name], x.row.Name)
		seen[x.row.Name] = true
		if x.row.Network == listen.InProcess {
			require.Nil(t, x.address)
			continue
		}
		require.False(t, seen[x.row.Key], x.row.Key)
		seen[x.row.Key] = true
		require.Regexp(t, keyIs(x.row.Key, x.address(cfg)), string(b))
	}
	require.True(t, seen[httpListener] && seen[selfListener])
}

// TestExternalURL: links begin with what is configured, else with the address; https follows from the files or from what is configured.
func TestExternalURL(t *testing.T) {
	cert, key := certtest.SelfSigned(t)
	cfg := settings(t)
	opts, _, _ := options(t, "")
	opts.Role = config.RoleAll
	cfg.HTTP.TLS = certs.Server{CertFile: cert, KeyFile: key}
	a := &App{cfg: cfg, opts: opts, logger: slog.New(slog.DiscardHandler), reg: newRegistry()}
	var err error
	a.tls, err = a.loadTLS()
	require.NoError(t, err)
	require.NoError(t, a.openListeners(t.Context()))
	t.Cleanup(func() { require.NoError(t, a.stack.closeAll()) })
	require.Equal(t, "https://"+a.Addr(), a.externalURL())
	require.Equal(t, "https://"+a.Addr(), a.advertised())
	a.cfg.HTTP.ExternalURL, a.cfg.Cluster.AdvertiseURL = "https://strata.example.org", "http://10.0.0.1:7080"
	require.Equal(t, "https://strata.example.org", a.externalURL())
	require.Equal(t, "http://10.0.0.1:7080", a.advertised())
	require.Equal(t, auth.ModeOpen, a.authMode())
}

// TestAuthMode: a process with a listener on another address than loopback asks everybody for a key.
func TestAuthMode(t *testing.T) {
	for _, edit := range []func(*config.Config){
		func(c *config.Config) { c.HTTP.Listen = ":0" },
		func(c *config.Config) { c.OTLP.GRPCListen = "0.0.0.0:0" },
		func(c *config.Config) { c.OTLP.HTTPListen = "[::]:0" },
		func(c *config.Config) { c.Auth.Local = "required" },
	} {
		cfg := settings(t)
		edit(&cfg)
		a := &App{cfg: cfg, opts: Options{Role: config.RoleAll}, reg: newRegistry(), logger: slog.New(slog.DiscardHandler)}
		require.NoError(t, a.openListeners(t.Context()))
		require.Equal(t, auth.ModeRequired, a.authMode())
		require.NoError(t, a.stack.closeAll())
	}
}
