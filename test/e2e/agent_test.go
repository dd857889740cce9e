// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// agent is one agent's state directory and configuration; its process can be killed and started again.
type agent struct {
	t     *testing.T
	state string
	cmd   *exec.Cmd
}

func newAgent(t *testing.T, config string) *agent {
	t.Helper()
	a := &agent{t: t, state: t.TempDir()}
	require.NoError(t, os.WriteFile(filepath.Join(a.state, "agent.yaml"), []byte(config), 0o600))
	t.Cleanup(a.kill)
	return a
}

func (a *agent) start() {
	a.t.Helper()
	log, err := os.OpenFile(filepath.Join(a.state, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(a.t, err)
	a.cmd = exec.Command(program(a.t, "strata-agent"), "--config", filepath.Join(a.state, "agent.yaml"), "--state-dir", a.state)
	a.cmd.Stdout, a.cmd.Stderr = log, log
	require.NoError(a.t, a.cmd.Start())
	require.NoError(a.t, log.Close())
}

func (a *agent) kill() {
	if a.cmd == nil {
		return
	}
	_ = a.cmd.Process.Kill()
	_ = a.cmd.Wait()
	a.cmd = nil
	if a.t.Failed() {
		b, _ := os.ReadFile(filepath.Join(a.state, "log"))
		a.t.Logf("log of the agent:\n%s", b[max(0, len(b)-4000):])
	}
}

func (a *agent) stop() {
	a.t.Helper()
	require.NoError(a.t, a.cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(a.t, a.cmd.Wait())
	a.cmd = nil
}

// lineWriter appends numbered lines to files until it is stopped, and rotates them by name.
type lineWriter struct {
	stop, done chan struct{}
	count      atomic.Int64
}

// perPause is how many lines are written at once.
const perPause = 10

func writeLines(t *testing.T, dir string, pause time.Duration) *lineWriter {
	t.Helper()
	w := &lineWriter{stop: make(chan struct{}), done: make(chan struct{})}
	paths := []string{filepath.Join(dir, "a.log"), filepath.Join(dir, "b.log")}
	files := make([]*os.File, len(paths))
	for i, path := range paths {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		require.NoError(t, err)
		files[i] = f
	}
	go func() {
		defer close(w.done)
		for {
			select {
			case <-w.stop:
				for _, f := range files {
					_ = f.Close()
				}
				return
			case <-time.After(pause):
			}
			for range perPause {
				n := w.count.Add(1)
				_, _ = fmt.Fprintf(files[n%2], "line %07d %x\n", n, rand.Uint64())
			}
		}
	}()
	return w
}

// more waits until n more lines are written.
func (w *lineWriter) more(t *testing.T, n int64) {
	t.Helper()
	n += w.count.Load()
	eventually(t, time.Hour, "lines are written", func() error {
		if got := w.count.Load(); got < n {
			return fmt.Errorf("%d of %d", got, n)
		}
		return nil
	})
}

func (w *lineWriter) finish() int64 {
	close(w.stop)
	<-w.done
	return w.count.Load()
}

// stored reads the numbered lines back and returns how many there are and how many different ones.
func (s *server) storedLines(t *testing.T) (all, different int64) {
	t.Helper()
	seen := map[string]int64{}
	cursor := ""
	for {
		q := url.Values{"query": {`"line"`}, "limit": {"1000"}, "cursor": {cursor}}
		var page struct {
			Logs []struct {
				Body string `json:"body"`
			} `json:"logs"`
			Next string `json:"next_cursor"`
		}
		require.NoError(t, s.getJSON("/api/v1/logs?"+q.Encode(), &page))
		for _, l := range page.Logs {
			seen[l.Body]++
			all++
		}
		if page.Next == "" {
			return all, int64(len(seen))
		}
		cursor = page.Next
	}
}

// resentLogs is the ledger's count of log records that came in a request that had been accepted before.
func (s *server) ledgerLogs(t *testing.T) (accepted, stored, resent int64) {
	t.Helper()
	var answer struct {
		Totals []struct {
			Signal                   string
			Accepted, Stored, Resent int64
		} `json:"totals"`
	}
	require.NoError(t, s.getJSON("/api/v1/ledger", &answer))
	for _, total := range answer.Totals {
		if total.Signal == "logs" {
			return total.Accepted, total.Stored, total.Resent
		}
	}
	return 0, 0, 0
}

// TestAgentKilledUnderLoad: every line is stored once, or the ledger has counted it as sent again.
func TestAgentKilledUnderLoad(t *testing.T) {
	s := start(t, quiet()...)
	for _, protocol := range []string{"grpc", "http"} {
		t.Run(protocol, func(t *testing.T) {
			_, _, resentBefore := s.ledgerLogs(t)
			allBefore, differentBefore := s.storedLines(t)
			endpoint := s.run.OTLPGRPC
			if protocol == "http" {
				endpoint = s.url("")
			}
			dir := t.TempDir()
			a := newAgent(t, fmt.Sprintf("server: {endpoint: %q, protocol: %s}\nhost: {enabled: false}\nlogs: [{include: [%q], start_at: beginning}]\n",
				endpoint, protocol, filepath.Join(dir, "*.log")))
			w := writeLines(t, dir, 3*time.Millisecond)
			n, random := kills(t)
			for range n {
				a.start()
				// From the first moments of the start to the middle of the work.
				w.more(t, random.Int64N(3000))
				a.kill()
			}
			lines := w.finish()
			a.start()
			eventually(t, 60*time.Second, "every line is stored", func() error {
				_, different := s.storedLines(t)
				accepted, stored, _ := s.ledgerLogs(t)
				if different-differentBefore != lines || accepted != stored {
					return fmt.Errorf("%d of %d lines, %d of %d accepted records", different-differentBefore, lines, stored, accepted)
				}
				return nil
			})
			a.stop()
			all, different := s.storedLines(t)
			_, _, resent := s.ledgerLogs(t)
			t.Logf("%d lines, %d kills: %d doubled, %d counted as resent", lines, n, (all-allBefore)-(different-differentBefore), resent-resentBefore)
			require.Equal(t, (all-allBefore)-(different-differentBefore), resent-resentBefore, "what is doubled is counted")
		})
	}
}

// TestAgentServerAway: the server is away while lines are written and the agent is restarted; nothing is lost, nothing doubled.
func TestAgentServerAway(t *testing.T) {
	s := start(t, quiet()...)
	dir := t.TempDir()
	a := newAgent(t, fmt.Sprintf("server: {endpoint: %q, protocol: http}\nhost: {enabled: false}\nlogs: [{include: [%q], start_at: beginning}]\n",
		s.url(""), filepath.Join(dir, "*.log")))
	const pause = 10 * time.Millisecond
	w := writeLines(t, dir, pause)
	a.start()
	eventually(t, 20*time.Second, "lines arrive", func() error {
		if _, n := s.storedLines(t); n == 0 {
			return errors.New("none yet")
		}
		return nil
	})
	s.terminate()
	away := 6 * time.Second
	if long() {
		away = 10 * time.Minute
	}
	w.more(t, perPause*int64(away/2/pause))
	a.stop()
	a.start()
	w.more(t, perPause*int64(away/2/pause))
	s.restart()
	lines := w.finish()
	eventually(t, time.Minute+away, "every line is stored", func() error {
		if _, n := s.storedLines(t); n != lines {
			return fmt.Errorf("%d of %d", n, lines)
		}
		return nil
	})
	a.stop()
	all, different := s.storedLines(t)
	require.Equal(t, different, all, "nothing is doubled")
	b, err := os.ReadFile(filepath.Join(a.state, "log"))
	require.NoError(t, err)
	require.NotContains(t, string(b), "Dropping")
}
