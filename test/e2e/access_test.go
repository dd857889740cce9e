// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

func (s *server) createKey(t *testing.T, scope, name string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program(t, "strata"), "key", "create", "--data-dir", s.dir, "--scope", scope, "--name", name)
	cmd.Env = append(os.Environ(), s.env...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	return strings.TrimSpace(string(out))
}

// code returns the status of a request with headers, given in pairs; Host sets the request's host.
func (s *server) code(t *testing.T, method, path string, header ...string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.url(path), nil)
	require.NoError(t, err)
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
			continue
		}
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	_, _ = io.Copy(io.Discard, resp.Body)
	require.NoError(t, resp.Body.Close())
	return resp.StatusCode
}

// TestOpenOnLoopbackOnlyForThisMachinesOwnRequests is row 77 and the defence against DNS rebinding.
func TestOpenOnLoopbackOnlyForThisMachinesOwnRequests(t *testing.T) {
	t.Parallel()
	s := start(t, quiet()...)
	require.Equal(t, 200, s.code(t, "GET", "/api/v1/services"))
	require.Equal(t, 401, s.code(t, "GET", "/api/v1/services", "Host", "evil.example"))
	require.Equal(t, 401, s.code(t, "GET", "/api/v1/services", "Origin", "http://evil.example"))
	require.Equal(t, 401, s.code(t, "GET", "/metrics", "Host", "evil.example"))
	page, err := s.get("/debug/pprof/")
	require.NoError(t, err)
	require.Contains(t, string(page), "<html", "an address of the page, not a profile")
	require.Equal(t, 200, s.code(t, "GET", "/api/v1/openapi.json"))
	require.Equal(t, 404, s.code(t, "GET", "/api/v1/nothing"))
	for _, path := range []string{"/../../etc/passwd", "/assets/..%2f..%2fgo.mod", "/%2e%2e/run.json"} {
		require.NotEqual(t, 500, s.code(t, "GET", path), path)
	}
}

func TestKeysWhereTheyAreRequired(t *testing.T) {
	t.Parallel()
	env := []string{"STRATA_AUTH_LOCAL=required", "STRATA_SELF_INTERVAL=1s", "STRATA_SELF_ENABLED=true"}
	t.Run("all", func(t *testing.T) { keysAreRequired(t, start(t, env...)) })
	t.Run("spread", func(t *testing.T) { keysAreRequired(t, startSpread(t, 1, env...).server) })
}

func keysAreRequired(t *testing.T, s *server) {
	t.Helper()
	ingest, read := s.createKey(t, "ingest", "shop"), s.createKey(t, "read", "reader")
	require.Equal(t, 401, s.code(t, "GET", "/api/v1/services"))
	require.Equal(t, 401, s.code(t, "GET", "/api/v1/services", "Authorization", "Bearer strata_wrong"))
	require.Equal(t, 403, s.code(t, "GET", "/api/v1/services", "Authorization", "Bearer "+ingest))
	require.Equal(t, 200, s.code(t, "GET", "/api/v1/services", "Authorization", "Bearer "+read))
	require.Equal(t, 403, s.code(t, "DELETE", "/api/v1/keys/x", "Authorization", "Bearer "+read))
	intake := &server{run: running{HTTP: s.writeHTTP}}
	require.Equal(t, 403, intake.code(t, "POST", "/prometheus/api/v1/write", "Authorization", "Bearer "+read))
	require.Equal(t, 401, intake.code(t, "POST", "/v1/opamp"))
	require.Equal(t, 403, intake.code(t, "POST", "/v1/opamp", "Authorization", "Bearer "+read))
	require.Equal(t, 200, intake.code(t, "POST", "/v1/opamp", "Authorization", "Bearer "+ingest, "Content-Type", "application/x-protobuf"))
	require.Equal(t, 403, s.code(t, "GET", "/api/v1/agents", "Authorization", "Bearer "+ingest))
	require.Equal(t, 200, s.code(t, "GET", "/api/v1/agents", "Authorization", "Bearer "+read))
	require.Equal(t, 403, s.code(t, "POST", "/api/v1/rollouts", "Authorization", "Bearer "+read))
	require.Equal(t, 200, s.code(t, "GET", "/-/ready"))

	conn, err := grpc.NewClient(s.run.OTLPGRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	export := func(key string) codes.Code {
		ctx := t.Context()
		if key != "" {
			ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+key)
		}
		_, err := ptraceotlp.NewGRPCClient(conn).Export(ctx, ptraceotlp.NewExportRequestFromTraces(loadTrace(1)))
		return status.Code(err)
	}
	require.Equal(t, codes.Unauthenticated, export(""))
	require.Equal(t, codes.Unauthenticated, export("strata_wrong"))
	require.Equal(t, codes.PermissionDenied, export(read))
	require.Equal(t, codes.OK, export(ingest))

	// The ledger counts by the key's name, and the server's own telemetry comes in without a key of the catalog.
	eventually(t, 20*time.Second, "sources in the ledger", func() error {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url("/api/v1/ledger"), nil)
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+read)
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer func() { _ = resp.Body.Close() }()
		b, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		for _, want := range []string{`"source":"shop"`, `"source":"strata"`} {
			if !strings.Contains(string(b), want) {
				return io.ErrNoProgress
			}
		}
		return nil
	})
	require.NotContains(t, s.log(), ingest)
	require.NotContains(t, s.log(), read)
}

// slowClient never finishes its headers: it is cut off, and others are served meanwhile.
func slowClient(t *testing.T, s *server) {
	t.Helper()
	var conns []net.Conn
	for _, addr := range []string{s.run.HTTP, s.run.OTLPHTTP} {
		conn, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", addr)
		require.NoError(t, err)
		conns = append(conns, conn)
		_, err = io.WriteString(conn, "POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nX: ")
		require.NoError(t, err)
	}
	require.Equal(t, 200, s.code(t, "GET", "/-/ready"))
	require.NoError(t, s.exportTrace(t))
	for _, conn := range conns {
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(20*time.Second)))
		_, err := bufio.NewReader(conn).ReadString('\x00') // Until the server closes.
		require.ErrorIs(t, err, io.EOF)
		require.NoError(t, conn.Close())
	}
}
