// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/internal/testutil/pgtest"
)

// agentProcess is a real agent with a state directory of its own.
type agentProcess struct {
	t    *testing.T
	name string
	dir  string
	cmd  *exec.Cmd
	logs bytes.Buffer
	mu   sync.Mutex
}

// Write collects the agent's log.
func (a *agentProcess) Write(b []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.logs.Write(b)
}

func (a *agentProcess) log() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.logs.String()
}

// startMember starts an agent that calls its host name and talks to address; more is added to its file.
func startMember(t *testing.T, s *server, name, address, more string) *agentProcess {
	t.Helper()
	text := fmt.Sprintf("server: {endpoint: %q}\nattributes: {host.name: %s}\n%s\n", s.run.OTLPGRPC, name, more)
	if !strings.Contains(more, "opamp:") {
		text += fmt.Sprintf("opamp: {endpoint: %q}\n", "http://"+address)
	}
	return runAgent(t, name, t.TempDir(), text)
}

// runAgent starts an agent with a configuration file; dir is its state.
func runAgent(t *testing.T, name, dir, config string) *agentProcess {
	t.Helper()
	a := &agentProcess{t: t, name: name, dir: dir}
	require.NoError(t, os.WriteFile(filepath.Join(a.dir, "agent.yaml"), []byte(config), 0o600))
	a.start()
	t.Cleanup(func() {
		a.kill()
		if t.Failed() {
			log := a.log()
			t.Logf("log of agent %s:\n%s", name, log[max(0, len(log)-4000):])
		}
	})
	return a
}

func (a *agentProcess) start() {
	a.t.Helper()
	a.cmd = exec.CommandContext(context.WithoutCancel(a.t.Context()), program(a.t, "strata-agent"), "--config", filepath.Join(a.dir, "agent.yaml"), "--state-dir", a.dir)
	a.cmd.Stdout, a.cmd.Stderr = a, a
	require.NoError(a.t, a.cmd.Start())
}

func (a *agentProcess) kill() {
	if a.cmd != nil {
		_ = a.cmd.Process.Kill()
		_ = a.cmd.Wait()
		a.cmd = nil
	}
}

func (a *agentProcess) status() (string, error) {
	out, err := exec.CommandContext(a.t.Context(), program(a.t, "strata-agent"), "--state-dir", a.dir, "status").CombinedOutput()
	return string(out), err
}

// fleetAgent is an agent as the API shows it.
type fleetAgent struct {
	ID     string `json:"id"`
	Host   string `json:"host"`
	State  string `json:"state"`
	Status struct {
		Volume struct {
			Pipelines map[string]struct {
				PerMinute float64 `json:"per_minute"`
			} `json:"pipelines"`
		} `json:"volume"`
	} `json:"status"`
	Config struct {
		ID      string `json:"id"`
		Status  string `json:"status"`
		Error   string `json:"error"`
		Current bool   `json:"current"`
	} `json:"config"`
}

func (s *server) agent(host string) (fleetAgent, error) {
	var ans struct {
		Agents []fleetAgent `json:"agents"`
	}
	if err := s.getJSON("/api/v1/agents?text="+host, &ans); err != nil {
		return fleetAgent{}, err
	}
	for _, a := range ans.Agents {
		if a.Host == host {
			return a, nil
		}
	}
	return fleetAgent{}, fmt.Errorf("no agent %s", host)
}

func (s *server) waitState(t *testing.T, host, state string, within time.Duration) time.Duration {
	t.Helper()
	began := time.Now()
	eventually(t, within, host+" is "+state, func() error {
		a, err := s.agent(host)
		if err == nil && a.State != state {
			err = errors.New(a.State)
		}
		return err
	})
	return time.Since(began)
}

// pausableProxy passes bytes on until it is paused: then it holds them, as a proxy that hangs does, and accepts what comes.
type pausableProxy struct {
	addr string
	flow sync.RWMutex
}

func startProxy(t *testing.T, to string) *pausableProxy {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &pausableProxy{addr: ln.Addr().String()}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	t.Cleanup(func() { cancel(); _ = ln.Close() })
	go func() {
		for {
			in, err := ln.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				_ = in.Close()
				continue
			}
			context.AfterFunc(ctx, func() { _ = in.Close(); _ = out.Close() })
			go p.pipe(in, out)
			go p.pipe(out, in)
		}
	}()
	return p
}

func (p *pausableProxy) pipe(from, to net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		p.flow.RLock() // Held by pause.
		_, werr := to.Write(buf[:n])
		p.flow.RUnlock()
		if err != nil || werr != nil {
			_ = to.Close()
			return
		}
	}
}

func (p *pausableProxy) pause() (resume func()) {
	p.flow.Lock()
	return p.flow.Unlock
}

// TestAgents: agents that die, hang, or whose proxy hangs are noticed within 30 s with the default heartbeat, and are back when they are.
func TestAgents(t *testing.T) {
	t.Parallel()
	s := start(t, "STRATA_SELF_INTERVAL=1s", "STRATA_ALERTING_EVALUATION_INTERVAL=1s")
	proxy := startProxy(t, s.run.HTTP)
	plain := httptestNoUpgrade(t, s.run.HTTP)
	killed, stopped := startMember(t, s, "killed", s.run.HTTP, ""), startMember(t, s, "stopped", s.run.HTTP, "")
	startMember(t, s, "proxied", proxy.addr, "")
	polling := startMember(t, s, "polling", plain, "")
	left := startMember(t, s, "left", s.run.HTTP, "")
	for _, name := range []string{"killed", "stopped", "proxied", "left"} {
		s.waitState(t, name, "online", 20*time.Second)
	}
	out, err := killed.status()
	require.NoError(t, err, out)
	require.Contains(t, out, "over websocket")

	require.NoError(t, left.cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, left.cmd.Wait())
	left.cmd = nil
	killed.kill()
	require.NoError(t, stopped.cmd.Process.Signal(syscall.SIGSTOP))
	resume := proxy.pause()
	began := time.Now()
	s.waitState(t, "left", "stopped", 10*time.Second)
	for _, name := range []string{"killed", "stopped", "proxied"} {
		s.waitState(t, name, "offline", 30*time.Second-time.Since(began))
	}
	t.Logf("noticed after %s", time.Since(began).Round(100*time.Millisecond))
	s.waitState(t, "polling", "online", 20*time.Second) // The fallback took its time to be found.
	out, err = polling.status()
	require.NoError(t, err, out)
	require.Contains(t, out, "over http")
	out, err = killed.status()
	require.Error(t, err, "it does not run")
	require.Contains(t, out, "not running")
	out, err = stopped.status()
	require.Error(t, err, out)
	require.Contains(t, out, "hangs")

	eventually(t, 60*time.Second, "the metric says so", func() error {
		a, err := s.instant(`strata_agent_up{agent_host=~"killed|stopped|proxied|left|polling"}`)
		if err != nil {
			return err
		}
		up := map[string]string{}
		for _, series := range a.Data.Result {
			up[series.Metric["agent_host"]] = fmt.Sprint(series.Value[1])
		}
		if want := (map[string]string{"killed": "0", "stopped": "0", "proxied": "0", "left": "0", "polling": "1"}); !maps.Equal(up, want) {
			return fmt.Errorf("%v", up)
		}
		return nil
	})
	eventually(t, 30*time.Second, "the alert that comes with the program fires", func() error {
		a, err := s.instant(`ALERTS{alertname="AgentSilent",alertstate="firing",agent_host="killed"}`)
		if err == nil && len(a.Data.Result) != 1 {
			err = errors.New("not yet")
		}
		return err
	})
	resume()
	require.NoError(t, stopped.cmd.Process.Signal(syscall.SIGCONT))
	before, err := s.agent("killed")
	require.NoError(t, err)
	killed.start()
	for _, name := range []string{"killed", "stopped", "proxied"} {
		s.waitState(t, name, "online", 25*time.Second)
	}
	after, err := s.agent("killed")
	require.NoError(t, err)
	require.Equal(t, before.ID, after.ID, "it is the same agent")
}

// httptestNoUpgrade is a proxy that lets no WebSocket through. It returns its address.
func httptestNoUpgrade(t *testing.T, to string) string {
	t.Helper()
	target, err := url.Parse("http://" + to)
	require.NoError(t, err)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	reverse := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	srv := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			http.Error(w, "no upgrades here", http.StatusForbidden)
			return
		}
		reverse.ServeHTTP(w, r)
	})}
	go func() { _ = srv.Serve(ln) }()
	t.Cleanup(func() { _ = srv.Close() })
	return ln.Addr().String()
}

// rollout is a roll-out as the API shows it.
type rollout struct {
	ID      string `json:"id"`
	State   string `json:"state"`
	Reason  string `json:"reason"`
	Targets []struct {
		Host   string `json:"host"`
		Canary bool   `json:"canary"`
		State  string `json:"state"`
	} `json:"targets"`
}

func (s *server) createConfig(t *testing.T, name, yaml, hosts string) string {
	t.Helper()
	var ans struct {
		Config struct {
			ID string `json:"id"`
		} `json:"config"`
	}
	b := s.send(t, http.MethodPost, "/api/v1/agent-configs", map[string]any{"name": name, "yaml": yaml, "selector": map[string]any{"hosts": []string{hosts}}})
	require.NoError(t, json.Unmarshal(b, &ans))
	return ans.Config.ID
}

func (s *server) startRollout(t *testing.T, config string, watch int) string {
	t.Helper()
	var ans struct {
		Rollout rollout `json:"rollout"`
	}
	b := s.send(t, http.MethodPost, "/api/v1/rollouts", map[string]any{"config_id": config, "canary": map[string]any{"count": 1}, "watch_seconds": watch})
	require.NoError(t, json.Unmarshal(b, &ans))
	return ans.Rollout.ID
}

func (s *server) waitRollout(t *testing.T, id string, within time.Duration, states ...string) rollout {
	t.Helper()
	var ans struct {
		Rollout rollout `json:"rollout"`
	}
	eventually(t, within, "the roll-out is "+strings.Join(states, " or "), func() error {
		if err := s.getJSON("/api/v1/rollouts/"+id, &ans); err != nil {
			return err
		}
		if slices.Contains(states, ans.Rollout.State) {
			return nil
		}
		return fmt.Errorf("%+v", ans.Rollout)
	})
	return ans.Rollout
}

// startLogLines writes ten lines a second into a file until the test ends.
func startLogLines(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			case <-time.After(100 * time.Millisecond):
				_, _ = fmt.Fprintf(f, "line %d of %s\n", n, filepath.Base(path))
			}
		}
	}()
	t.Cleanup(func() {
		close(stop)
		<-done
		_ = f.Close()
	})
}

func (s *server) storedLogs(t *testing.T) int64 {
	t.Helper()
	c, err := s.storedCounts()
	require.NoError(t, err)
	return c.logs
}

// TestRollouts: what may not be pushed or is wrong is refused and changes nothing, what makes a canary lose data is rolled back by itself
// within two minutes, and what is good reaches everybody, also over a restart of the server.
func TestRollouts(t *testing.T) {
	t.Parallel()
	s := start(t, quiet()...)
	logs := t.TempDir()
	const fast = "opamp: {endpoint: %q, heartbeat: 1s}\nhost: {enabled: false}\notlp: {grpc: '127.0.0.1:0'}\n"
	for _, name := range []string{"web-1", "web-2", "db-1"} {
		startLogLines(t, filepath.Join(logs, name+".log"))
		startMember(t, s, name, "", fmt.Sprintf(fast, "http://"+s.run.HTTP))
	}
	for _, name := range []string{"web-1", "web-2", "db-1"} {
		s.waitState(t, name, "online", 20*time.Second)
	}
	follow := func(pattern string) string {
		return fmt.Sprintf("logs:\n- include: [%q]\n", filepath.Join(logs, pattern))
	}

	t.Run("may not be pushed", func(t *testing.T) { testNotPushable(t, s) })
	first := s.createConfig(t, "first", follow("*.log"), "web-*")
	t.Run("good", func(t *testing.T) {
		id := s.startRollout(t, first, 5)
		s.waitRollout(t, id, 20*time.Second, "canary")
		s.kill()
		s.restart() // It goes on where it was.
		r := s.waitRollout(t, id, 60*time.Second, "done", "failed")
		require.Equal(t, "done", r.State, r.Reason)
		require.Len(t, r.Targets, 2)
		a, err := s.agent("db-1")
		require.NoError(t, err)
		require.Empty(t, a.Config.ID, "it was not meant")
		require.Empty(t, a.Config.Status)
	})
	t.Run("wrong", func(t *testing.T) {
		had := s.storedLogs(t)
		id := s.startRollout(t, s.createConfig(t, "wrong", follow("*.log")+"  multiline_start: '('\n", "web-*"), 5)
		r := s.waitRollout(t, id, 30*time.Second, "failed")
		require.Contains(t, r.Reason, "refused: logs[0]: multiline_start")
		requireConfig(t, s, first, "web-1", "web-2")
		eventually(t, 20*time.Second, "lines still come", func() error {
			if now := s.storedLogs(t); now < had+50 {
				return fmt.Errorf("%d after %d", now, had)
			}
			return nil
		})
	})
	t.Run("loses data", func(t *testing.T) {
		eventually(t, 30*time.Second, "there is a rate to compare with", func() error {
			for _, name := range []string{"web-1", "web-2"} {
				if a, err := s.agent(name); err != nil || a.Status.Volume.Pipelines["logs/files"].PerMinute < 200 {
					return fmt.Errorf("%+v: %w", a.Status.Volume, err)
				}
			}
			return nil
		})
		began := time.Now()
		id := s.startRollout(t, s.createConfig(t, "loses", follow("nothing-*.log"), "web-*"), 20)
		r := s.waitRollout(t, id, 2*time.Minute, "failed", "done")
		t.Logf("rolled back after %s: %s", time.Since(began).Round(time.Second), r.Reason)
		require.Equal(t, "failed", r.State)
		require.Contains(t, r.Reason, "logs/files gave")
		for _, target := range r.Targets {
			require.Equal(t, target.Canary, target.State == "restored", "%+v", target)
		}
		requireConfig(t, s, first, "web-1", "web-2")
	})
	t.Run("does not start", func(t *testing.T) {
		ln, err := net.Listen("tcp", "127.0.0.1:0") // Takes the port that the configuration names.
		require.NoError(t, err)
		defer func() { _ = ln.Close() }()
		id := s.startRollout(t, s.createConfig(t, "port", follow("*.log")+fmt.Sprintf("otlp: {http: %q}\n", ln.Addr()), "web-*"), 5)
		r := s.waitRollout(t, id, 30*time.Second, "failed")
		require.Contains(t, r.Reason, "address already in use")
		requireConfig(t, s, first, "web-1", "web-2")
	})
	for _, host := range []string{"web-1", "web-2"} {
		requireOnce(t, s, host, "web-1.log")
	}
}

// requireOnce waits until every line of a file, from the first that an agent followed on, is stored once. Its collector was started
// again with each configuration.
func requireOnce(t *testing.T, s *server, host, file string) {
	t.Helper()
	eventually(t, 30*time.Second, "every line of "+file+" by "+host+" is stored once", func() error {
		seen, first, last := map[int]int{}, -1, -1
		for cursor, more := "", true; more; more = cursor != "" {
			var page struct {
				Logs []struct {
					Body string `json:"body"`
				} `json:"logs"`
				Next string `json:"next_cursor"`
			}
			q := url.Values{"query": {"host:" + host}, "limit": {"1000"}, "cursor": {cursor}}
			if err := s.getJSON("/api/v1/logs?"+q.Encode(), &page); err != nil {
				return err
			}
			for _, l := range page.Logs {
				var n int
				if _, err := fmt.Sscanf(l.Body, "line %d of "+file, &n); err != nil {
					continue
				}
				if seen[n]++; first < 0 || n < first {
					first = n
				}
				last = max(last, n)
			}
			cursor = page.Next
		}
		if len(seen) < 200 {
			return fmt.Errorf("%d lines", len(seen))
		}
		for n := first; n <= last; n++ {
			if seen[n] != 1 {
				return fmt.Errorf("line %d of %d to %d is stored %d times", n, first, last, seen[n])
			}
		}
		return nil
	})
}

// requireConfig waits until the agents run with a configuration.
func requireConfig(t *testing.T, s *server, config string, hosts ...string) {
	t.Helper()
	for _, host := range hosts {
		eventually(t, 20*time.Second, host+" has its configuration", func() error {
			a, err := s.agent(host)
			if err == nil && (a.Config.ID != config || a.Config.Status != "applied" || !a.Config.Current) {
				err = fmt.Errorf("%+v", a.Config)
			}
			return err
		})
	}
}

func testNotPushable(t *testing.T, s *server) {
	t.Helper()
	for text, line := range map[string]any{
		"host: {}\nserver: {endpoint: 'evil:4317'}\n":                    2,
		"queue: {size_mib: 24}\n":                                        1,
		"raw: {receivers: {}}\n":                                         1,
		"opamp: {enabled: false}\n":                                      1,
		"logs:\n- include: [x]\n  operators: [{type: file_output}]\n":    3,
		"journald:\n  journalctl_path: /tmp/evil\n":                      2,
		"middleware:\n  static: [{kind: redis, address: 'evil:6379'}]\n": 2,
	} {
		b, err := json.Marshal(map[string]any{"name": "x", "yaml": text})
		require.NoError(t, err)
		resp, err := http.Post(s.url("/api/v1/agent-configs"), "application/json", bytes.NewReader(b))
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, errors.Join(err, resp.Body.Close()))
		require.Equal(t, http.StatusBadRequest, resp.StatusCode, text)
		var ans struct {
			Error struct {
				Details map[string]any `json:"details"`
			} `json:"error"`
		}
		require.NoError(t, json.Unmarshal(body, &ans))
		require.EqualValues(t, line, ans.Error.Details["line"], "%s: %s", text, body)
	}
}

// TestAgentsTwoProcesses: an agent talks to one process, the other lists it and rolls a configuration out to it.
func TestAgentsTwoProcesses(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t)
	env := append(quiet(), "STRATA_CATALOG_URL="+pg.Database())
	one, two := startRole(t, "all", "", env...), startRole(t, "all", "", env...)
	const fast = "opamp: {endpoint: %q, heartbeat: 1s}\nhost: {interval: 1s, process_top: 0}\n"
	startMember(t, one, "at-one", "", fmt.Sprintf(fast, "http://"+one.run.HTTP))
	startMember(t, two, "at-two", "", fmt.Sprintf(fast, "http://"+two.run.HTTP))
	for _, s := range []*server{one, two} {
		for _, name := range []string{"at-one", "at-two"} {
			s.waitState(t, name, "online", 20*time.Second)
		}
	}
	id := two.startRollout(t, two.createConfig(t, "both", "attributes: {team: web}\n", "at-*"), 5)
	r := one.waitRollout(t, id, 90*time.Second, "done", "failed")
	require.Equal(t, "done", r.State, r.Reason)
	one.kill() // Whoever drove, the other one goes on.
	id = two.startRollout(t, two.createConfig(t, "again", "attributes: {team: shop}\n", "at-two"), 5)
	r = two.waitRollout(t, id, 90*time.Second, "done", "failed")
	require.Equal(t, "done", r.State, r.Reason)
}
