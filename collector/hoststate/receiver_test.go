// SPDX-License-Identifier: Apache-2.0

package hoststate

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

func values(t *testing.T, md pmetric.Metrics) map[string]float64 {
	t.Helper()
	out := map[string]float64{}
	for _, m := range md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
		points := pmetric.NewNumberDataPointSlice()
		if m.Type() == pmetric.MetricTypeGauge {
			m.Gauge().DataPoints().CopyTo(points)
		} else {
			m.Sum().DataPoints().CopyTo(points)
		}
		for _, dp := range points.All() {
			parts := []string{m.Name()}
			for _, a := range []string{
				"network.connection.state", "direction", "type", "mountpoint", "mode", "cpu.mode",
				"disk.io.direction", "container.runtime", "cgroup.name", "systemd.unit.name", "systemd.unit.active_state",
			} {
				if v, ok := dp.Attributes().Get(a); ok {
					parts = append(parts, v.Str())
				}
			}
			key := strings.Join(parts, " ")
			if dp.ValueType() == pmetric.NumberDataPointValueTypeInt {
				out[key] = float64(dp.IntValue())
			} else {
				out[key] = dp.DoubleValue()
			}
		}
	}
	return out
}

// TestScrapeFixture reads a tree as another host's kernel shows it: a root that failed, a data disk with errors, a mount that is read-only on purpose.
func TestScrapeFixture(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"proc/net/snmp": "Ip: Forwarding\nIp: 1\nTcp: RtoAlgorithm ActiveOpens PassiveOpens AttemptFails EstabResets CurrEstab InSegs OutSegs RetransSegs\n" +
			"Tcp: 1 10 20 3 4 57 100 200 5\n",
		"proc/net/sockstat": "sockets: used 9\nTCP: inuse 5 orphan 1 tw 33 alloc 8 mem 2\n",
		"proc/net/netstat":  "TcpExt: SyncookiesSent ListenOverflows ListenDrops\nTcpExt: 0 6 7\nIpExt: A\nIpExt: 1\n",
		"proc/1/mountinfo": "1 0 8:1 / / rw,relatime - ext4 /dev/sda1 ro,errors=remount-ro\n" +
			"2 1 8:2 / /data\\040one rw - ext4 /dev/sdb1 rw\n" +
			"3 1 8:2 / /bind rw - ext4 /dev/sdb1 rw\n" +
			"4 1 8:3 / /mnt ro - xfs /dev/sdc1 rw\n" +
			"5 1 0:9 / /proc rw - proc proc rw\n",
		"sys/fs/ext4/sda1/errors_count": "3\n",
		"sys/fs/ext4/sdb1/errors_count": "0\n",
	} {
		path := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o750))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	states := map[string]int64{"close_wait": 7, "listen": 4, "syn_received": 0}
	got := values(t, scrape(root, func() (map[string]int64, error) { return states, nil }, time.Now()))
	for key, want := range map[string]float64{
		"system.network.connection.count established": 50, "system.network.connection.count close_wait": 7, "system.network.connection.count listen": 4,
		"system.network.connection.count syn_received": 0, "system.network.connection.count time_wait": 33, "system.network.tcp.orphans": 1,
		"system.network.tcp.memory.usage": 8192, "system.network.tcp.opened active": 10, "system.network.tcp.opened passive": 20,
		"system.network.tcp.segments": 200, "system.network.tcp.retransmissions": 5, "system.network.tcp.failures attempt": 3,
		"system.network.tcp.failures reset": 4, "system.network.tcp.failures listen_overflow": 6, "system.network.tcp.failures listen_drop": 7,
		"system.filesystem.read_only ext4 / rw": 1, "system.filesystem.read_only ext4 /data one rw": 0, "system.filesystem.read_only xfs /mnt ro": 1,
		"system.filesystem.errors /": 3, "system.filesystem.errors /data one": 0,
	} {
		v, ok := got[key]
		require.True(t, ok, "%s is missing in %v", key, got)
		require.InDelta(t, want, v, 0, key)
	}
	require.NotContains(t, got, "system.filesystem.read_only ext4 /bind rw", "a device is told once")
	got = values(t, scrape(root, func() (map[string]int64, error) { return nil, errors.ErrUnsupported }, time.Now()))
	require.InDelta(t, 57, got["system.network.connection.count established"], 0, "what /proc knows stays without the rest")
}

// TestScrapeHere reads the real kernel.
func TestScrapeHere(t *testing.T) {
	got := values(t, scrape("", tcpStates, time.Now()))
	require.Contains(t, got, "system.network.connection.count established")
	require.Contains(t, got, "system.clock.synchronized")
	require.Less(t, got["system.clock.offset"], 1e6)
	require.Empty(t, values(t, scrape(t.TempDir(), tcpStates, time.Now()))["system.network.tcp.segments"], "an empty tree has nothing")
}
