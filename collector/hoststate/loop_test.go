// SPDX-License-Identifier: Apache-2.0

package hoststate

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/receiver"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func settings() (receiver.Settings, *observer.ObservedLogs) {
	core, logged := observer.New(zap.InfoLevel)
	return receiver.Settings{ID: component.MustNewID(Type), TelemetrySettings: component.TelemetrySettings{Logger: zap.New(core)}}, logged
}

// TestReceiver: the host's state comes without anything being configured, and the stop ends it.
func TestReceiver(t *testing.T) {
	factory, err := NewFactory()
	require.NoError(t, err)
	cfg := factory.CreateDefaultConfig().(*Config)
	require.Equal(t, &Config{Interval: 10 * time.Second}, cfg)
	cfg.Systemd, cfg.Containers = SystemdConfig{Enabled: true, MaxUnits: 5}, ContainersConfig{Enabled: true, Max: 5}
	var sink consumertest.MetricsSink
	set, _ := settings()
	r, err := factory.CreateMetrics(t.Context(), set, cfg, &sink)
	require.NoError(t, err)
	require.NoError(t, r.Shutdown(t.Context()), "never started")
	require.NoError(t, r.Start(t.Context(), componenttest.NewNopHost()))
	require.Eventually(t, func() bool { return sink.DataPointCount() > 0 }, 10*time.Second, 10*time.Millisecond)
	require.NoError(t, r.Shutdown(t.Context()))
	got := values(t, sink.AllMetrics()[0])
	require.NotEmpty(t, got)
}

// TestLoop: a source is scraped after a second and then at each interval; an error is told when it is new, and the data beside it are sent.
func TestLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		settings, logged := settings()
		var refuse atomic.Bool
		sent := 0
		next, err := consumer.NewMetrics(func(context.Context, pmetric.Metrics) error {
			sent++
			if refuse.Load() {
				return errors.New("full")
			}
			return nil
		})
		require.NoError(t, err)
		h := &host{cfg: Config{Interval: 10 * time.Second}, next: next, logger: settings.Logger}
		var mu sync.Mutex
		set := func(change func()) { mu.Lock(); defer mu.Unlock(); change() }
		var at []time.Duration
		var fails error
		points, closed := 1, false
		begin := time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		h.loop(ctx, func(_ context.Context, now time.Time) (pmetric.Metrics, error) {
			mu.Lock()
			defer mu.Unlock()
			at = append(at, time.Since(begin))
			md, b := newBuilder(now)
			if points > 0 {
				b.sum("x", "1", "", false)(1)
			}
			return md, fails
		}, func() { closed = true })
		wait := func(d time.Duration) { time.Sleep(d); synctest.Wait() } // The clock of the bubble.
		wait(22 * time.Second)
		require.Equal(t, []time.Duration{time.Second, 11 * time.Second, 21 * time.Second}, at)
		require.Equal(t, 3, sent)
		set(func() { fails = errors.New("one") })
		wait(30 * time.Second)
		require.Equal(t, 1, logged.FilterMessage("a part of the host's state is not read").Len(), "the same error is told once")
		require.Equal(t, 6, sent)
		set(func() { fails, points = errors.New("another"), 0 })
		wait(10 * time.Second)
		require.Equal(t, 2, logged.FilterMessage("a part of the host's state is not read").Len())
		require.Equal(t, 6, sent, "nothing is not sent")
		set(func() { fails, points = nil, 1 })
		refuse.Store(true)
		wait(10 * time.Second)
		require.Equal(t, 1, logged.FilterMessage("host metrics not queued").Len())
		cancel()
		h.wg.Wait()
		require.True(t, closed)
	})
}

// files writes files below a folder.
func files(t *testing.T, all map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range all {
		path := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	return root
}

// TestCounters: names and values come in pairs of lines; a value that is no number or has no name is left out.
func TestCounters(t *testing.T) {
	root := files(t, map[string]string{
		"snmp":    "Ip: A B\nIp: 1 2\nTcp: A B C\nTcp: 3 x 5 7\nTcp: A\nTcp: 9\n",
		"heading": "Tcp: A B\n", "empty": "", "sockstat": "sockets: used 9\nTCP: inuse 5 orphan x tw 3 mem\nUDP: inuse 1\n",
	})
	at := func(name string) string { return filepath.Join(root, name) }
	require.Equal(t, map[string]int64{"A": 3, "C": 5}, counters(at("snmp"), "Tcp"))
	require.Equal(t, map[string]int64{"A": 1, "B": 2}, counters(at("snmp"), "Ip"))
	require.Equal(t, map[string]int64{"inuse": 5, "tw": 3}, sockstat(at("sockstat"), "TCP"))
	for _, name := range []string{"heading", "empty", "nonexistent"} {
		require.Nil(t, counters(at(name), "Tcp"), name)
		require.Nil(t, sockstat(at(name), "TCP"), name)
	}
}

// TestMounts: file systems on disks, each device once, a bound number of them, read from our own table where the first process' is hidden.
func TestMounts(t *testing.T) {
	many := make([]string, 0, maxMounts+5)
	for i := range maxMounts + 5 {
		many = append(many, strings.ReplaceAll("1 0 8:N / /mN rw - xfs /dev/N rw", "N", string(rune('A'+i))))
	}
	require.Len(t, mounts(files(t, map[string]string{"proc/1/mountinfo": strings.Join(many, "\n")})), maxMounts)
	root := files(t, map[string]string{
		"proc/self/mountinfo": "1 0 253:0 / / rw shared:1 - ext4 /dev/mapper/vg-root rw\n2 1 8:1 / /a\\134b\\011c ro - btrfs /dev/sda1 rw\nbroken\n3 1 8:2 / /x rw - tmpfs tmpfs rw\n4 1 8:3 / - ext4\n",
		"dev/dm-0":            "", "sys/fs/ext4/dm-0/errors_count": "7\n",
	})
	require.NoError(t, os.MkdirAll(filepath.Join(root, "dev/mapper"), 0o700))
	require.NoError(t, os.Symlink("../dm-0", filepath.Join(root, "dev/mapper/vg-root")))
	require.Equal(t, []mount{
		{device: "/dev/mapper/vg-root", point: "/", typ: "ext4", errors: 7},
		{device: "/dev/sda1", point: "/a\\b\tc", typ: "btrfs", errors: -1, mountedReadOnly: true},
	}, mounts(root))
	require.Nil(t, mounts(t.TempDir()))
	require.Equal(t, int64(-1), fsErrors(files(t, map[string]string{"sys/fs/ext4/sda1/errors_count": "many"}), "ext4", "/dev/sda1"))
}

// TestControllers: files of a control group that are missing or say max are no values.
func TestControllers(t *testing.T) {
	root := files(t, map[string]string{
		"cpu.stat": "usage_usec 5\nbroken\nuser_usec x\nsystem_usec 2\n", "memory.max": "max\n", "pids.current": " 7\n", "io.stat": "8:0 rbytes=1 wbytes=2\n8:16 rbytes=10 wbytes=x rios=5\n",
	})
	require.Equal(t, map[string]int64{"usage_usec": 5, "system_usec": 2}, keyed(root, "cpu.stat"))
	require.Nil(t, keyed(root, "nonexistent"))
	n, ok := single(root, "pids.current")
	require.True(t, ok)
	require.Equal(t, int64(7), n)
	for _, name := range []string{"memory.max", "nonexistent"} {
		_, ok = single(root, name)
		require.False(t, ok, name)
	}
	read, written, ok := diskBytes(root)
	require.True(t, ok)
	require.Equal(t, [2]int64{11, 2}, [2]int64{read, written})
	_, _, ok = diskBytes(filepath.Join(root, "none"))
	require.False(t, ok)
}

func TestNames(t *testing.T) {
	for text, want := range map[string]string{"": "", "a": "a", `a\x2db`: "a-b", `\x2d\x2d`: "--", `a\xzzb`: `a\xzzb`, `a\x2`: `a\x2`, `\x5cx2d`: `\x2d`} {
		require.Equal(t, want, unescapeUnit(text), text)
	}
	require.True(t, isID(strings.Repeat("0f", 32)))
	for _, id := range []string{"", strings.Repeat("0f", 31), strings.Repeat("0g", 32), strings.Repeat("0f", 33)} {
		require.False(t, isID(id), id)
	}
	require.Equal(t, "a b\tc\nd\\", unescape(`a\040b\011c\012d\134`))
}

// TestGroups: the walk ends at services and at a depth, and goes into a user's service manager.
func TestGroups(t *testing.T) {
	id := strings.Repeat("0f", 32)
	root := files(t, map[string]string{
		"system.slice/docker-" + id + ".scope/x": "", "system.slice/app.service/docker-" + id + ".scope/x": "", "user.slice/user@1.service/libpod-" + id + ".scope/x": "",
		strings.Repeat("a/", maxDepth+1) + "docker-" + id + ".scope/x": "", "plain/x": "", "file.slice": "",
	})
	found, slices := groups(root)
	require.ElementsMatch(t, []string{"system.slice", "user.slice"}, slices)
	var runtimes []string
	for _, c := range found {
		runtimes = append(runtimes, c.runtime)
		require.Equal(t, id, c.id)
	}
	require.ElementsMatch(t, []string{"docker", "podman"}, runtimes)
	found, slices = groups(filepath.Join(root, "none"))
	require.Empty(t, found)
	require.Empty(t, slices)
	require.Empty(t, cgroupMount(root))
	hybrid := files(t, map[string]string{"sys/fs/cgroup/unified/cgroup.controllers": ""})
	require.Equal(t, filepath.Join(hybrid, "sys/fs/cgroup/unified"), cgroupMount(hybrid))
}
