// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/clickhousetest"
	"github.com/strata-apm/strata/storage/clickhouse/schema"
	"github.com/strata-apm/strata/storage/storagetest"
	"github.com/strata-apm/strata/tenant"
)

func TestOpenAgain(t *testing.T) {
	s, sup := openStore(t)
	ld, _ := clickhousetest.NewGenerator().Logs(100)
	_, err := s.AppendLogs(t.Context(), "a", storagetest.Requests(t, tenant.Default, ld))
	require.NoError(t, err)

	cfg := Default()
	cfg.Retention.Logs = 0
	cfg.Retention.Traces = 48 * time.Hour
	again, err := Open(t.Context(), cfg, Options{Dial: sup.DialContext})
	require.NoError(t, err)
	defer func() { _ = again.Close() }()
	require.NoError(t, again.Ping(t.Context()))
	for table, want := range map[string]string{"otel_logs": "", "otel_traces": "TTL toDateTime(Timestamp) + toIntervalSecond(172800)", "otel_traces_trace_id_ts": "toIntervalSecond(172800)"} {
		got := ""
		require.NoError(t, again.client.Each(t.Context(), "x", "SELECT create_table_query FROM system.tables WHERE name = '"+table+"'", nil, func(scan func(...any) error) error { return scan(&got) }))
		if want == "" {
			require.NotContains(t, got, " TTL ")
			continue
		}
		require.Contains(t, got, want)
		require.Contains(t, got, "fsync_after_insert = 1")
	}
	// Every migration can be run on a database that has it already, as after a crash before its record was written.
	m := schema.New(again.client, schema.Options{})
	require.NoError(t, again.client.Exec(t.Context(), "TRUNCATE TABLE "+again.client.Database()+".strata_migrations"))
	require.NoError(t, m.Migrate(t.Context()))
	page, err := again.SearchLogs(t.Context(), storage.LogSearch{Selection: storage.Selection{Tenant: tenant.Default, Range: storage.TimeRange{Start: time.Now().Add(-24 * time.Hour), End: time.Now()}}, Limit: 200})
	require.NoError(t, err)
	require.Len(t, page.Logs, 100)
}

func TestOpenWithoutServer(t *testing.T) {
	// The second attempt never gets an answer and is cut short; what the first one met is still said.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	attempts := 0
	_, err := Open(ctx, Default(), Options{Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		if attempts++; attempts > 1 {
			cancel()
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return nil, errors.New("nobody there")
	}})
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, storage.ErrUnavailable)
	require.ErrorContains(t, err, "nobody there")
}

// TestOpenOfSilentServer: a server that takes connections and answers nothing is waited for as long as the context allows, not for ever.
func TestOpenOfSilentServer(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := Open(ctx, Default(), Options{Dial: func(context.Context, string, string) (net.Conn, error) {
		near, end := net.Pipe()
		go func() { _, _ = io.Copy(io.Discard, end) }()
		t.Cleanup(func() { _ = end.Close() })
		return near, nil
	}})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorIs(t, err, storage.ErrUnavailable)
}
