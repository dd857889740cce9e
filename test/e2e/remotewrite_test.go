// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRemoteWriteSuite runs Prometheus's own compliance suite for receivers of remote write 2.0 (github.com/prometheus/compliance). It is a module of tests that demands an
// older Prometheus, so it is compiled in a module of its own.
func TestRemoteWriteSuite(t *testing.T) {
	t.Parallel()
	s := start(t, quiet()...)
	dir := t.TempDir()
	config := filepath.Join(dir, "config.yml")
	require.NoError(t, os.WriteFile(config, []byte("remote_write: [{name: strata, url: 'http://"+s.run.HTTP+"/prometheus/api/v1/write'}]\n"), 0o600))
	cmd := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-v", "github.com/prometheus/complicance/remotewrite2")
	cmd.Dir = filepath.Join("peers", "remotewritesuite")
	cmd.Env = append(os.Environ(), "PROMETHEUS_RW2_COMPLIANCE_CONFIG_FILE="+config, "GOFLAGS=-mod=mod")
	out, err := cmd.CombinedOutput()
	text := string(out)
	if err != nil {
		for line := range strings.Lines(text) {
			if strings.Contains(line, "--- FAIL") || strings.Contains(line, "Error") {
				t.Log(strings.TrimSpace(line))
			}
		}
	}
	require.NoError(t, err, text[max(0, len(text)-2000):])
	require.NotContains(t, text, "--- SKIP")
	require.GreaterOrEqual(t, strings.Count(text, "--- PASS"), 456)
}
