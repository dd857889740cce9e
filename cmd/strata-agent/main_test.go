// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/strata-apm/strata/collector"
	"github.com/strata-apm/strata/collector/fleet"
)

const (
	patience = time.Minute
	tick     = 20 * time.Millisecond
)

// lines is a stream that may be read while it is written to. Safe for concurrent use.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// agent runs a command to its end, on a state directory of its own unless the arguments name one.
func agent(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err lines
	code = run(t.Context(), append([]string{"--state-dir", t.TempDir()}, args...), &out, &err)
	return code, out.String(), err.String()
}

func works(t *testing.T, args ...string) string {
	t.Helper()
	code, stdout, stderr := agent(t, args...)
	require.Equal(t, 0, code, "%v: %s", args, stderr)
	return stdout
}

func fails(t *testing.T, code int, args ...string) string {
	t.Helper()
	got, _, stderr := agent(t, args...)
	require.Equal(t, code, got, "%v: %s", args, stderr)
	require.Contains(t, stderr, "strata-agent: ", "%v", args)
	return stderr
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "agent.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// TestMistakesInArguments: exit code 2, and what is wrong.
func TestMistakesInArguments(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"nonsense"}, "unexpected argument nonsense"},
		{[]string{"--nope"}, "unknown flag --nope"},
		{[]string{"--log-level", "loud"}, `--log-level must be one of "debug","info","warn","error"`},
		{[]string{"verify"}, "missing flags: --server=URL"},
		{[]string{"verify", "--server", "http://x", "--timeout", "soon"}, "--timeout"},
		{[]string{"java-attach", "x"}, "expected a valid 64 bit int"},
		{[]string{"config", "more"}, "unexpected argument more"},
	} {
		require.Contains(t, fails(t, 2, c.args...), c.want, "%v", c.args)
	}
}

func TestHelpAndVersion(t *testing.T) {
	help := works(t, "--help")
	for _, command := range []string{"run", "check", "status", "config", "verify", "java-attach"} {
		require.Contains(t, help, "\n  "+command, command)
	}
	require.Equal(t, version+"\n", works(t, "--version"))
}

// TestCheck: the file is read as the agent reads it, and what is generated from it is checked by the collector's rules.
func TestCheck(t *testing.T) {
	require.Equal(t, "configuration is valid\n", works(t, "check"))
	require.Equal(t, "configuration is valid\n", works(t, "check", "--config", write(t, "server: {endpoint: '10.0.0.1:4317'}\nattributes: {deployment.environment.name: test}\n")))
	for text, want := range map[string]string{
		"sever: {}":                            "field sever not found",
		"server: {endpoint: ''}":               "server.endpoint",
		"server: {compression: rar}":           "compression",
		"host: {interval: soon}":               "is not a duration such as 10s",
		"logs: [{include: ['/x'], format: z}]": "format",
	} {
		path := write(t, text)
		for _, command := range []string{"check", "config", "run"} {
			require.Contains(t, fails(t, 1, command, "--config", path), want, command)
		}
	}
	require.Contains(t, fails(t, 1, "check", "--config", "/none.yaml"), "/none.yaml")
}

// TestConfig: what is printed is read again as the same; the collector's own configuration has no secrets in it.
func TestConfig(t *testing.T) {
	key := write(t, "strata_secret")
	path := write(t, "server: {endpoint: '10.0.0.1:4317', key_file: "+key+"}\nhost: {interval: 30s}\n")
	printed := works(t, "config", "--config", path)
	require.Contains(t, printed, "endpoint: 10.0.0.1:4317")
	require.Contains(t, printed, "interval: 30s")
	require.Contains(t, printed, "process_top: 20", "with the defaults")
	require.Equal(t, printed, works(t, "config", "--config", write(t, printed)))

	generated := works(t, "config", "--collector", "--config", path)
	require.NotContains(t, generated, "strata_secret")
	var doc struct {
		Receivers, Exporters map[string]any
		Service              struct{ Pipelines map[string]any }
	}
	require.NoError(t, yaml.Unmarshal([]byte(generated), &doc))
	require.NotEmpty(t, doc.Receivers)
	require.NotEmpty(t, doc.Exporters)
	require.NotEmpty(t, doc.Service.Pipelines)
	require.Contains(t, generated, "10.0.0.1:4317")
}

// server answers what the server does at GET /v1/agent/host, to those who have the key.
func server(t *testing.T, seen func() int64) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") == "Bearer revoked":
			w.WriteHeader(http.StatusUnauthorized)
		case r.URL.Path != "/v1/agent/host" || r.URL.Query().Get("name") != "web 1":
			http.NotFound(w, r)
		default:
			_, _ = fmt.Fprintf(w, `{"last_seen_unix_ms":%d}`, seen())
		}
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// TestVerify waits until the server has data of this host that are new, says where they are, and gives up in time; a key that is refused ends it at once.
func TestVerify(t *testing.T) {
	path := write(t, "attributes: {host.name: web 1}\n")
	fresh := server(t, func() int64 { return time.Now().Add(time.Second).UnixMilli() })
	require.Equal(t, "the server has this host: "+fresh+"/hosts/web%201\n", works(t, "verify", "--server", fresh+"/", "--config", path))
	old := server(t, func() int64 { return time.Now().Add(-time.Hour).UnixMilli() })
	require.Contains(t, fails(t, 1, "verify", "--server", old, "--timeout", "50ms", "--config", path), "the server has no new data of web 1")
	require.Contains(t, fails(t, 1, "verify", "--server", "http://127.0.0.1:1", "--timeout", "50ms", "--config", path), "connection refused")
	key := write(t, "revoked")
	require.Contains(t, fails(t, 1, "verify", "--server", fresh, "--config", write(t, "server: {key_file: "+key+"}\nattributes: {host.name: web 1}\n")), "the server refuses the key")
	require.Contains(t, fails(t, 1, "verify", "--server", fresh, "--config", "/none.yaml"), "/none.yaml")
}

// TestJavaAttach: what cannot be attached to is said before anything is fetched.
func TestJavaAttach(t *testing.T) {
	none := strconv.Itoa(os.Getpid()) // No Java virtual machine.
	require.Contains(t, fails(t, 1, "java-attach", none), "--server is missing")
	fetched := false
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { fetched = true }))
	defer srv.Close()
	said := fails(t, 1, "java-attach", none, "--server", srv.URL, "--dir", t.TempDir())
	require.Contains(t, said, "Java virtual machine")
	require.False(t, fetched)

	dir, err := javaAttachCommand{Dir: "/x"}.dir()
	require.NoError(t, err)
	require.Equal(t, "/x", dir)
	dir, err = javaAttachCommand{}.dir()
	require.NoError(t, err)
	require.True(t, filepath.IsAbs(dir))
	require.Equal(t, "strata-agent", filepath.Base(dir))
}

// TestRun ships until it is told to stop; status tells of it meanwhile and afterwards, and nobody else may have its state directory.
func TestRun(t *testing.T) {
	state := t.TempDir()
	path := write(t, "server: {endpoint: '127.0.0.1:1'}\nopamp: {enabled: false}\nmiddleware: {enabled: false}\nhost: {systemd: {enabled: false}, containers: {enabled: false}}\n")
	var stdout, stderr lines
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan int, 1)
	go func() { done <- run(ctx, []string{"--config", path, "--state-dir", state}, &stdout, &stderr) }()
	var st collector.Status
	require.Eventually(t, func() bool {
		var err error
		st, err = collector.ReadStatus(state)
		return err == nil && st.Running && st.Healthy
	}, patience, tick, "the agent runs: %s", &stderr)
	said := works(t, "status", "--state-dir", state)
	require.Contains(t, said, "version "+version+", running, pid "+strconv.Itoa(os.Getpid()))
	require.Contains(t, said, "server   not connected: OpAMP is off")
	var printed collector.Status
	require.NoError(t, json.Unmarshal([]byte(works(t, "status", "--json", "--state-dir", state)), &printed))
	require.Equal(t, st.AgentID, printed.AgentID)
	require.Contains(t, fails(t, 1, "run", "--config", path, "--state-dir", state), state)
	stop()
	require.Equal(t, 0, <-done, stderr.String())
	require.Empty(t, stdout.String())
	require.Contains(t, fails(t, 1, "status", "--state-dir", state), "the agent does not run; this is what it said ")
}

// keep writes the status file of a state directory.
func keep(t *testing.T, dir string, st collector.Status) {
	t.Helper()
	b, err := json.Marshal(st)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, collector.StatusFile), b, 0o600))
}

// TestStatus: who never ran here, what a file that is damaged says, and every section of the board.
func TestStatus(t *testing.T) {
	dir := t.TempDir()
	require.Contains(t, fails(t, 1, "status", "--state-dir", dir), dir+": no agent has run here")
	require.NoError(t, os.WriteFile(filepath.Join(dir, collector.StatusFile), []byte("{"), 0o600))
	require.Contains(t, fails(t, 1, "status", "--state-dir", dir), "read status: ")
	keep(t, dir, collector.Status{PID: 7, Board: map[string]json.RawMessage{"logs": []byte(`{"files":1}`)}})
	code, out, _ := agent(t, "status", "--state-dir", dir)
	require.Equal(t, 1, code)
	require.Contains(t, out, "pid 7", "it is printed all the same")
	require.Contains(t, out, "\nlogs\n  {\n    \"files\": 1\n  }\n")
}

// TestPrintStatus: the connection, a pushed configuration, and the board in order of its sections.
func TestPrintStatus(t *testing.T) {
	now := time.Now()
	st := collector.Status{
		PID: 7, Version: "1.2", AgentID: "id", Health: "StatusOK", UpdatedAt: now, Running: true, Age: 1400 * time.Millisecond,
		Server: &fleet.Connection{URL: "ws://s/v1/opamp", Transport: "websocket", Connected: true, HeardAt: now.Add(-3 * time.Second)},
		Pushed: &collector.PushedStatus{Hash: strings.Repeat("ab", 32), State: "failed", Error: "no such file"},
		Board:  map[string]json.RawMessage{"z": []byte("[]"), "a": []byte("{}")},
	}
	show := func() string {
		var b bytes.Buffer
		require.NoError(t, printStatus(&b, st))
		return b.String()
	}
	require.Equal(t, `agent    id, version 1.2, running, pid 7, 1s ago
health   StatusOK
server   ws://s/v1/opamp over websocket, heard 3s ago
pushed   abababababab failed no such file

a
  {}

z
  []
`, show())
	st.Server.Connected, st.Server.Error, st.Running = false, "connection refused", false
	require.Contains(t, show(), "not running")
	require.Contains(t, show(), "server   ws://s/v1/opamp not heard: connection refused")
	st.Server, st.Pushed = nil, nil
	require.Contains(t, show(), "server   not connected: OpAMP is off")
	require.NotContains(t, show(), "pushed")
	st.Board["b"] = []byte("{")
	require.ErrorContains(t, printStatus(&bytes.Buffer{}, st), "read section b")
}
