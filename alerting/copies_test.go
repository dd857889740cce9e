// SPDX-License-Identifier: Apache-2.0

package alerting

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/promql"
	promrules "github.com/prometheus/prometheus/rules"
	promstorage "github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/alerting/httpapi"
	"github.com/strata-apm/strata/alerting/notify"
	"github.com/strata-apm/strata/alerting/receiver"
	"github.com/strata-apm/strata/alerting/rules"
	"github.com/strata-apm/strata/internal/lease"
	"github.com/strata-apm/strata/internal/testutil/pgtest"
	"github.com/strata-apm/strata/query/promapi"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/catalog"
)

// testTTL is a short LeaseTTL that a busy machine still keeps.
const testTTL = 1500 * time.Millisecond

// cluster is several copies of alerting on one PostgreSQL and one tsdb.
type cluster struct {
	t       *testing.T
	db      *tsdb.DB
	url     string
	copies  []*fixture
	freezes []*frozenStore
}

func newCluster(t *testing.T, server *pgtest.Server, n int, edits ...func(*Options)) *cluster {
	t.Helper()
	db, err := tsdb.Open(t.TempDir(), nil, nil, tsdb.DefaultOptions(), nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	c := &cluster{t: t, db: db, url: server.Database()}
	for i := range n {
		c.add(fmt.Sprint("copy ", i), edits...)
	}
	return c
}

// add makes one more copy, which has a catalog of its own as a process has.
func (c *cluster) add(holder string, edits ...func(*Options)) *fixture {
	c.t.Helper()
	cat, err := catalog.OpenConfig(c.t.Context(), catalog.Config{URL: c.url, MaxConnections: 5}, catalog.Options{})
	require.NoError(c.t, err)
	c.t.Cleanup(func() { require.NoError(c.t, cat.Close()) })
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1e6, Timeout: time.Minute, EnableAtModifier: true})
	c.t.Cleanup(func() { require.NoError(c.t, engine.Close()) })
	f := &fixture{t: c.t, db: c.db, cat: cat, stop: func() {}}
	frozen := &frozenStore{LeaseStore: cat}
	store := StoreOf(cat)
	store.Leases = frozen
	f.opts = Options{
		Engine: engine, Queryable: c.db, Appendable: c.db, Store: store, Holder: holder, LeaseTTL: testTTL,
		EvaluationInterval: 50 * time.Millisecond, ReloadInterval: 50 * time.Millisecond, PollInterval: 100 * time.Millisecond,
		ForGracePeriod: time.Hour, Logger: slog.New(slog.DiscardHandler), retry: notify.Retry{First: 10 * time.Millisecond, Longest: 50 * time.Millisecond}, Types: testTypes(c.t),
	}
	for _, e := range edits {
		e(&f.opts)
	}
	f.build()
	c.copies, c.freezes = append(c.copies, f), append(c.freezes, frozen)
	return f
}

// frozenStore can be told to release nothing, as a process that is killed, and to answer nothing, as one that is cut off.
type frozenStore struct {
	storage.LeaseStore
	mu          sync.Mutex
	killed, cut bool
}

func (s *frozenStore) set(killed, cut bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.killed, s.cut = killed, cut
}

func (s *frozenStore) AcquireLeases(ctx context.Context, holder string, names []string, ttl time.Duration) ([]string, error) {
	s.mu.Lock()
	cut := s.cut
	s.mu.Unlock()
	if cut {
		return nil, storage.ErrUnavailable
	}
	return s.LeaseStore.AcquireLeases(ctx, holder, names, ttl)
}

func (s *frozenStore) ReleaseLeases(ctx context.Context, holder string, names []string) error {
	s.mu.Lock()
	killed := s.killed
	s.mu.Unlock()
	if killed {
		return storage.ErrUnavailable
	}
	return s.LeaseStore.ReleaseLeases(ctx, holder, names)
}

// kill ends a copy that gives nothing back.
func (c *cluster) kill(i int) {
	c.freezes[i].set(true, true)
	c.copies[i].stop()
}

// having lists the leases of one copy and prefix.
func (c *cluster) having(i int, prefix string) []string {
	var out []string
	for _, g := range c.copies[i].leases.Having(prefix) {
		out = append(out, g.Name)
	}
	slices.Sort(out)
	return out
}

// holder finds the copy that has the only rule group.
func (c *cluster) holder() int {
	c.t.Helper()
	found := -1
	c.copies[0].eventually("somebody evaluates", func() bool {
		for i := range c.copies {
			if len(c.having(i, rules.LeasePrefix)) == 1 {
				found = i
				return true
			}
		}
		return false
	})
	return found
}

func group(i int) string {
	return fmt.Sprintf("name: g%02d\ninterval: 50ms\nrules:\n- {alert: A%02d, expr: broken > 0, labels: {g: '%d'}}\n", i, i, i)
}

func TestCopies(t *testing.T) {
	server := pgtest.Start(t)
	for name, test := range map[string]func(*testing.T, *pgtest.Server){
		"once": testOnce, "killed": testKilled, "stopped": testStopped, "paused": testPaused, "cut off": testCutOff, "same holder": testSameHolder,
		"fence": testFence, "catalog away": testCatalogAway, "API process": testAPIProcess, "orphans": testOrphans,
	} {
		t.Run(name, func(t *testing.T) { test(t, server) })
	}
}

// testOnce: two copies share the groups, each alert is told once, and a third copy gets its share.
func testOnce(t *testing.T, server *pgtest.Server) {
	t.Helper()
	c, s := newCluster(t, server, 2), newSink(t)
	a, b := c.copies[0], c.copies[1]
	a.start()
	b.start()
	a.webhook("n", s.URL)
	const groups = 7
	for i := range groups {
		c.copies[i%2].group(group(i))
	}
	spread := func(most ...int) func() bool {
		return func() bool {
			sum := 0
			for i := range c.copies {
				n := len(c.having(i, rules.LeasePrefix))
				if sum += n; n > most[i] {
					return false
				}
			}
			return sum == groups
		}
	}
	a.eventually("spread", spread(4, 4))
	now := time.Now()
	a.sample(now, 1, "broken", "instance", "x")
	a.eventually("all told", func() bool { return len(s.all()) >= groups })
	third := c.add("third")
	third.start()
	a.eventually("spread over three", spread(3, 3, 3))
	a.sample(time.Now(), 1, "broken", "instance", "x")
	// An end that comes before the new holder has seen a group's alert fire is told only when what was said of it is no longer valid.
	a.eventually("the third evaluates all it has", func() bool {
		firing := 0
		for _, r := range third.Manager().AlertingRules() {
			if r.State() == promrules.StateFiring {
				firing++
			}
		}
		return firing > 0 && firing >= len(c.having(2, rules.LeasePrefix))
	})
	a.sample(time.Now(), 0, "broken", "instance", "x")
	a.eventually("all ends told", func() bool { return len(s.all()) >= 2*groups })
	require.Never(t, func() bool { return len(s.all()) > 2*groups }, 500*time.Millisecond, 20*time.Millisecond, "told more than once")
	seen := make(map[string]int)
	ids := make(map[string]bool)
	for _, d := range s.all() {
		require.Len(t, d.message.Alerts, 1)
		seen[d.message.Status+" "+d.message.GroupLabels["alertname"]]++
		ids[d.id] = true
	}
	require.Len(t, ids, 2*groups)
	require.Len(t, seen, 2*groups, "%v", seen)
	for what, n := range seen {
		require.Equal(t, 1, n, what)
	}
}

// testKilled: the copy that is left takes over within the TTL, with pending time kept although "for" is shorter than the grace period,
// and says nothing again.
func testKilled(t *testing.T, server *pgtest.Server) {
	t.Helper()
	// Without the sweep's help: the log is taken up with the group.
	c, s := newCluster(t, server, 2, func(o *Options) { o.ReloadInterval = time.Hour }), newSink(t)
	a, b := c.copies[0], c.copies[1]
	a.start()
	b.start()
	a.webhook("n", s.URL)
	a.group("name: g\ninterval: 100ms\nrules:\n- {alert: Now, expr: broken > 0}\n- {alert: Slow, expr: broken > 0, for: 6s}\n")
	begin := time.Now()
	a.sample(begin, 1, "broken")
	a.eventually("the first is told", func() bool { return len(s.all()) == 1 })
	first := c.holder()
	c.copies[first].eventually("pending", func() bool { return stateOf(c.copies[first], "Slow") == promrules.StatePending })
	c.copies[first].eventually("pending for two seconds", func() bool {
		return c.copies[first].rule("Slow").GetEvaluationTimestamp().After(begin.Add(2 * time.Second))
	})
	c.kill(first)
	killed := time.Now()
	left := c.copies[1-first]
	left.eventually("taken over", func() bool { return len(c.having(1-first, rules.LeasePrefix)) == 1 })
	require.Less(t, time.Since(killed), testTTL+500*time.Millisecond)
	t.Logf("taken over after %s", time.Since(killed).Round(time.Millisecond))
	left.eventually("pending", func() bool { return stateOf(left, "Slow") == promrules.StatePending })
	left.eventually("told", func() bool { return len(s.all()) == 2 })
	require.Less(t, time.Since(begin), 9*time.Second, "pending time went on: begun anew it would take until %s", 6*time.Second+killed.Sub(begin)+testTTL)
	require.Less(t, time.Since(killed), 6*time.Second, "pending time went on")
	require.Equal(t, "Slow", s.all()[1].message.GroupLabels["alertname"])
	require.Never(t, func() bool { return len(s.all()) > 2 }, 300*time.Millisecond, 20*time.Millisecond, "and Now, which fires as before, is not told again")
	left.sample(time.Now(), 0, "broken")
	left.eventually("ends told", func() bool { return len(s.all()) == 4 })
	for _, d := range s.all() {
		if d.message.GroupLabels["alertname"] == "Now" {
			require.WithinDuration(t, s.all()[0].message.Alerts[0].StartsAt, d.message.Alerts[0].StartsAt, 0, "it began when it began")
		}
	}
}

func stateOf(f *fixture, rule string) promrules.AlertState {
	if r := f.rule(rule); r != nil {
		return r.State()
	}
	return promrules.StateUnknown
}

// testStopped: one that stops releases at once, its queue included.
func testStopped(t *testing.T, server *pgtest.Server) {
	t.Helper()
	c, s := newCluster(t, server, 2, func(o *Options) { o.LeaseTTL = 15 * time.Second }), newSink(t)
	c.copies[0].start()
	c.copies[0].webhook("n", s.URL)
	c.copies[0].group(group(1))
	require.Equal(t, 0, c.holder())
	c.copies[0].eventually("delivers", func() bool { return len(c.having(0, notify.LeasePrefix)) == 1 })
	c.copies[1].start()
	require.Never(t, func() bool { return len(c.having(1, rules.LeasePrefix)) > 0 }, 200*time.Millisecond, 20*time.Millisecond, "both")
	c.copies[0].stop()
	begin := time.Now()
	c.copies[1].sample(begin, 1, "broken")
	c.copies[1].eventually("told by the other", func() bool { return len(s.all()) == 1 })
	t.Logf("told %s after the stop", time.Since(begin).Round(time.Millisecond))
	require.Less(t, time.Since(begin), 2*time.Second)
}

// testPaused is SIGSTOP: one copy stands still in the middle of a query while the other takes over; when it goes on it does not use what
// the query says, neither for its rules nor to tell anybody.
func testPaused(t *testing.T, server *pgtest.Server) {
	t.Helper()
	stopping := &stoppingQueryable{inQuery: make(chan struct{}), goOn: make(chan struct{})}
	c, s := newCluster(t, server, 2), newSink(t)
	a, b := c.copies[0], c.copies[1]
	stopping.storageQueryable = a.opts.Queryable
	a.opts.Queryable = stopping
	a.build()
	a.start()
	a.webhook("n", s.URL)
	a.group(group(1))
	require.Equal(t, 0, c.holder())
	// What restores pending time asks as well, and its failure is none of an evaluation.
	a.eventually("evaluates and has restored", func() bool {
		r := a.rule("A01")
		return r != nil && !r.GetEvaluationTimestamp().IsZero() && r.Restored()
	})
	stopping.arm()
	<-stopping.inQuery
	c.freezes[0].set(false, true)
	b.start()
	b.sample(time.Now(), 1, "broken")
	b.eventually("told by the other", func() bool { return len(s.all()) == 1 })
	require.Empty(t, c.having(0, ""), "the paused one knows when its time is over")
	c.freezes[0].set(false, false)
	close(stopping.goOn)
	a.eventually("the evaluation that was held up is given up", func() bool { return a.metric("prometheus_rule_evaluation_failures_total") > 0 })
	require.Never(t, func() bool { return len(s.all()) > 1 }, testTTL, 20*time.Millisecond, "told twice")
	have := [][]string{c.having(0, rules.LeasePrefix), c.having(1, rules.LeasePrefix)}
	require.Len(t, slices.Concat(have...), 1, "one of them has it: %v", have)
	for i, f := range c.copies {
		want := promrules.StateInactive
		if len(have[i]) == 1 {
			want = promrules.StateFiring
		}
		f.eventually("each knows its part", func() bool {
			st := stateOf(f, "A01")
			return st == want || (want != promrules.StateFiring && st == promrules.StateUnknown)
		})
	}
}

// stoppingQueryable stands still in one query.
type stoppingQueryable struct {
	storageQueryable
	armed         atomic.Bool
	inQuery, goOn chan struct{}
}

func (q *stoppingQueryable) arm() { q.armed.Store(true) }

func (q *stoppingQueryable) Querier(mint, maxt int64) (promstorage.Querier, error) {
	if q.armed.CompareAndSwap(true, false) {
		close(q.inQuery)
		<-q.goOn
	}
	return q.storageQueryable.Querier(mint, maxt)
}

// wanting is an owner that wants leases and does nothing under them.
type wanting []string

// Wanted implements lease.Owner.
func (w wanting) Wanted() []string { return w }

// LetGo implements lease.Owner.
func (wanting) LetGo([]string) {}

// Changed implements lease.Owner.
func (wanting) Changed([]string) {}

// testFence: one that believes in its lease, because its clock stood still, is refused by the catalog.
func testFence(t *testing.T, server *pgtest.Server) {
	t.Helper()
	c := newCluster(t, server, 1)
	f := c.copies[0]
	id := f.webhook("n", "http://127.0.0.1:9")
	f.leases.Tick(t.Context(), wanting{"rules/x"})
	g, ok := f.leases.Grant("rules/x")
	require.True(t, ok)
	require.NoError(t, f.cat.ReleaseLeases(t.Context(), "copy 0", []string{"rules/x"}))
	other, err := f.cat.AcquireLeases(t.Context(), "other", []string{"rules/x"}, time.Hour)
	require.NoError(t, err)
	require.Len(t, other, 1)
	f.notify.Notify(t.Context(), g, []*promrules.Alert{alertOf("Late", false)})
	pending, err := f.cat.PendingNotifications(t.Context(), id, 10)
	require.NoError(t, err)
	require.Empty(t, pending)

	require.NoError(t, f.cat.ReleaseLeases(t.Context(), "other", other))
	_, err = f.cat.AcquireLeases(t.Context(), "copy 0", other, time.Hour)
	require.NoError(t, err)
	f.notify.Notify(t.Context(), g, []*promrules.Alert{alertOf("Late", false)})
	pending, err = f.cat.PendingNotifications(t.Context(), id, 10)
	require.NoError(t, err)
	require.Len(t, pending, 1)
	f.notify.Notify(t.Context(), lease.Grant{Name: "rules/x", Epoch: g.Epoch + 1}, []*promrules.Alert{alertOf("Later", false)})
	pending, err = f.cat.PendingNotifications(t.Context(), id, 10)
	require.NoError(t, err)
	require.Len(t, pending, 1, "an evaluation of a lease before this one")
}

// testCutOff: a copy that cannot reach the leases ends by itself, no later than the other begins.
func testCutOff(t *testing.T, server *pgtest.Server) {
	t.Helper()
	c := newCluster(t, server, 2)
	c.copies[0].start()
	c.copies[0].group(group(1))
	require.Equal(t, 0, c.holder())
	c.copies[1].start()
	c.freezes[0].set(false, true)
	c.copies[0].eventually("handed over", func() bool {
		second := len(c.having(1, rules.LeasePrefix)) == 1
		require.False(t, second && len(c.having(0, rules.LeasePrefix)) == 1, "both")
		return second
	})
	c.freezes[0].set(false, false)
	c.copies[0].group(group(2))
	c.copies[0].eventually("back, with its share", func() bool {
		return len(c.having(0, rules.LeasePrefix)) == 1 && len(c.having(1, rules.LeasePrefix)) == 1
	})
}

// testSameHolder: a killed process that is started again under its name does not wait for its own leases.
func testSameHolder(t *testing.T, server *pgtest.Server) {
	t.Helper()
	c := newCluster(t, server, 1, func(o *Options) { o.LeaseTTL = time.Hour })
	c.copies[0].start()
	c.copies[0].group(group(1))
	require.Equal(t, 0, c.holder())
	c.kill(0)
	begin := time.Now()
	again := c.add("copy 0", func(o *Options) { o.LeaseTTL = time.Hour })
	again.sample(begin, 1, "broken")
	again.start()
	again.eventually("evaluates", func() bool { return stateOf(again, "A01") == promrules.StateFiring })
	require.Less(t, time.Since(begin), 2*time.Second)
}

// testCatalogAway is row 58 for the catalog: nothing is resolved, nothing is told twice, and all goes on when it is back.
func testCatalogAway(t *testing.T, _ *pgtest.Server) {
	t.Helper()
	server := pgtest.Start(t)
	c, s := newCluster(t, server, 2), newSink(t)
	c.copies[0].start()
	c.copies[1].start()
	c.copies[0].webhook("n", s.URL)
	c.copies[0].group(group(1))
	c.copies[0].sample(time.Now(), 1, "broken")
	c.copies[0].eventually("told", func() bool { return len(s.all()) == 1 })
	// Between the answer and its record there is a moment in which it would be sent again, under the same id.
	c.copies[0].eventually("recorded as told", func() bool {
		pending, err := c.copies[0].cat.CountPending(t.Context())
		return err == nil && len(pending) == 0
	})
	server.Kill()
	c.copies[0].eventually("nobody evaluates", func() bool { return len(c.having(0, ""))+len(c.having(1, "")) == 0 })
	server.Launch()
	holder := c.holder()
	require.Never(t, func() bool { return len(s.all()) > 1 }, 300*time.Millisecond, 20*time.Millisecond, "told twice")
	c.copies[holder].sample(time.Now(), 0, "broken")
	c.copies[0].eventually("the end is told", func() bool { return len(s.all()) == 2 })
	require.Equal(t, receiver.StatusResolved, s.all()[1].message.Status)
}

// testOrphans: what fired in a group that was deleted is resolved by whoever is there.
func testOrphans(t *testing.T, server *pgtest.Server) {
	t.Helper()
	clock := &pausedClock{at: time.Now()}
	c, s := newCluster(t, server, 2, func(o *Options) { o.now, o.RepeatInterval = clock.now, 1000*time.Hour }), newSink(t)
	a, b := c.copies[0], c.copies[1]
	a.start()
	a.webhook("n", s.URL)
	id := a.group(group(1))
	a.sample(time.Now(), 1, "broken")
	a.eventually("told", func() bool { return len(s.all()) == 1 })
	b.start()
	require.Equal(t, 204, a.do("DELETE", "/rules/"+id, "").Code)
	c.kill(0)
	b.eventually("taken over", func() bool { return len(c.having(1, rules.LeasePrefix)) == 1 })
	require.Len(t, s.all(), 1)
	b.eventually("resolved", func() bool {
		clock.advance(time.Minute) // What is taken up from now on is believed for some minutes.
		return len(s.all()) == 2
	})
	require.Equal(t, receiver.StatusResolved, s.all()[1].message.Status)
	b.eventually("nothing is left of it", func() bool { return len(c.having(1, rules.LeasePrefix)) == 0 })
}

// testAPIProcess changes rules and notifiers in a process that runs none, and shows the state of those that do.
func testAPIProcess(t *testing.T, server *pgtest.Server) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "rules.yml")
	require.NoError(t, os.WriteFile(file, []byte("groups:\n- {name: f, interval: 1m, rules: [{alert: FromFile, expr: up == 0, for: 90s, labels: {a: b}}]}\n"), 0o600))
	c, s := newCluster(t, server, 2, func(o *Options) { o.RuleFiles = []string{file} }), newSink(t)
	c.copies[0].start()
	c.copies[1].start()
	state := &fetchedRules{copies: c.copies}
	cat := c.copies[0].cat
	api, err := httpapi.New(httpapi.Options{
		Rules: cat, Notifiers: cat, Queue: cat, Log: cat, State: state, Types: testTypes(t), Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	f := &fixture{t: t, Alerting: &Alerting{api: api}}
	n := f.webhook("n", s.URL)
	id := f.group(group(1))
	c.copies[0].sample(time.Now(), 1, "broken")
	f.eventually("told", func() bool { return len(s.all()) == 1 })

	list := decode[struct {
		Groups   []struct{ Name, Source, File, Interval, YAML string }
		Warnings []string
	}](t, f.do("GET", "/rules", ""))
	require.Len(t, list.Groups, 2)
	require.Equal(t, []string{"f", "file", file, "1m0s"}, []string{list.Groups[0].Name, list.Groups[0].Source, list.Groups[0].File, list.Groups[0].Interval})
	require.Contains(t, list.Groups[0].YAML, "for: 1m30s")
	require.Equal(t, []string{"g01", "api"}, []string{list.Groups[1].Name, list.Groups[1].Source})
	require.Equal(t, []string{"one is missing"}, list.Warnings)
	groups, _, err := state.RuleGroups(t.Context())
	require.NoError(t, err)
	alerts, err := rules.AlertsOf(groups)
	require.NoError(t, err)
	require.Len(t, alerts, 1, "of the one that evaluates")
	require.Contains(t, string(alerts[0]), `"state":"firing"`)
	b, err := json.Marshal(groups)
	require.NoError(t, err)
	require.Contains(t, string(b), `"lastEvaluation":`)

	// Off and on again between two looks of the copies: it hears what fires.
	body := f.notifier(n)
	body.Enabled = false
	require.Equal(t, 200, f.do("PUT", "/notifiers/"+n, body).Code)
	body.Enabled = true
	require.Equal(t, 200, f.do("PUT", "/notifiers/"+n, body).Code)
	second := f.webhook("late", s.URL)
	f.eventually("a new one hears what fires", func() bool { return len(s.all()) >= 3 })
	require.Equal(t, 200, f.do("POST", "/notifiers/"+second+"/test", "").Code)
	require.Equal(t, 204, f.do("DELETE", "/rules/"+id, "").Code)
	f.eventually("unloaded by both", func() bool { return c.copies[0].rule("A01") == nil && c.copies[1].rule("A01") == nil })
	require.Equal(t, 204, f.do("DELETE", "/notifiers/"+second, "").Code)
	f.eventually("and the notifier let go", func() bool { return len(c.having(0, notify.LeasePrefix))+len(c.having(1, notify.LeasePrefix)) == 1 })
}

// fetchedRules asks each copy as another process does: by Prometheus' API.
type fetchedRules struct{ copies []*fixture }

func (r *fetchedRules) RuleGroups(ctx context.Context) ([]rules.EvaluatedGroup, []string, error) {
	var answers [][]rules.EvaluatedGroup
	for _, f := range r.copies {
		h := promapi.New(promapi.Options{
			Config: promapi.DefaultConfig(), Engine: f.opts.Engine.(*promql.Engine), Storage: f.db, Gatherer: prometheus.NewRegistry(),
			Registerer: prometheus.NewRegistry(), Logger: slog.New(slog.DiscardHandler), Rules: f.Manager(), Started: time.Now(),
		})
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(ctx, "GET", "/rules", nil))
		groups, err := rules.ParseGroups(w.Body.Bytes())
		if err != nil {
			return nil, nil, err
		}
		answers = append(answers, groups)
	}
	return rules.MergeGroups(answers...), []string{"one is missing"}, nil
}
