// SPDX-License-Identifier: Apache-2.0

package alerting

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/rules"
	promstorage "github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/strata-apm/strata/alerting/notify"
	"github.com/strata-apm/strata/alerting/receiver"
	"github.com/strata-apm/strata/alerting/receiver/httpsend"
	"github.com/strata-apm/strata/alerting/receiver/webhook"
	"github.com/strata-apm/strata/internal/httpx/httpxtest"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/catalog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is alerting on a real tsdb and a real catalog, which survive a restart of it.
type fixture struct {
	*Alerting
	t    *testing.T
	db   *tsdb.DB
	cat  *catalog.Catalog
	opts Options
	reg  *prometheus.Registry
	stop func()
}

func newFixture(t *testing.T, edits ...func(*Options)) *fixture {
	t.Helper()
	db, err := tsdb.Open(t.TempDir(), nil, nil, tsdb.DefaultOptions(), nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	cat, err := catalog.Open(t.Context(), filepath.Join(t.TempDir(), "catalog.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cat.Close()) })
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1e6, Timeout: time.Minute, EnableAtModifier: true})
	t.Cleanup(func() { require.NoError(t, engine.Close()) })
	f := &fixture{t: t, db: db, cat: cat, stop: func() {}}
	f.opts = Options{
		Engine: engine, Queryable: db, Appendable: db, Store: Store{Rules: cat, Notifiers: cat, Queue: cat, Log: cat},
		EvaluationInterval: 50 * time.Millisecond, ReloadInterval: 50 * time.Millisecond, Logger: slog.New(slog.DiscardHandler),
		retry: notify.Retry{First: 10 * time.Millisecond, Longest: 50 * time.Millisecond}, Types: testTypes(t),
	}
	for _, e := range edits {
		e(&f.opts)
	}
	f.build()
	return f
}

// testTypes is the table of the program.
func testTypes(t *testing.T) receiver.Types {
	t.Helper()
	client := httpsend.New("test")
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	types, err := receiver.NewTypes(webhook.Type(client))
	require.NoError(t, err)
	return types
}

// build makes alerting as a start of the program does.
func (f *fixture) build() {
	f.t.Helper()
	f.reg = prometheus.NewRegistry()
	opts := f.opts
	opts.Registerer = f.reg
	var err error
	f.Alerting, err = New(opts)
	require.NoError(f.t, err)
}

func (f *fixture) start() {
	f.t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(f.t.Context()))
	done := make(chan error, 1)
	a := f.Alerting
	go func() { done <- a.Run(ctx) }()
	f.stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(f.t, <-done)
	})
	f.t.Cleanup(f.stop)
	f.eventually("started", a.Ready)
}

// restart is a stop and a start with what was stored.
func (f *fixture) restart() {
	f.t.Helper()
	f.stop()
	f.build()
	f.start()
}

// sample writes one sample at the given time, or a millisecond later when there is one.
func (f *fixture) sample(at time.Time, value float64, name string, pairs ...string) {
	f.t.Helper()
	for {
		app := f.db.Appender(f.t.Context())
		_, err := app.Append(0, labels.FromStrings(append([]string{"__name__", name}, pairs...)...), at.UnixMilli(), value)
		if errors.Is(err, promstorage.ErrDuplicateSampleForTimestamp) {
			require.NoError(f.t, app.Rollback())
			at = at.Add(time.Millisecond)
			continue
		}
		require.NoError(f.t, err)
		require.NoError(f.t, app.Commit())
		return
	}
}

func (f *fixture) do(method, path string, body any) *httptest.ResponseRecorder {
	f.t.Helper()
	text, ok := body.(string)
	if !ok {
		b, err := json.Marshal(body)
		require.NoError(f.t, err)
		text = string(b)
	}
	w := httptest.NewRecorder()
	httpxtest.Handler(nil, f.Routes()).ServeHTTP(w, httptest.NewRequestWithContext(f.t.Context(), method, "/api/v1"+path, strings.NewReader(text)))
	return w
}

// group adds a rule group by the API and returns its id.
func (f *fixture) group(text string) string {
	f.t.Helper()
	w := f.do("POST", "/rules", map[string]string{"yaml": text})
	require.Equal(f.t, 201, w.Code, w.Body)
	return decode[struct{ ID string }](f.t, w).ID
}

// notifier is how the API shows one.
type notifier struct {
	ID         string          `json:"id"`
	Name       string          `json:"name"`
	Type       string          `json:"type"`
	Config     json.RawMessage `json:"config"`
	Enabled    bool            `json:"enabled"`
	LastStatus string          `json:"last_status"`
	LastError  string          `json:"last_error"`
	Pending    int             `json:"pending"`
}

// webhook adds a notifier that may reach loopback and returns its id. more are keys of its config and their values.
func (f *fixture) webhook(name, url string, more ...string) string {
	f.t.Helper()
	config := map[string]any{"url": url, "allow_private": true}
	for i := 0; i+1 < len(more); i += 2 {
		config[more[i]] = more[i+1]
	}
	w := f.do("POST", "/notifiers", map[string]any{"name": name, "type": "webhook", "config": config})
	require.Equal(f.t, 201, w.Code, w.Body)
	return decode[notifier](f.t, w).ID
}

func (f *fixture) notifier(id string) notifier {
	f.t.Helper()
	for _, n := range decode[struct{ Notifiers []notifier }](f.t, f.do("GET", "/notifiers", "")).Notifiers {
		if n.ID == id {
			return n
		}
	}
	f.t.Fatalf("no notifier %s", id)
	return notifier{}
}

func decode[T any](t *testing.T, w *httptest.ResponseRecorder) T {
	t.Helper()
	var v T
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &v), w.Body.String())
	return v
}

func (f *fixture) rule(name string) *rules.AlertingRule {
	for _, r := range f.Manager().AlertingRules() {
		if r.Name() == name {
			return r
		}
	}
	return nil
}

func (f *fixture) eventually(what string, ok func() bool) {
	f.t.Helper()
	require.Eventually(f.t, ok, 10*time.Second, 10*time.Millisecond, what)
}

// metric sums a counter over its labels.
func (f *fixture) metric(name string) float64 {
	f.t.Helper()
	families, err := f.reg.Gather()
	require.NoError(f.t, err)
	sum := 0.0
	for _, mf := range families {
		if mf.GetName() == name {
			for _, m := range mf.GetMetric() {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return sum
}

// delivered is one request a sink has got.
type delivered struct {
	id, signature string
	message       receiver.Message
}

// sink is a receiver of webhooks. Its answer can be changed.
type sink struct {
	*httptest.Server
	mu     sync.Mutex
	got    []delivered
	answer http.HandlerFunc
}

func newSink(t *testing.T) *sink {
	t.Helper()
	s := &sink{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var m receiver.Message
		_ = json.Unmarshal(body, &m)
		s.mu.Lock()
		s.got = append(s.got, delivered{id: r.Header.Get("webhook-id"), signature: r.Header.Get("webhook-signature"), message: m})
		answer := s.answer
		s.mu.Unlock()
		if answer != nil {
			answer(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

// refuse is an answer after which a notification is sent again.
func refuse(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }

func (s *sink) respond(h http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = h
}

func (s *sink) all() []delivered {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]delivered(nil), s.got...)
}

func (s *sink) ids() []string {
	var out []string
	for _, d := range s.all() {
		out = append(out, d.id)
	}
	return out
}

// brokenQueryable fails while it is told to.
type brokenQueryable struct {
	storageQueryable
	mu  sync.Mutex
	err error
}

func (b *brokenQueryable) fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.err = err
}

// flakyRules fails to list the groups while it is told to.
type flakyRules struct {
	storage.RuleStore
	mu  sync.Mutex
	err error
}

func (r *flakyRules) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
}

func (r *flakyRules) ListRuleGroups(ctx context.Context) ([]storage.RuleGroup, error) {
	r.mu.Lock()
	err := r.err
	r.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return r.RuleStore.ListRuleGroups(ctx)
}

func alertOf(name string, resolved bool) *rules.Alert {
	a := &rules.Alert{
		Labels: labels.FromStrings("alertname", name, "x", "1"), FiredAt: time.Now(), ValidUntil: time.Now().Add(time.Minute), State: rules.StateFiring,
	}
	if resolved {
		a.ResolvedAt = time.Now()
	}
	return a
}

// pausedClock is a clock that tests move.
type pausedClock struct {
	mu sync.Mutex
	at time.Time
}

func (c *pausedClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *pausedClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}
