// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/strata-apm/strata/alerting/receiver"
	"github.com/strata-apm/strata/alerting/receiver/httpsend"
	"github.com/strata-apm/strata/alerting/receiver/webhook"
	"github.com/strata-apm/strata/alerting/rules"
	"github.com/strata-apm/strata/internal/httpx/httpxtest"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/catalog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is the API over a real catalog.
type fixture struct {
	t    *testing.T
	cat  *brokenCatalog
	api  *API
	opts Options
	// changes are the calls of the watcher, each a word.
	changes []string
	dropped int
	// evaluated and warnings are the state of the rules.
	evaluated []rules.EvaluatedGroup
	warnings  []string
	stateErr  error
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	cat, err := catalog.Open(t.Context(), filepath.Join(t.TempDir(), "catalog.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cat.Close()) })
	client := httpsend.New("test")
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	types, err := receiver.NewTypes(webhook.Type(client))
	require.NoError(t, err)
	f := &fixture{t: t, cat: &brokenCatalog{Catalog: cat}}
	f.opts = Options{
		Rules: f.cat, Notifiers: f.cat, Queue: f.cat, Log: f.cat, State: f, Types: types, Logger: slog.New(slog.DiscardHandler), Watcher: f,
	}
	f.api, err = New(f.opts)
	require.NoError(t, err)
	return f
}

// RulesChanged implements Watcher.
func (f *fixture) RulesChanged(context.Context) { f.changes = append(f.changes, "rules") }

// NotifiersChanged implements Watcher.
func (f *fixture) NotifiersChanged(context.Context) { f.changes = append(f.changes, "notifiers") }

// NotificationsDropped implements Watcher.
func (f *fixture) NotificationsDropped(_ string, n int) { f.dropped += n }

// RuleGroups implements rules.State.
func (f *fixture) RuleGroups(context.Context) ([]rules.EvaluatedGroup, []string, error) {
	return f.evaluated, f.warnings, f.stateErr
}

// brokenCatalog fails to read, write or purge while it is told to.
type brokenCatalog struct {
	*catalog.Catalog
	read, write, purge, count error
}

func (c *brokenCatalog) ListNotifiers(ctx context.Context) ([]storage.Notifier, map[string]storage.NotifierStatus, error) {
	if c.read != nil {
		return nil, nil, c.read
	}
	return c.Catalog.ListNotifiers(ctx)
}

func (c *brokenCatalog) ListRuleGroups(ctx context.Context) ([]storage.RuleGroup, error) {
	if c.read != nil {
		return nil, c.read
	}
	return c.Catalog.ListRuleGroups(ctx)
}

func (c *brokenCatalog) CountPending(ctx context.Context) (map[string]int, error) {
	if c.count != nil {
		return nil, c.count
	}
	return c.Catalog.CountPending(ctx)
}

func (c *brokenCatalog) PutNotifier(ctx context.Context, n storage.Notifier) error {
	if c.write != nil {
		return c.write
	}
	return c.Catalog.PutNotifier(ctx, n)
}

func (c *brokenCatalog) CreateRuleGroup(ctx context.Context, g storage.RuleGroup) error {
	if c.write != nil {
		return c.write
	}
	return c.Catalog.CreateRuleGroup(ctx, g)
}

func (c *brokenCatalog) PurgeNotifier(ctx context.Context, id string) (int, error) {
	if c.purge != nil {
		return 0, c.purge
	}
	return c.Catalog.PurgeNotifier(ctx, id)
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
	httpxtest.Handler(nil, f.api.Routes()).ServeHTTP(w, httptest.NewRequestWithContext(f.t.Context(), method, "/api/v1"+path, strings.NewReader(text)))
	return w
}

// refused is the message of an answer with that status.
func (f *fixture) refused(status int, w *httptest.ResponseRecorder) string {
	f.t.Helper()
	require.Equal(f.t, status, w.Code, w.Body)
	return decode[struct {
		Error struct{ Message string }
	}](f.t, w).Error.Message
}

func decode[T any](t *testing.T, w *httptest.ResponseRecorder) T {
	t.Helper()
	var v T
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &v), w.Body.String())
	return v
}

// sink is a receiver of webhooks.
type sink struct {
	*httptest.Server
	mu     sync.Mutex
	status int
	got    []receiver.Message
}

func newSink(t *testing.T) *sink {
	t.Helper()
	s := &sink{status: http.StatusOK}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var m receiver.Message
		_ = json.Unmarshal(body, &m)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.got = append(s.got, m)
		w.WriteHeader(s.status)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *sink) respond(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status = status
}

func (s *sink) all() []receiver.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]receiver.Message(nil), s.got...)
}
