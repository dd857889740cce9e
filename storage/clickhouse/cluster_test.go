// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"errors"
	"net"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/clickhousetest"
	"github.com/strata-apm/strata/storage/clickhouse/engine/enginetest"
	"github.com/strata-apm/strata/storage/clickhouse/engine/supervise"
	"github.com/strata-apm/strata/storage/storagetest"
	"github.com/strata-apm/strata/tenant"
)

// openCluster opens a store on the cluster shop of a fresh engine: Distributed over local tables, which are not replicated because there
// is no Keeper here.
func openCluster(t *testing.T) (*Store, *supervise.Supervisor) {
	t.Helper()
	sup := enginetest.StartCluster(t)
	cfg := Default()
	cfg.Cluster, cfg.URL = "shop", "http://engine"
	s, err := openDialled(cfg, Options{Dial: sup.DialContext, unreplicated: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s, sup
}

// openDialled is Open for a server that is reached through opts.Dial.
func openDialled(cfg Config, opts Options) (*Store, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	opts.dialServer = true
	return Open(ctx, cfg, opts)
}

func clusterHarness(t *testing.T) storagetest.Harness {
	t.Helper()
	s, sup := openCluster(t)
	return harnessOf(s, sup)
}

func TestClusterLogs(t *testing.T)   { storagetest.RunLogs(t, clusterHarness) }
func TestClusterTraces(t *testing.T) { storagetest.RunTraces(t, clusterHarness) }

func TestClusterTables(t *testing.T) {
	s, sup := openCluster(t)
	ld, _ := clickhousetest.NewGenerator().Logs(10)
	for range 2 {
		_, err := s.AppendLogs(t.Context(), "once", storagetest.Requests(t, tenant.Default, ld))
		require.NoError(t, err)
	}
	for table, want := range map[string]string{"otel_logs": "Distributed", "otel_logs_local": "MergeTree", "otel_traces_trace_id_ts": "Distributed"} {
		out, err := s.client.Send(t.Context(), url.Values{}, []byte("SELECT engine FROM system.tables WHERE database = 'strata' AND name = '"+table+"'"))
		require.NoError(t, err)
		require.Equal(t, want, strings.TrimSpace(string(out)), table)
	}
	out, err := s.client.Send(t.Context(), url.Values{}, []byte("SELECT count() FROM strata.otel_logs_local"))
	require.NoError(t, err)
	require.Equal(t, "10", strings.TrimSpace(string(out)))

	cfg := Default()
	cfg.Cluster, cfg.URL = "elsewhere", "http://engine"
	_, err = openDialled(cfg, Options{Dial: sup.DialContext, unreplicated: true})
	require.ErrorContains(t, err, `knows no cluster "elsewhere"`)
	require.NotErrorIs(t, err, storage.ErrUnavailable, "waiting does not help")

	// Opening again sends no statement to the cluster, so that a node that is away keeps no process from starting.
	cfg.Cluster = "shop"
	again, err := openDialled(cfg, Options{Dial: sup.DialContext})
	require.NoError(t, err, "replicated this time: any CREATE would fail without a Keeper")
	require.NoError(t, again.Close())
}

var errNoDial = errors.New("nobody there")

func TestClusterWithoutServer(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	cfg := Default()
	cfg.Cluster, cfg.URL = "shop", "http://engine"
	_, err := Open(ctx, cfg, Options{dialServer: true, Dial: func(context.Context, string, string) (net.Conn, error) { return nil, errNoDial }})
	require.ErrorIs(t, err, storage.ErrUnavailable)
}

func killEngine(t *testing.T, sup *supervise.Supervisor) {
	t.Helper()
	pid := sup.State().PID
	if pid == 0 {
		return // It is down already, and kill(0) would be the test itself.
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		t.Errorf("kill %d: %v", pid, err)
	}
}
