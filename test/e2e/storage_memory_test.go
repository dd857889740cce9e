// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
)

// memoryGroup makes a cgroup with a bound on memory, of version 2 or 1, and returns its directory. It needs root.
func memoryGroup(t *testing.T, limit int64) string {
	t.Helper()
	name := "strata-e2e-" + strconv.Itoa(os.Getpid())
	for root, file := range map[string]string{"/sys/fs/cgroup": "memory.max", "/sys/fs/cgroup/memory": "memory.limit_in_bytes"} {
		dir := filepath.Join(root, name)
		if _, err := os.Stat(filepath.Join(root, "cgroup.procs")); err != nil { // No cgroup: version 1 has a plain folder there.
			continue
		}
		if os.Mkdir(dir, 0o755) != nil {
			continue
		}
		t.Cleanup(func() {
			eventually(t, 5*time.Second, "the processes in the group end", func() error { return os.Remove(dir) })
		})
		if os.WriteFile(filepath.Join(dir, file), []byte(strconv.FormatInt(limit, 10)), 0o600) == nil {
			return dir
		}
	}
	t.Fatal("make a cgroup with a bound on memory, which needs root and a memory controller; run the tests as root")
	return ""
}

// killsIn is how many processes the kernel killed in the group for want of memory.
func killsIn(t *testing.T, group string) string {
	t.Helper()
	for _, name := range []string{"memory.events", "memory.oom_control"} {
		b, err := os.ReadFile(filepath.Join(group, name))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(b)) {
			if n, ok := strings.CutPrefix(line, "oom_kill "); ok {
				return strings.TrimSpace(n)
			}
		}
	}
	t.Fatal("the group does not say what was killed")
	return ""
}

// startIn starts a server whose processes are in the group from the beginning.
func startIn(t *testing.T, group string, env ...string) *server {
	t.Helper()
	s := &server{t: t, role: "all", dir: t.TempDir(), env: env, logs: &bytes.Buffer{}}
	s.cmd = exec.Command("sh", "-c", "echo $$ > "+filepath.Join(group, "cgroup.procs")+"; exec \"$@\"", "sh", program(t, "strata"), "all",
		"--data-dir", s.dir, "--http-listen", "127.0.0.1:0", "--otlp-grpc-listen", "127.0.0.1:0", "--otlp-http-listen", "127.0.0.1:0")
	s.cmd.Env = append(os.Environ(), env...)
	s.cmd.Stdout, s.cmd.Stderr = s, s
	require.NoError(t, s.cmd.Start())
	s.done = make(chan error, 1)
	go func() { s.done <- s.cmd.Wait() }()
	t.Cleanup(func() {
		s.kill()
		if t.Failed() {
			log := s.log()
			t.Logf("log:\n%s", log[max(0, len(log)-8000):])
		}
	})
	s.waitReady()
	return s
}

// TestStorageLittleMemory sends more at once than fits into a small cgroup: the server, told how much it may hold, refuses with 429 or 503
// and lives; what it acknowledged is there.
func TestStorageLittleMemory(t *testing.T) {
	group := memoryGroup(t, 768<<20)
	s := startIn(t, group, quiet()...)
	const senders, each = 12, 4
	logs := newSent()
	var mu sync.Mutex
	codes := map[int]int{}
	var wg sync.WaitGroup
	for sender := range senders {
		wg.Go(func() {
			for i := range each {
				seq := sender*each + i
				code, err := s.postHuge(t, seq)
				if err == nil && code != http.StatusOK {
					err = fmt.Errorf("answered %d", code)
				}
				logs.note(seq, err)
				mu.Lock()
				codes[code]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	t.Logf("answers: %v, peak %s", codes, peak(group))
	require.Equal(t, "0", killsIn(t, group), "the kernel killed for want of memory")
	require.Positive(t, codes[http.StatusOK], "nothing was taken")
	require.Positive(t, codes[http.StatusTooManyRequests]+codes[http.StatusServiceUnavailable], "nothing was refused")
	require.Equal(t, senders*each, codes[http.StatusOK]+codes[http.StatusTooManyRequests]+codes[http.StatusServiceUnavailable], "%v", codes)
	s.waitStored()
	got, err := s.readLogs()
	require.NoError(t, err)
	logs.check(t, "log request", got, recordsPerRequest)
	require.Equal(t, "0", killsIn(t, group))
}

func peak(group string) string {
	for _, name := range []string{"memory.peak", "memory.max_usage_in_bytes"} {
		if b, err := os.ReadFile(filepath.Join(group, name)); err == nil {
			return strings.TrimSpace(string(b))
		}
	}
	return "unknown"
}

// postHuge sends a request of some 8 MB.
func (s *server) postHuge(t *testing.T, seq int) (int, error) {
	t.Helper()
	ld := loadLogs(seq)
	text := strings.Repeat(filler(), 4)
	for _, r := range ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
		for i := range 100 {
			r.Attributes().PutStr("filler"+strconv.Itoa(i), text)
		}
	}
	body, err := plogotlp.NewExportRequestFromLogs(ld).MarshalProto()
	require.NoError(t, err)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.run.OTLPHTTP+"/v1/logs", bytes.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-protobuf")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK && resp.Header.Get("Retry-After") == "" {
		t.Errorf("refused with %d and no Retry-After", resp.StatusCode)
	}
	return resp.StatusCode, nil
}
