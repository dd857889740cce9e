// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/internal/config"
	"github.com/strata-apm/strata/internal/httpx"
	"github.com/strata-apm/strata/storage"
)

// registry is a catalog's registry of processes in memory.
type registry struct {
	storage.InstanceStore
	all, live []storage.Instance
	err       error
}

func (r *registry) ListInstances(_ context.Context, within time.Duration) ([]storage.Instance, error) {
	if within == 0 {
		return r.all, r.err
	}
	return r.live, r.err
}

// process serves as one that answers path with body, to those who have the key.
func process(t *testing.T, path, body string) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") != "Bearer key":
			httpx.WriteError(w, &httpx.Error{Status: http.StatusUnauthorized, Code: httpx.CodeUnauthenticated, Message: "who?"})
		case r.URL.Path != path:
			http.NotFound(w, r)
		default:
			_, _ = w.Write([]byte(body))
		}
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

func instance(id string, role config.Role, url string) storage.Instance {
	return storage.Instance{ID: id, Role: string(role), URL: url, SeenAt: time.Unix(0, 0).UTC()}
}

func TestAskAll(t *testing.T) {
	good := instance("good", config.RoleWriter, process(t, "/x", `{"n":1}`))
	broken := instance("broken", config.RoleWriter, process(t, "/x", `{"n":`))
	missing := instance("missing", config.RoleWriter, process(t, "/other", ""))
	gone := instance("gone", config.RoleWriter, process(t, "/x", `{"n":9}`))
	r := &registry{all: []storage.Instance{good, broken, missing, gone}, live: []storage.Instance{good, broken, missing}}
	p := NewPeers(r, "me", "key", nil)
	all, err := p.List(t.Context())
	require.NoError(t, err)
	answers := AskAll[struct{ N int }](t.Context(), p, all, "/x", nil)
	require.Len(t, answers, 4)
	require.NoError(t, answers[0].Err)
	require.Equal(t, 1, answers[0].Body.N)
	require.ErrorContains(t, answers[1].Err, "read the answer of "+broken.URL)
	require.ErrorContains(t, answers[2].Err, "404")
	require.ErrorContains(t, answers[3].Err, "not seen since 1970-01-01T00:00:00Z", "it is not waited for")

	stranger := NewPeers(r, "me", "another key", nil)
	require.ErrorContains(t, AskAll[struct{}](t.Context(), stranger, all[:1], "/x", nil)[0].Err, "401")
	r.err = errors.New("the catalog is away")
	_, err = p.List(t.Context())
	require.ErrorIs(t, err, r.err)
}

func TestWith(t *testing.T) {
	all := []Peer{{Instance: instance("g", config.RoleGateway, "")}, {Instance: instance("w", config.RoleWriter, "")}, {Instance: instance("all", config.RoleAll, "")}}
	ids := func(ps []Peer) string {
		var out []string
		for _, p := range ps {
			out = append(out, p.ID)
		}
		return strings.Join(out, " ")
	}
	require.Equal(t, "w all", ids(With(all, config.RoleWriter)))
	require.Equal(t, "g w all", ids(With(all, config.RoleGateway, config.RoleWriter)))
	require.Equal(t, "all", ids(With(all, config.RoleAlert)))
}

const ledgerOfWriter = `{"rows":[{"minute":"2026-01-02T03:04:00Z","signal":"logs","source":"shop","received":0,"accepted":0,"refused":{},"stored":8,"rejected":{},"resent":0}],
"totals":[{"signal":"metrics"},{"signal":"traces"},{"signal":"logs","stored":8}],"bus":[],"warnings":[]}`

// TestAddLedgers: a gateway's own account with those of a writer, its replica in another group, and a writer that is away.
func TestAddLedgers(t *testing.T) {
	writer := instance("w1", config.RoleWriter, process(t, "/api/v1/ledger", ledgerOfWriter))
	writer.Group = "strata"
	replica := instance("w2", config.RoleWriter, process(t, "/api/v1/ledger", ledgerOfWriter))
	replica.Group = "second"
	away := instance("w3", config.RoleWriter, "http://127.0.0.1:1")
	me := instance("me", config.RoleGateway, "http://127.0.0.1:1")
	r := &registry{all: []storage.Instance{me, writer, replica, away}, live: []storage.Instance{me, writer, replica}}
	at := time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)
	ans := account(at, "shop", 8, 0)
	NewPeers(r, "me", "key", nil).AddLedgers(t.Context(), storage.TimeRange{Start: at, End: at.Add(time.Minute)}, "strata", &ans)
	require.Len(t, ans.Rows, 1)
	require.Equal(t, int64(8), ans.Rows[0].Stored, "the replica's are the same records")
	require.True(t, ans.Totals[2].Balanced)
	require.Len(t, ans.Warnings, 1)
	require.Contains(t, ans.Warnings[0], "w3 did not answer")

	r.err = errors.New("the catalog is away")
	ans = account(at, "shop", 8, 0)
	NewPeers(r, "me", "key", nil).AddLedgers(t.Context(), storage.TimeRange{Start: at, End: at.Add(time.Minute)}, "strata", &ans)
	require.Contains(t, ans.Warnings[0], "the catalog is away")
}

const groupsOfOne = `{"status":"success","data":{"groups":[{"name":"g","file":"api/1","interval":15,"lastEvaluation":"2026-01-02T03:04:05Z","rules":[
{"type":"alerting","name":"A","query":"up == 0","state":"firing","alerts":[{"labels":{"alertname":"A"},"state":"firing","activeAt":"2026-01-02T03:04:05Z","value":"1"}]}]}]}}`

func TestRulesOfTheEvaluators(t *testing.T) {
	r := &registry{}
	p := NewPeers(r, "me", "key", nil)
	groups, warnings, err := p.RuleGroups(t.Context())
	require.NoError(t, err)
	require.Empty(t, groups)
	require.Equal(t, []string{errNobodyEvaluates.Error()}, warnings)

	one := instance("a1", config.RoleAlert, process(t, "/prometheus/api/v1/rules", groupsOfOne))
	two := instance("a2", config.RoleAlert, process(t, "/prometheus/api/v1/rules", `{"status":"error","error":"starting"}`))
	r.all = []storage.Instance{one, two}
	r.live = r.all
	next := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	h := p.WithRules("/p", next)
	get := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody))
		return w
	}
	rules := get("/p/rules")
	require.Equal(t, http.StatusOK, rules.Code)
	require.Contains(t, rules.Body.String(), `"name":"g"`)
	require.Contains(t, rules.Body.String(), "process a2 did not answer")
	alerts := get("/p/alerts")
	require.Equal(t, http.StatusOK, alerts.Code)
	require.Contains(t, alerts.Body.String(), `"alertname":"A"`)
	require.Equal(t, http.StatusTeapot, get("/p/query").Code)
	r.err = errors.New("the catalog is away")
	require.Equal(t, http.StatusServiceUnavailable, get("/p/rules").Code)
	require.Contains(t, get("/p/alerts").Body.String(), `"errorType":"unavailable"`)
}
