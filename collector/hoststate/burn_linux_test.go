// SPDX-License-Identifier: Apache-2.0

package hoststate

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// burn runs a program that uses CPU in the control group until the test ends, and removes the group then.
func burn(t *testing.T, dir string) {
	t.Helper()
	group, err := os.Open(dir)
	require.NoError(t, err)
	cmd := exec.Command("sh", "-c", "ulimit -t 30; while :; do :; done")
	cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(group.Fd())}
	require.NoError(t, cmd.Start())
	require.NoError(t, group.Close())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		require.Eventually(t, func() bool { return os.Remove(dir) == nil }, 5*time.Second, 10*time.Millisecond)
	})
}

// cpuOf adds up the CPU time of the container.
func cpuOf(md pmetric.Metrics, id string) float64 {
	total := 0.0
	for _, rm := range md.ResourceMetrics().All() {
		for _, m := range rm.ScopeMetrics().At(0).Metrics().All() {
			if m.Name() != "container.cpu.time" {
				continue
			}
			for _, dp := range m.Sum().DataPoints().All() {
				if v, _ := dp.Attributes().Get("container.id"); v.Str() == id {
					total += dp.DoubleValue()
				}
			}
		}
	}
	return total
}
