// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/strata-apm/strata/internal/demo"
)

// startAgent starts the agent for this host against s.
func startAgent(t *testing.T, s *server) {
	t.Helper()
	dir := t.TempDir()
	cfg := filepath.Join(dir, "agent.yaml")
	require.NoError(t, os.WriteFile(cfg, []byte("server:\n  endpoint: "+s.run.OTLPGRPC+"\nopamp: {endpoint: http://"+s.run.HTTP+"}\n"), 0o600))
	cmd := exec.Command(program(t, "strata-agent"), "--config", cfg, "--state-dir", dir)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("log of the agent:\n%s", out.String())
		}
	})
}

// runFlows runs a file of browser flows against s.
func (s *server) runFlows(t *testing.T, file string, env ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", "--test", "--test-concurrency=1", "e2e/"+file)
	cmd.Dir = filepath.Join("..", "..", "web", "ui")
	cmd.Env = append(append(os.Environ(), "STRATA_URL="+s.url("")), env...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	t.Log(string(out))
}

// largeTrace opens a trace of 100 000 spans in the browser and scrolls it.
func largeTrace(t *testing.T, s *server) {
	t.Helper()
	const requests, each = 100, 1000
	id := pcommon.TraceID{0xbb, 1}
	began := time.Now().Add(-time.Minute)
	for r := range requests {
		td := ptrace.NewTraces()
		rs := td.ResourceSpans().AppendEmpty()
		rs.Resource().Attributes().PutStr("service.name", fmt.Sprintf("part-%d", r%10))
		spans := rs.ScopeSpans().AppendEmpty().Spans()
		for i := range each {
			n := r*each + i
			sp := spans.AppendEmpty()
			sp.SetTraceID(id)
			sp.SetSpanID(spanID(n + 1))
			if n > 0 {
				sp.SetParentSpanID(spanID(n/20 + 1))
			}
			sp.SetName(fmt.Sprintf("step %d", n%50))
			sp.SetStartTimestamp(pcommon.NewTimestampFromTime(began.Add(time.Duration(n) * 100 * time.Microsecond)))
			sp.SetEndTimestamp(pcommon.NewTimestampFromTime(began.Add(time.Duration(n)*100*time.Microsecond + 5*time.Millisecond)))
			sp.Attributes().PutInt("n", int64(n))
		}
		body, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
		require.NoError(t, err)
		resp := s.post(t, "/v1/traces", body)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, 200, resp.StatusCode)
	}
	s.waitStored()
	s.runFlows(t, "large-trace.e2e.mjs", "STRATA_E2E_TRACE="+id.String())
}

func spanID(n int) pcommon.SpanID {
	var id pcommon.SpanID
	binary.BigEndian.PutUint64(id[:], uint64(n))
	return id
}

// TestPage drives the page in a real browser: the server watches itself, the agent this host, and the shop sends the rest.
func TestPage(t *testing.T) {
	t.Parallel()
	t.Run("all", func(t *testing.T) { pageFlows(t, start(t)) })
	if long() {
		t.Run("spread", func(t *testing.T) { pageFlows(t, startSpread(t, 2, "STRATA_SELF_ENABLED=true").server) })
	}
}

func pageFlows(t *testing.T, s *server) {
	t.Helper()
	startAgent(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = demo.Run(ctx, demo.Options{Endpoint: s.run.OTLPGRPC, Rate: 10, Seed: 7, MetricInterval: 2 * time.Second, Incidents: []demo.Incident{{Name: "error-burst"}}})
	}()
	defer func() {
		cancel()
		<-done
	}()
	// A service whose name is an attack must be shown as text.
	td := loadTrace(1)
	td.ResourceSpans().At(0).Resource().Attributes().PutStr("service.name", `<img src=x onerror=alert(1)>`)
	body, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	require.NoError(t, err)
	require.NoError(t, s.post(t, "/v1/traces", body).Body.Close())

	s.runFlows(t, "flows.e2e.mjs")
}
