// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
	promstorage "github.com/prometheus/prometheus/storage"
	"github.com/stretchr/testify/require"
)

// promtool is Prometheus's own tool; the Makefile fetches it.
func promtool(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("STRATA_TEST_BIN"); dir != "" {
		if path := filepath.Join(dir, "promtool"); exec.Command(path, "--version").Run() == nil {
			return path
		}
	}
	path, err := exec.LookPath("promtool")
	require.NoError(t, err, "this test needs promtool: run `make bin/promtool`, or install Debian's package prometheus")
	return path
}

// TestBlocksAreReadByPromtool: blocks stay standard Prometheus blocks, which Thanos and every other tool for them read.
func TestBlocksAreReadByPromtool(t *testing.T) {
	tool := promtool(t)
	dir := filepath.Join(t.TempDir(), "metrics")
	cfg := DefaultConfig()
	cfg.OutOfOrderWindow = 0
	s, err := Open(dir, cfg, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	require.NoError(t, err)
	const series = 20
	end := time.Now().Truncate(2 * time.Hour)
	for at := end.Add(-8 * time.Hour); at.Before(end); at = at.Add(time.Minute) {
		app := s.AppenderV2(t.Context())
		for i := range series {
			ls := labels.FromStrings("__name__", "block_sample", "i", strconv.Itoa(i))
			_, err := app.Append(0, ls, 0, at.UnixMilli(), float64(i), nil, nil, promstorage.AOptions{})
			require.NoError(t, err)
		}
		require.NoError(t, app.Commit())
	}
	require.NoError(t, s.DB().Compact(t.Context()))
	blocks := s.DB().Blocks()
	require.GreaterOrEqual(t, len(blocks), 2)
	id := blocks[0].Meta().ULID.String()
	require.NoError(t, s.Close())

	out, err := exec.CommandContext(t.Context(), tool, "tsdb", "list", dir).CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), id)
	out, err = exec.CommandContext(t.Context(), tool, "tsdb", "analyze", dir, id).CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), fmt.Sprintf("Series: %d\n", series))
	require.Contains(t, string(out), "block_sample")
}
