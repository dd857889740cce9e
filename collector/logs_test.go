// SPDX-License-Identifier: Apache-2.0

package collector_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/strata-apm/strata/collector/logs"
	"github.com/strata-apm/strata/collector/otlptest"
)

// logRecords returns the received records in the order they came in.
func logRecords(sink *otlptest.Sink) []plog.LogRecord {
	var out []plog.LogRecord
	for _, ld := range sink.Logs() {
		for _, rl := range ld.ResourceLogs().All() {
			for _, sl := range rl.ScopeLogs().All() {
				for _, lr := range sl.LogRecords().All() {
					out = append(out, lr)
				}
			}
		}
	}
	return out
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	_, err = f.WriteString(text)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

// testLogRecords: without configuration, traces are joined, formats taken apart and secrets masked; a source that is limited is read later.
func (bin agentBinary) testLogRecords(t *testing.T) {
	sink, dir := otlptest.New(t), t.TempDir()
	p := bin.start(t, t.TempDir(), fmt.Sprintf(`
server: {endpoint: %q}
host: {enabled: false, interval: 1s}
middleware: {enabled: false}
logs:
- {include: [%q], start_at: beginning}
- {include: [%q], start_at: beginning, multiline: none, format: none, mask: false, max_records_per_second: 300}
`, sink.Addr, filepath.Join(dir, "*.log"), filepath.Join(dir, "*.plain")))
	started := time.Now()
	const plain = 1000
	var lines strings.Builder
	for i := range plain {
		fmt.Fprintf(&lines, " plain %04d password=x\n", i)
	}
	appendTo(t, filepath.Join(dir, "a.plain"), lines.String())
	const trace = "2026-01-02 10:00:01 ERROR failed\njava.lang.IllegalStateException: no stock\n\tat shop.Cart.add(Cart.java:10)\n"
	// The trace is written in two steps, as a program that flushes does.
	appendTo(t, filepath.Join(dir, "a.log"), trace[:50])
	appendTo(t, filepath.Join(dir, "a.log"), trace[50:]+`{"level":"warn","msg":"login","password":"hunter2","user":"ann"}`+"\n")
	require.Eventually(t, func() bool { return len(logRecords(sink)) >= plain+2 }, 30*time.Second, 50*time.Millisecond)
	require.Greater(t, time.Since(started), 2*time.Second, "300 a second")
	statusFile := filepath.Join(filepath.Dir(p.cmd.Args[2]), "status.json")
	require.Eventually(t, func() bool {
		text, err := os.ReadFile(statusFile)
		return err == nil && regexp.MustCompile(`"masked":1,.*"held_back":[1-9]`).Match(text)
	}, 20*time.Second, 100*time.Millisecond, "what was held back and masked is told")
	require.Eventually(t, func() bool {
		logs, limited := lastValues(sink, "source", filepath.Join(dir, "*.log")), lastValues(sink, "source", filepath.Join(dir, "*.plain"))
		return logs["strata.agent.logs.read"] == 2 && logs["strata.agent.logs.masked"] == 1 && limited["strata.agent.logs.read"] == plain &&
			limited["strata.agent.logs.held_back"] > 0
	}, 20*time.Second, 100*time.Millisecond, "and told as metrics")
	p.stop(t)
	require.Len(t, logRecords(sink), plain+2)
	for _, lr := range logRecords(sink) {
		path, _ := lr.Attributes().Get("log.file.path")
		for _, internal := range []string{"strata.record.head", "log.file.record_offset"} {
			_, there := lr.Attributes().Get(internal)
			require.False(t, there, internal)
		}
		switch body := lr.Body().Str(); {
		case filepath.Ext(path.Str()) == ".plain":
			require.Contains(t, body, "password=x")
		case strings.HasPrefix(body, "2026"):
			require.Equal(t, strings.TrimSpace(trace), body)
			require.Equal(t, plog.SeverityNumberError, lr.SeverityNumber())
		default:
			require.Equal(t, "login", body)
			require.Equal(t, plog.SeverityNumberWarn, lr.SeverityNumber())
			requireAttr(t, lr.Attributes(), "password", "***")
			requireAttr(t, lr.Attributes(), "user", "ann")
		}
	}
}

// lastValues are the last values of the sums that have a point with the attribute, by name.
func lastValues(sink *otlptest.Sink, key, value string) map[string]int64 {
	out := map[string]int64{}
	for _, md := range sink.Metrics() {
		for _, rm := range md.ResourceMetrics().All() {
			for _, sm := range rm.ScopeMetrics().All() {
				for _, m := range sm.Metrics().All() {
					if m.Type() != pmetric.MetricTypeSum {
						continue
					}
					for _, dp := range m.Sum().DataPoints().All() {
						if v, ok := dp.Attributes().Get(key); ok && v.AsString() == value {
							out[m.Name()] = dp.IntValue()
						}
					}
				}
			}
		}
	}
	return out
}

// sourcesOf reads the section logs of a status file, by source.
func sourcesOf(t *testing.T, status []byte) map[string]logs.SourceStatus {
	t.Helper()
	var file struct {
		Board struct {
			Logs []logs.SourceStatus `json:"logs"`
		} `json:"board"`
	}
	require.NoError(t, json.Unmarshal(status, &file))
	out := make(map[string]logs.SourceStatus)
	for _, s := range file.Board.Logs {
		out[s.Source] = s
	}
	return out
}

// testRotation: rotation by move and by copy and truncate while the agent runs, is stopped and is killed; every line once.
func (bin agentBinary) testRotation(t *testing.T) {
	sink, dir, state := otlptest.New(t), t.TempDir(), t.TempDir()
	config := fmt.Sprintf("server: {endpoint: %q}\nhost: {enabled: false}\nlogs: [{include: [%q], start_at: beginning}]\n", sink.Addr, filepath.Join(dir, "*.log*"))
	moved, copied := filepath.Join(dir, "moved.log"), filepath.Join(dir, "copied.log")
	var lines []string
	write := func(n int) {
		for range n {
			for _, path := range []string{moved, copied} {
				line := fmt.Sprintf("2026-01-02 %s %05d", filepath.Base(path), len(lines))
				lines = append(lines, line)
				appendTo(t, path, line+"\n")
			}
		}
	}
	all := func() {
		t.Helper()
		require.Zero(t, requireAll(t, sink, lines))
	}
	write(300)
	p := bin.start(t, state, config)
	all()
	require.NoError(t, os.Rename(moved, moved+".1"))
	require.NoError(t, os.Truncate(copied, 0)) // What was in it has been read.
	write(200)
	all()
	p.stop(t)
	write(50)
	require.NoError(t, os.Rename(moved+".1", moved+".2"))
	require.NoError(t, os.Rename(moved, moved+".1"))
	write(50)
	p = bin.start(t, state, config)
	all()
	p.kill()
	require.NoError(t, os.Rename(moved, moved+".0"))
	write(50)
	p = bin.start(t, state, config)
	// What had arrived and was not yet marked as sent is sent again: the last lines before the kill at the most.
	require.LessOrEqual(t, requireAll(t, sink, lines), 200)
	p.stop(t)
}

// testEdges: the last lines of files that leave the pattern, other encodings and a line without its end arrive, with the configuration's own keys.
func (bin agentBinary) testEdges(t *testing.T) {
	sink, dir := otlptest.New(t), t.TempDir()
	p := bin.start(t, t.TempDir(), fmt.Sprintf(`
server: {endpoint: %q}
host: {enabled: false}
middleware: {enabled: false}
logs:
- {include: [%q], start_at: beginning, rotate_wait: 30s, flush_line: 1s}
- {include: [%q], start_at: beginning, encoding: shift_jis, timezone: Asia/Tokyo}
`, sink.Addr, filepath.Join(dir, "*.log"), filepath.Join(dir, "*.jp")))
	has := func(text string) {
		t.Helper()
		require.Eventually(t, func() bool { return bodies(sink)[text] == 1 }, 20*time.Second, 50*time.Millisecond, text)
	}
	path := filepath.Join(dir, "a.log")
	appendTo(t, path, "first\nsecond\n")
	has("first")
	require.NoError(t, os.Rename(path, path+".1"))
	appendTo(t, path+".1", "  of it\nlate\n")
	appendTo(t, path, "new, no end")
	appendTo(t, filepath.Join(dir, "x.jp"), "\x83\x8d\x83\x4f\n")
	has("late")
	has("new, no end")
	has("ログ")
	require.Len(t, logRecords(sink), 5)
	p.stop(t)
	require.Len(t, logRecords(sink), 5)
}
