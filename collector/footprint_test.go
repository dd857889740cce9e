// SPDX-License-Identifier: Apache-2.0

package collector_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/collector/otlptest"
	"github.com/strata-apm/strata/packs"
)

const (
	// maxResidentKiB is the promise of docs/reference/agent.md for a host at rest with three kinds of middleware; most of it are pages of
	// the program, of which every further kind needs others.
	maxResidentKiB = 60 << 10
	// maxOwnKiB bounds the memory of its own, also while it follows a busy file.
	maxOwnKiB = 24 << 10
)

// allBut returns the kinds of middleware that are not among those given.
func allBut(t *testing.T, kinds ...string) []string {
	t.Helper()
	names, err := packs.Names()
	require.NoError(t, err)
	return slices.DeleteFunc(names, func(name string) bool { return slices.Contains(kinds, name) })
}

// testFootprint measures what the agent takes while it reads the host and follows a busy file. STRATA_FOOTPRINT=2m makes it long
// enough for figures worth writing down.
func (bin agentBinary) testFootprint(t *testing.T) {
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("needs /proc")
	}
	length := 3 * time.Second
	if v := os.Getenv("STRATA_FOOTPRINT"); v != "" {
		var err error
		length, err = time.ParseDuration(v)
		require.NoError(t, err)
	}
	// Beside this test others may run servers of every kind.
	others := strings.Join(allBut(t, "redis", "nginx", "memcached"), ", ")
	for _, pause := range []time.Duration{0, 10 * time.Millisecond} {
		t.Run(fmt.Sprintf("pause=%s", pause), func(t *testing.T) {
			sink, dir := otlptest.New(t), t.TempDir()
			p := bin.start(t, t.TempDir(), fmt.Sprintf("server: {endpoint: %q}\nlogs: [{include: [%q], start_at: beginning}]\nmiddleware: {disable: [%s]}\n",
				sink.Addr, filepath.Join(dir, "*.log"), others))
			p.waitLog(t, "agent started")
			stop := func() []string { return nil }
			if pause > 0 {
				stop = startWriter(t, filepath.Join(dir, "a.log"), pause).finish
			}
			before := cpuTicks(t, p.cmd.Process.Pid)
			ended := func() bool {
				text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
				return err != nil || !strings.Contains(string(text), "RssAnon")
			}
			require.Never(t, ended, length, 250*time.Millisecond, "it runs all the while")
			ticks := cpuTicks(t, p.cmd.Process.Pid) - before
			lines := len(stop())
			anon, file := procStatus(t, p.cmd.Process.Pid, "RssAnon"), procStatus(t, p.cmd.Process.Pid, "RssFile")
			t.Logf("%d lines in %s: resident %d KiB (%d of it memory of its own), CPU %.2f %%",
				lines, length, anon+file, anon, float64(ticks)/length.Seconds())
			if pause == 0 { // It comes to rest some seconds after its start.
				require.Eventually(t, func() bool {
					return procStatus(t, p.cmd.Process.Pid, "RssAnon")+procStatus(t, p.cmd.Process.Pid, "RssFile") < maxResidentKiB
				}, 30*time.Second, 250*time.Millisecond)
			}
			require.Less(t, anon, maxOwnKiB)
			p.stop(t)
		})
	}
}

// cpuTicks is the CPU time used so far in hundredths of a second.
func cpuTicks(t *testing.T, pid int) int {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	require.NoError(t, err)
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+2:]))
	user, err := strconv.Atoi(fields[11])
	require.NoError(t, err)
	system, err := strconv.Atoi(fields[12])
	require.NoError(t, err)
	return user + system
}

func procStatus(t *testing.T, pid int, field string) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	m := regexp.MustCompile(field + `:\s+(\d+) kB`).FindSubmatch(text)
	require.NotNil(t, m)
	n, err := strconv.Atoi(string(m[1]))
	require.NoError(t, err)
	return n
}
