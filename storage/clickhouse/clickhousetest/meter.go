// SPDX-License-Identifier: Apache-2.0

package clickhousetest

import (
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage/clickhouse/client"
	"github.com/strata-apm/strata/storage/clickhouse/engine/supervise"
)

// Rows is how many rows a batch of a benchmark has.
const Rows = 50_000

// Meter reports work per CPU-second of this process and the engine, merges included, and what is on disk.
type Meter struct {
	b           *testing.B
	client      *client.Client
	sup         *supervise.Supervisor
	self, child time.Duration
}

// StartMeter resets the benchmark's timer and measures from now on.
func StartMeter(b *testing.B, c *client.Client, sup *supervise.Supervisor) *Meter {
	b.Helper()
	self, child := CPU(b, sup.State().PID)
	b.ResetTimer()
	return &Meter{b, c, sup, self, child}
}

// Report ends the measurement, waits until the engine has merged its parts, and reports rows with their bytes in the tables like table.
func (m *Meter) Report(rows, bytes int, table string) {
	m.b.StopTimer()
	self, _ := CPU(m.b, m.sup.State().PID)
	for deadline := time.Now().Add(time.Minute); m.ask("SELECT count() FROM system.merges") != "0" && time.Now().Before(deadline); {
		time.Sleep(100 * time.Millisecond)
	}
	_, child := CPU(m.b, m.sup.State().PID)
	seconds := (self - m.self + child - m.child).Seconds()
	disk, err := strconv.ParseFloat(m.ask("SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND table LIKE '"+table+"'"), 64)
	require.NoError(m.b, err)
	m.b.ReportMetric(float64(rows)/seconds, "rows/cpu-s")
	m.b.ReportMetric(float64(bytes)/1e6/seconds, "MB/cpu-s")
	m.b.ReportMetric(disk/float64(rows), "disk-B/row")
	m.b.ReportMetric((self-m.self).Seconds()*1e9/float64(rows), "own-ns/row")
}

func (m *Meter) ask(query string) string {
	m.b.Helper()
	out, err := m.client.Send(m.b.Context(), url.Values{"database": {m.client.Database()}}, []byte(query))
	require.NoError(m.b, err)
	return strings.TrimSpace(string(out))
}

// CPU returns the CPU time that this process and the process pid, an engine, have used.
func CPU(tb testing.TB, pid int) (self, child time.Duration) {
	tb.Helper()
	var ru syscall.Rusage
	require.NoError(tb, syscall.Getrusage(syscall.RUSAGE_SELF, &ru))
	self = time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	require.NoError(tb, err)
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	utime, err := strconv.Atoi(fields[11])
	require.NoError(tb, err)
	stime, err := strconv.Atoi(fields[12])
	require.NoError(tb, err)
	return self, time.Duration(utime+stime) * 10 * time.Millisecond
}
