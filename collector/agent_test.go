// SPDX-License-Identifier: Apache-2.0

package collector_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/strata-apm/strata/collector/otlptest"
)

// TestAgent runs the real program as a process of its own.
func TestAgent(t *testing.T) {
	bin := buildAgent(t)
	t.Run("HostMetrics", bin.testHostMetrics)
	t.Run("Kill", bin.testKill)
	t.Run("ServerAway", bin.testServerAway)
	t.Run("OTLP", bin.testOTLP)
	t.Run("Second", bin.testSecond)
	t.Run("MetricsDoc", bin.testMetricsDoc)
	t.Run("LogRecords", bin.testLogRecords)
	t.Run("Syslog", bin.testSyslog)
	t.Run("Rotation", bin.testRotation)
	t.Run("Edges", bin.testEdges)
	t.Run("QueueFull", bin.testQueueFull)
	t.Run("Footprint", bin.testFootprint)
}

// agentBinary is the path of the built agent.
type agentBinary string

func buildAgent(t *testing.T) agentBinary {
	t.Helper()
	if testing.Short() {
		t.Skip("builds and runs the agent")
	}
	bin := filepath.Join(t.TempDir(), "strata-agent")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", bin, "../cmd/strata-agent")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // As the Makefile does.
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	return agentBinary(bin)
}

type agentProcess struct {
	cmd *exec.Cmd
	log *lockedBuffer
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func (bin agentBinary) start(t *testing.T, state, config string) *agentProcess {
	t.Helper()
	path := filepath.Join(state, "agent.yaml")
	require.NoError(t, os.WriteFile(path, []byte(config), 0o600))
	p := &agentProcess{cmd: exec.CommandContext(context.WithoutCancel(t.Context()), string(bin), "--config", path, "--state-dir", state), log: &lockedBuffer{}}
	p.cmd.Stderr, p.cmd.Stdout = p.log, p.log
	require.NoError(t, p.cmd.Start())
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Log(p.log.String())
		}
	})
	return p
}

func (p *agentProcess) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

func (p *agentProcess) stop(t *testing.T) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, p.cmd.Wait(), p.log.String())
}

func (p *agentProcess) waitLog(t *testing.T, text string) {
	t.Helper()
	require.Eventually(t, func() bool { return bytes.Contains([]byte(p.log.String()), []byte(text)) }, 20*time.Second, 20*time.Millisecond, text)
}

// bodies counts the received log records by their text.
func bodies(sink *otlptest.Sink) map[string]int {
	out := make(map[string]int)
	for _, ld := range sink.Logs() {
		for _, rl := range ld.ResourceLogs().All() {
			for _, sl := range rl.ScopeLogs().All() {
				for _, lr := range sl.LogRecords().All() {
					out[lr.Body().Str()]++
				}
			}
		}
	}
	return out
}

// logWriter writes numbered lines of different lengths to a file until it is stopped.
type logWriter struct {
	file    *os.File
	lines   []string
	written atomic.Int64 // lines so far
	stop    chan struct{}
	done    chan struct{}
}

func startWriter(t *testing.T, path string, pause time.Duration) *logWriter {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	w := &logWriter{file: f, stop: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(w.done)
		for {
			select {
			case <-w.stop:
				return
			case <-time.After(pause):
			}
			for range 20 {
				line := fmt.Sprintf("%s line %06d %x", filepath.Base(path), len(w.lines), rand.Uint64())
				w.lines = append(w.lines, line)
				_, _ = fmt.Fprintln(f, line)
			}
			w.written.Store(int64(len(w.lines)))
		}
	}()
	return w
}

// wait waits until so many more lines were written.
func (w *logWriter) wait(t *testing.T, lines int) {
	t.Helper()
	until := w.written.Load() + int64(lines)
	require.Eventually(t, func() bool { return w.written.Load() >= until }, 60*time.Second, 5*time.Millisecond)
}

func (w *logWriter) finish() []string {
	close(w.stop)
	<-w.done
	_ = w.file.Close()
	return w.lines
}

// requireAll waits until every line has arrived and returns how many arrived more than once.
func requireAll(t *testing.T, sink *otlptest.Sink, lines []string) int {
	t.Helper()
	require.Eventually(t, func() bool {
		got := bodies(sink)
		for _, l := range lines {
			if got[l] == 0 {
				return false
			}
		}
		return true
	}, 60*time.Second, 100*time.Millisecond, "lines are missing")
	repeated := 0
	for _, n := range bodies(sink) {
		repeated += n - 1
	}
	return repeated
}

func (bin agentBinary) testHostMetrics(t *testing.T) {
	sink := otlptest.New(t)
	p := bin.start(t, t.TempDir(), fmt.Sprintf(`
server: {endpoint: %q, key: strata_test, compression: gzip}
host: {interval: 1s, process_interval: 1s, process_top: 5}
middleware: {enabled: false}
attributes: {host.name: test-host}
`, sink.Addr))
	want := []string{
		"system.cpu.time", "system.memory.usage", "system.memory.utilization", "system.filesystem.utilization", "system.disk.io",
		"system.network.io", "system.cpu.load_average.1m", "system.processes.count", "process.cpu.time", "process.memory.usage",
	}
	names := make(map[string]bool)
	require.Eventually(t, func() bool {
		for _, md := range sink.Metrics() {
			for _, rm := range md.ResourceMetrics().All() {
				for _, sm := range rm.ScopeMetrics().All() {
					for _, m := range sm.Metrics().All() {
						names[m.Name()] = true
					}
				}
			}
		}
		for _, n := range want {
			if !names[n] {
				return false
			}
		}
		return true
	}, 20*time.Second, 100*time.Millisecond, "metrics are missing: got %v", names)
	p.stop(t)
	require.Equal(t, []string{"Bearer strata_test"}, sink.Header().Get("authorization"))
	for _, md := range sink.Metrics() {
		for _, rm := range md.ResourceMetrics().All() {
			attrs := rm.Resource().Attributes()
			requireAttr(t, attrs, "host.name", "test-host")
			id, _ := attrs.Get("host.id")
			require.NotEmpty(t, id.Str())
			requireAttr(t, attrs, "service.instance.id", id.Str())
			_, service := attrs.Get("service.name")
			require.False(t, service, "a host must not look like a service")
		}
	}
}

func requireAttr(t *testing.T, attrs pcommon.Map, key, want string) {
	t.Helper()
	got, ok := attrs.Get(key)
	require.True(t, ok, key)
	require.Equal(t, want, got.Str())
}

// testKill kills the agent again and again while it follows growing files; every line must arrive.
func (bin agentBinary) testKill(t *testing.T) {
	sink := otlptest.New(t)
	state, dir := t.TempDir(), t.TempDir()
	config := fmt.Sprintf(`
server: {endpoint: %q, compression: none}
host: {enabled: false}
logs: [{include: [%q], start_at: beginning, service: shop}]
`, sink.Addr, filepath.Join(dir, "*.log"))
	a := startWriter(t, filepath.Join(dir, "a.log"), 5*time.Millisecond)
	b := startWriter(t, filepath.Join(dir, "b.log"), 7*time.Millisecond)
	const kills = 6
	for range kills {
		p := bin.start(t, state, config)
		p.waitLog(t, "agent started")
		a.wait(t, 800+rand.IntN(2400))
		p.kill()
	}
	lines := append(a.finish(), b.finish()...)
	p := bin.start(t, state, config)
	repeated := requireAll(t, sink, lines)
	p.stop(t)
	t.Logf("%d lines, %d kills, %d repeated", len(lines), kills, repeated)
	require.Less(t, repeated, len(lines)/2)
	rl := sink.Logs()[0].ResourceLogs().At(0)
	requireAttr(t, rl.Resource().Attributes(), "service.name", "shop")
	_, offset := rl.ScopeLogs().At(0).LogRecords().At(0).Attributes().Get("log.file.record_offset")
	require.False(t, offset, "what the agent needs for itself is not sent")
}

// testServerAway: the server is gone, the agent is stopped and started meanwhile, a wrong key is refused, and nothing is lost.
func (bin agentBinary) testServerAway(t *testing.T) {
	sink := otlptest.New(t)
	state, dir := t.TempDir(), t.TempDir()
	config := fmt.Sprintf(`
server: {endpoint: %q}
host: {enabled: false}
logs: [{include: [%q], start_at: beginning}]
`, sink.Addr, filepath.Join(dir, "*.log"))
	w := startWriter(t, filepath.Join(dir, "a.log"), 20*time.Millisecond)
	p := bin.start(t, state, config)
	p.waitLog(t, "server reachable")
	sink.Stop()
	p.waitLog(t, "server unreachable")
	w.wait(t, 1000)
	p.stop(t)
	require.NotContains(t, p.log.String(), "Dropping")
	p = bin.start(t, state, config)
	p.waitLog(t, "server unreachable")
	sink.Refuse(status.Error(codes.Unauthenticated, "key revoked"))
	sink.Start(t)
	require.Eventually(t, func() bool { return sink.Refused() > 0 }, 40*time.Second, 20*time.Millisecond, "the key is refused")
	sink.Refuse(nil)
	p.waitLog(t, "server reachable again")
	lines := w.finish()
	repeated := requireAll(t, sink, lines)
	p.stop(t)
	t.Logf("%d lines, %d repeated", len(lines), repeated)
	require.NotContains(t, p.log.String(), "Dropping")
}

// testOTLP: what a program sends arrives with the host's identity beside its own.
func (bin agentBinary) testOTLP(t *testing.T) {
	sink := otlptest.New(t)
	free := otlptest.New(t)
	free.Stop() // Its port is free now.
	p := bin.start(t, t.TempDir(), fmt.Sprintf("server: {endpoint: %q}\nhost: {enabled: false}\notlp: {grpc: %q}\n", sink.Addr, free.Addr))
	p.waitLog(t, "agent started")
	conn, err := grpc.NewClient(free.Addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("service.name", "shop")
	rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body().SetStr("hello")
	_, err = plogotlp.NewGRPCClient(conn).Export(t.Context(), plogotlp.NewExportRequestFromLogs(ld), grpc.WaitForReady(true))
	require.NoError(t, err)
	requireAll(t, sink, []string{"hello"})
	attrs := sink.Logs()[0].ResourceLogs().At(0).Resource().Attributes()
	requireAttr(t, attrs, "service.name", "shop")
	host, err := os.Hostname()
	require.NoError(t, err)
	requireAttr(t, attrs, "host.name", host)
	p.stop(t)
}

// testSecond: two agents on one state directory would both send its queue.
func (bin agentBinary) testSecond(t *testing.T) {
	sink := otlptest.New(t)
	state := t.TempDir()
	config := fmt.Sprintf("server: {endpoint: %q}\n", sink.Addr)
	bin.start(t, state, config).waitLog(t, "agent started")
	second := bin.start(t, state, config)
	require.Error(t, second.cmd.Wait())
	require.Contains(t, second.log.String(), "used by another agent")
}

// testQueueFull: with the server away the queue fills up, the files wait, and a stop that cannot end in order loses nothing.
func (bin agentBinary) testQueueFull(t *testing.T) {
	sink := otlptest.New(t)
	state, dir := t.TempDir(), t.TempDir()
	const count = 100_000
	lines := make([]string, count)
	for i := range lines {
		lines[i] = fmt.Sprintf("line %06d of many", i)
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.log"), []byte(strings.Join(lines, "\n")+"\n"), 0o600))
	config := fmt.Sprintf("server: {endpoint: %q}\nhost: {enabled: false}\nqueue: {size_mib: 24}\nlogs: [{include: [%q], start_at: beginning}]\n",
		sink.Addr, filepath.Join(dir, "*.log"))
	sink.Stop()
	p := bin.start(t, state, config)
	p.waitLog(t, "server unreachable")
	queue := filepath.Join(state, "queue", "exporter_otlp_grpc__logs")
	full, still := int64(0), 0
	require.Eventually(t, func() bool { // Full when it has stopped to grow; a busy machine may pause for a second.
		info, err := os.Stat(queue)
		if err != nil || info.Size() != full || full <= 8<<20 {
			still = 0
		} else {
			still++
		}
		if err == nil {
			full = info.Size()
		}
		return still == 3
	}, 60*time.Second, time.Second)
	resident := procStatus(t, p.cmd.Process.Pid, "RssAnon")
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	require.Error(t, p.cmd.Wait(), "it says that it could not end in order")
	require.Contains(t, p.log.String(), "read again at the next start")
	sink.Start(t)
	p = bin.start(t, state, config)
	repeated := requireAll(t, sink, lines)
	p.stop(t)
	t.Logf("%d lines, %d repeated, queue file of %d MiB, %d KiB of own memory while it was full", count, repeated, full>>20, resident)
}
