// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/internal/config"
	"github.com/strata-apm/strata/internal/testutil/kafkatest"
	"github.com/strata-apm/strata/internal/testutil/pgtest"
	"github.com/strata-apm/strata/storage/clickhouse/engine/enginetest"
	"github.com/strata-apm/strata/storage/clickhouse/engine/supervise"
)

// tcpOf gives an engine an address, as a ClickHouse server has.
func tcpOf(t *testing.T, sup *supervise.Supervisor) string {
	t.Helper()
	ln, err := net.Listen("tcp", anyPort)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() {
		cancel()
		_ = ln.Close()
	})
	go func() {
		for {
			near, err := ln.Accept()
			if err != nil {
				return
			}
			far, err := sup.DialContext(ctx, "tcp", "")
			if err != nil {
				_ = near.Close()
				continue
			}
			for _, ends := range [][2]net.Conn{{near, far}, {far, near}} {
				go func() {
					_, _ = io.Copy(ends[0], ends[1])
					_ = ends[0].Close()
				}()
			}
		}
	}()
	return ln.Addr().String()
}

// TestSeparateProcesses runs the roles apart, over Kafka, PostgreSQL and a ClickHouse server: what each serves and to whom, that tenants stay apart all the way, and what they
// say of each other.
func TestSeparateProcesses(t *testing.T) {
	kafka, pg := kafkatest.Start(t, kafkatest.Options{Brokers: 1}), pgtest.Start(t)
	clickhouse := "http://" + tcpOf(t, enginetest.Start(t, t.TempDir())) + "/strata"
	database := pg.Database()
	of := func(role config.Role, edit func(*config.Config)) config.Config {
		cfg := settings(t)
		cfg.Auth.Local, cfg.Catalog.URL, cfg.ClickHouse.URL = "required", database, clickhouse
		cfg.Bus.Kafka.Brokers, cfg.Bus.Kafka.Partitions, cfg.Bus.Kafka.ReplicationFactor = kafka.Brokers, 2, 1
		cfg.Cluster.Instance = "the-" + string(role)
		if edit != nil {
			edit(&cfg)
		}
		return cfg
	}
	processes := map[config.Role]*process{}
	for _, role := range []config.Role{config.RoleGateway, config.RoleWriter, config.RoleQuery, config.RoleAlert} {
		processes[role] = launch(t, role, of(role, nil))
	}
	gateway, query := processes[config.RoleGateway], processes[config.RoleQuery]
	require.Contains(t, query.stdout.String(), "Nobody can administer this server yet")
	require.NotContains(t, gateway.stdout.String(), "Nobody can administer", "there is no page to sign in to")

	who := everybody(query, false)
	for role, p := range processes {
		t.Run("access of "+string(role), func(t *testing.T) { checkAccess(t, p, who) })
	}
	reader := who[len(who)-1].key
	checkListeners(t, gateway, reader, "http", "otlp_grpc", "otlp_http")
	for _, role := range []config.Role{config.RoleWriter, config.RoleAlert} {
		checkListeners(t, processes[role], reader, "http")
	}
	require.Len(t, runFile(t, query.cfg.DataDir), 2, "the pid and one listener")

	newIsolation(gateway, processes[config.RoleWriter], query).check(t)

	t.Run("each other", func(t *testing.T) { checkPeers(t, processes, reader) })
	t.Run("a second one of the same name", func(t *testing.T) {
		cfg := of(config.RoleWriter, nil)
		opts, _, _ := options(t, config.RoleWriter)
		_, err := New(t.Context(), cfg, opts)
		require.ErrorContains(t, err, "a process named the-writer runs at "+processes[config.RoleWriter].advertised()+" already")
	})
	t.Run("no address for others", func(t *testing.T) {
		cfg := of(config.RoleGateway, func(c *config.Config) { c.HTTP.Listen, c.Cluster.Instance = "0.0.0.0:0", "" })
		opts, _, _ := options(t, config.RoleGateway)
		_, err := New(t.Context(), cfg, opts)
		require.ErrorContains(t, err, "set cluster.advertise_url")
		require.FileExists(t, filepath.Join(cfg.DataDir, "instance"))
	})
	t.Run("signed off", func(t *testing.T) {
		processes[config.RoleAlert].end()
		processes[config.RoleWriter].end()
		known, err := query.stores.catalog.ListInstances(t.Context(), 0)
		require.NoError(t, err)
		var names []string
		for _, in := range known {
			names = append(names, in.ID)
		}
		require.Equal(t, []string{"the-gateway", "the-query", "the-writer"}, names, "a writer's samples are missed")
		code, body := query.do(request{method: http.MethodGet, path: "/prometheus/api/v1/query?query=shared_metric", key: reader})
		require.Equal(t, http.StatusServiceUnavailable, code)
		require.Contains(t, body, "writer the-writer", "the answer names who is missing")
		code, body = query.do(request{method: http.MethodGet, path: "/prometheus/api/v1/rules", key: reader})
		require.Equal(t, http.StatusOK, code)
		require.Contains(t, body, "no process evaluates rules")
	})
}

// checkPeers: the query process tells of the others, their intake and their bus.
func checkPeers(t *testing.T, processes map[config.Role]*process, key string) {
	t.Helper()
	query := processes[config.RoleQuery]
	var st struct{ Addresses map[string]string }
	query.getJSON(key, "/api/v1/status", &st)
	for _, name := range []string{"otlp_grpc", "otlp_http"} {
		require.Equal(t, processes[config.RoleGateway].listeners.Of(name).Addr().String(), st.Addresses[name], "where data are sent to")
	}
	var all struct {
		Instances []struct{ ID, Role, State, URL, Message string }
	}
	query.getJSON(key, "/api/v1/status/instances", &all)
	require.Len(t, all.Instances, 4)
	for _, in := range all.Instances {
		p := processes[config.Role(in.Role)]
		require.Equal(t, []string{"the-" + in.Role, "ok", p.advertised()}, []string{in.ID, in.State, in.URL}, in.Message)
	}
	var marks struct {
		Watermarks []struct{ Topic string }
		Warnings   []string
	}
	query.getJSON(key, "/api/v1/status/watermarks", &marks)
	require.Len(t, marks.Watermarks, 4*2, "%v: the query process asks one that has the bus", marks)
	require.Empty(t, marks.Warnings)
	require.Contains(t, query.get(key, "/prometheus/api/v1/rules"), "group-of-default", "evaluated by another process")
	require.True(t, strings.HasPrefix(processes[config.RoleWriter].advertised(), "http://127.0.0.1:"))
}
