// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/strata-apm/strata/internal/demo"
)

// startAgent starts the agent for this host against s.
func startAgent(t *testing.T, s *server) {
	t.Helper()
	dir := t.TempDir()
	cfg := filepath.Join(dir, "agent.yaml")
	require.NoError(t, os.WriteFile(cfg, []byte("server:\n  endpoint: "+s.run.OTLPGRPC+"\n"), 0o600))
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

// TestPage drives the page in a real browser: the server watches itself, the agent this host, and the shop sends the rest.
func TestPage(t *testing.T) {
	s := start(t)
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

	flows, cancelFlows := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancelFlows()
	cmd := exec.CommandContext(flows, "node", "--test", "--test-concurrency=1", "e2e/flows.e2e.mjs")
	cmd.Dir = filepath.Join("..", "..", "web", "ui")
	cmd.Env = append(os.Environ(), "STRATA_URL="+s.url(""))
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
}
