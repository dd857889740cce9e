// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/strata-apm/strata/internal/auth"
	"github.com/strata-apm/strata/internal/config"
	"github.com/strata-apm/strata/internal/listen"
	"github.com/strata-apm/strata/storage/clickhouse/engine/enginetest"
	"github.com/strata-apm/strata/tenant"
)

func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }

const (
	// patience is how long something may take on a machine that is busy.
	patience = 2 * time.Minute
	tick     = 50 * time.Millisecond
	anyPort  = "127.0.0.1:0"
)

// lines collects what a process prints. Safe for concurrent use.
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

// settings are those of a process on free ports and a new data directory, without telemetry of its own.
func settings(t *testing.T) config.Config {
	t.Helper()
	cfg := config.Default()
	cfg.DataDir = t.TempDir()
	cfg.HTTP.Listen, cfg.OTLP.GRPCListen, cfg.OTLP.HTTPListen = anyPort, anyPort, anyPort
	cfg.Engine.MemoryBytes, cfg.Self.Enabled = 2<<30, false
	cfg.Alerting.EvaluationInterval = time.Second
	return cfg
}

// process is a role that runs in this test's process.
type process struct {
	*App
	t           *testing.T
	stdout, log *lines
	client      *http.Client
	stop        context.CancelFunc
	done        chan error // what Run returned
}

func options(t *testing.T, role config.Role) (Options, *lines, *lines) {
	t.Helper()
	stdout, log := &lines{}, &lines{}
	return Options{Role: role, Version: "1.2.3", Commit: "abc", Stdout: stdout, Stderr: log, EngineCommand: enginetest.Command(t)}, stdout, log
}

// launch starts a role and returns when it is ready. It is ended with the test, if not before.
func launch(t *testing.T, role config.Role, cfg config.Config) *process {
	t.Helper()
	opts, stdout, log := options(t, role)
	a, err := New(t.Context(), cfg, opts)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	p := &process{App: a, t: t, stdout: stdout, log: log, client: &http.Client{Transport: &http.Transport{}, Timeout: patience}, stop: stop, done: make(chan error, 1)}
	go func() { p.done <- a.Run(ctx) }()
	t.Cleanup(func() {
		p.end()
		if t.Failed() {
			text := log.String()
			t.Logf("log of %s:\n%s", role, text[max(0, len(text)-3000):])
		}
	})
	require.Eventually(t, func() bool { return a.status.Ready(t.Context()) == nil }, patience, tick, "the process is ready")
	return p
}

// end stops the process as a signal does, and closes it.
func (p *process) end() {
	p.t.Helper()
	if p.stop == nil {
		return
	}
	p.stop()
	p.stop = nil
	require.NoError(p.t, <-p.done)
	require.NoError(p.t, p.Close())
	p.client.CloseIdleConnections()
}

// url is an address below a listener.
func (p *process) url(listener, path string) string {
	return p.ownURL()[:strings.Index(p.ownURL(), "//")+2] + p.listeners.Of(listener).Addr().String() + path
}

// key makes a key of a tenant.
func (p *process) key(owner tenant.ID, scope auth.Scope, name string) string {
	p.t.Helper()
	_, secret, err := auth.CreateKey(p.t.Context(), p.stores.catalog, auth.KeyRequest{Name: name, Scope: scope, Tenant: owner})
	require.NoError(p.t, err)
	return secret
}

// request is one request to a process; a body begins with its type.
type request struct {
	listener, method, path string
	// key is sent as a bearer token, "" for none.
	key               string
	contentType, body string
	header            map[string]string
}

// do sends a request and returns status and body. Of an answer that is a stream the body is not read.
func (p *process) do(r request) (int, string) {
	p.t.Helper()
	ctx, cancel := context.WithCancel(p.t.Context())
	defer cancel()
	if r.listener == "" {
		r.listener = httpListener
	}
	req, err := http.NewRequestWithContext(ctx, r.method, p.url(r.listener, r.path), strings.NewReader(r.body))
	require.NoError(p.t, err)
	if r.key != "" {
		req.Header.Set("Authorization", "Bearer "+r.key)
	}
	if r.contentType != "" {
		req.Header.Set("Content-Type", r.contentType)
	}
	for k, v := range r.header {
		req.Header.Set(k, v)
	}
	client := *p.client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Do(req)
	require.NoError(p.t, err, "%s %s", r.method, r.path)
	defer func() { _ = resp.Body.Close() }()
	if resp.Header.Get("Content-Type") == "text/event-stream" {
		return resp.StatusCode, ""
	}
	body, err := io.ReadAll(resp.Body)
	require.NoError(p.t, err, "%s %s", r.method, r.path)
	return resp.StatusCode, string(body)
}

// get reads an answer that must be 200.
func (p *process) get(key, path string) string {
	p.t.Helper()
	code, body := p.do(request{method: http.MethodGet, path: path, key: key})
	require.Equal(p.t, http.StatusOK, code, "%s: %s", path, body)
	return body
}

// getJSON decodes an answer that must be 200.
func (p *process) getJSON(key, path string, into any) {
	p.t.Helper()
	require.NoError(p.t, json.Unmarshal([]byte(p.get(key, path)), into), path)
}

// runFile is what run.json says, by name.
func runFile(t *testing.T, dir string) map[string]any {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, listen.RunFile))
	require.NoError(t, err)
	out := map[string]any{}
	require.NoError(t, json.Unmarshal(b, &out))
	return out
}

// noLeaks fails the test when goroutines are left that it started.
func noLeaks(t *testing.T) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
}

func newRegistry() *prometheus.Registry { return prometheus.NewRegistry() }

// keyIs matches a configuration in YAML where a key of a section has a value.
func keyIs(key, value string) string {
	section, name, _ := strings.Cut(key, ".")
	return `(?m)^` + section + `:\n(    .*\n)*    ` + name + `: ` + regexp.QuoteMeta(value) + `$`
}
