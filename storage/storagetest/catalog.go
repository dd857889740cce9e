// SPDX-License-Identifier: Apache-2.0

package storagetest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/tenant"
)

// Catalog is everything a catalog engine does.
type Catalog interface {
	storage.KeyReader
	storage.KeyWriter
	storage.SessionStore
	storage.SigninStore
	storage.RuleStore
	storage.NotifierStore
	storage.NotificationQueue
	storage.NotificationLog
	storage.RuleVersions
	storage.LeaseStore
	storage.InstanceStore
	storage.AgentStore
	storage.AgentConfigStore
	storage.RolloutStore
	storage.RollupStore
	storage.RollupsVersion
}

// RunCatalog is the conformance suite of catalog engines. open returns an empty catalog that ends with the test; reopen returns the same
// data through a new instance, as after a restart.
func RunCatalog(t *testing.T, open func(t *testing.T) (c Catalog, reopen func() Catalog)) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, Catalog, func() Catalog){
		"Keys": testKeys, "Sessions": testSessions, "SigninToken": testSigninToken, "Rules": testRules, "Notifiers": testNotifiers,
		"Queue": testQueue, "QueueOfALease": testQueueOfALease, "ConcurrentWriters": testConcurrentWriters, "ByteOrder": testByteOrder,
		"Leases": testLeases, "LeaseRace": testLeaseRace, "LeaseHandOver": testLeaseHandOver, "Instances": testInstances,
		"Agents": testAgents, "ManyAgents": testManyAgents, "AgentConfigs": testAgentConfigs, "Rollouts": testRollouts,
		"Rollups": testRollups, "RollupRace": testRollupRace,
	} {
		t.Run(name, func(t *testing.T) {
			c, reopen := open(t)
			test(t, c, reopen)
		})
	}
}

// moment is a time with the precision every engine keeps.
func moment(second int) time.Time { return time.Date(2026, 1, 2, 3, 4, second, 123456000, time.UTC) }

func testKeys(t *testing.T, c Catalog, reopen func() Catalog) {
	t.Helper()
	ctx := t.Context()
	keys, err := c.ListKeys(ctx)
	require.NoError(t, err)
	require.Empty(t, keys)
	a := storage.Key{ID: "a", Tenant: "team-a", Name: "it's a \"key\"; --", Scope: "ingest", Prefix: "strata_ab", Hash: "h1", CreatedAt: moment(1)}
	b := storage.Key{ID: "b", Tenant: tenant.Default, Name: "b", Scope: "admin", Prefix: "strata_cd", Hash: "h2", CreatedAt: moment(2), ExpiresAt: moment(9)}
	require.NoError(t, c.CreateKey(ctx, a))
	require.NoError(t, c.CreateKey(ctx, b))
	require.ErrorIs(t, c.CreateKey(ctx, a), storage.ErrConflict)
	require.ErrorIs(t, c.CreateKey(ctx, storage.Key{ID: "c", Hash: "h1", CreatedAt: moment(1)}), storage.ErrConflict)
	got, err := c.KeyByHash(ctx, "h2")
	require.NoError(t, err)
	require.Equal(t, b, got)
	_, err = c.KeyByHash(ctx, "h3")
	require.ErrorIs(t, err, storage.ErrNotFound)

	require.NoError(t, c.TouchKeys(ctx, map[string]time.Time{"a": moment(5), "none": moment(5)}))
	require.NoError(t, c.TouchKeys(ctx, map[string]time.Time{"a": moment(4)}))
	require.NoError(t, c.RevokeKey(ctx, "a", moment(6)))
	require.NoError(t, c.RevokeKey(ctx, "a", moment(7)))
	require.ErrorIs(t, c.RevokeKey(ctx, "none", moment(6)), storage.ErrNotFound)
	a.LastUsedAt, a.RevokedAt = moment(5), moment(6)
	keys, err = reopen().ListKeys(ctx)
	require.NoError(t, err)
	require.Equal(t, []storage.Key{b, a}, keys)
}

func testSessions(t *testing.T, c Catalog, _ func() Catalog) {
	t.Helper()
	ctx := t.Context()
	require.NoError(t, c.CreateKey(ctx, storage.Key{ID: "k", Hash: "h", CreatedAt: moment(0)}))
	s := storage.Session{Hash: "s1", KeyID: "k", Tenant: "team-a", Name: "n", Scope: "admin", CreatedAt: moment(1), ExpiresAt: moment(5)}
	require.NoError(t, c.CreateSession(ctx, s))
	got, err := c.SessionByHash(ctx, "s1")
	require.NoError(t, err)
	require.Equal(t, s, got)
	unsaid, err := c.KeyByHash(ctx, "h")
	require.NoError(t, err)
	require.Equal(t, tenant.Default, unsaid.Tenant, "a key that says no tenant")
	require.NoError(t, c.CreateSession(ctx, storage.Session{Hash: "s2", CreatedAt: moment(6), ExpiresAt: moment(9)}))
	_, err = c.SessionByHash(ctx, "s1")
	require.ErrorIs(t, err, storage.ErrNotFound, "expired sessions are cleaned up")
	require.NoError(t, c.CreateSession(ctx, storage.Session{Hash: "s3", KeyID: "k", CreatedAt: moment(6), ExpiresAt: moment(9)}))
	require.NoError(t, c.RevokeKey(ctx, "k", moment(7)))
	_, err = c.SessionByHash(ctx, "s3")
	require.ErrorIs(t, err, storage.ErrNotFound, "a revoked key's sessions end")
	require.NoError(t, c.DeleteSession(ctx, "s2"))
	require.NoError(t, c.DeleteSession(ctx, "s2"))
	_, err = c.SessionByHash(ctx, "s2")
	require.ErrorIs(t, err, storage.ErrNotFound)
}

func testSigninToken(t *testing.T, c Catalog, _ func() Catalog) {
	t.Helper()
	ctx := t.Context()
	require.NoError(t, c.CreateSigninToken(ctx, "old", moment(9)))
	require.NoError(t, c.CreateSigninToken(ctx, "t", moment(9)))
	require.ErrorIs(t, c.ConsumeSigninToken(ctx, "old", moment(1)), storage.ErrNotFound)
	require.ErrorIs(t, c.ConsumeSigninToken(ctx, "t", moment(10)), storage.ErrNotFound, "expired")
	var wg sync.WaitGroup
	var won atomic.Int32
	for range 8 {
		wg.Go(func() {
			if c.ConsumeSigninToken(ctx, "t", moment(9)) == nil {
				won.Add(1)
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 1, won.Load())
}

func testRules(t *testing.T, c Catalog, reopen func() Catalog) {
	t.Helper()
	ctx := t.Context()
	g := storage.RuleGroup{ID: "1", Name: "z", YAML: "name: z\n# ünï\n", CreatedAt: moment(1), UpdatedAt: moment(1)}
	seen := map[string]bool{}
	changed := func(what string) {
		t.Helper()
		v, err := c.RulesVersion(ctx)
		require.NoError(t, err)
		require.False(t, seen[v], what)
		seen[v] = true
		again, err := c.RulesVersion(ctx)
		require.NoError(t, err)
		require.Equal(t, v, again, "without a change")
	}
	changed("empty")
	require.NoError(t, c.CreateRuleGroup(ctx, g))
	changed("created")
	require.NoError(t, c.CreateRuleGroup(ctx, storage.RuleGroup{ID: "2", Name: "a", CreatedAt: moment(1), UpdatedAt: moment(1)}))
	require.ErrorIs(t, c.CreateRuleGroup(ctx, storage.RuleGroup{ID: "3", Name: "a"}), storage.ErrConflict)
	g.YAML, g.UpdatedAt = "name: z2\n", moment(2)
	g.Name = "a"
	require.ErrorIs(t, c.UpdateRuleGroup(ctx, g), storage.ErrConflict)
	g.Name = "z2"
	require.NoError(t, c.UpdateRuleGroup(ctx, g))
	changed("updated")
	require.ErrorIs(t, c.UpdateRuleGroup(ctx, storage.RuleGroup{ID: "9"}), storage.ErrNotFound)
	require.NoError(t, c.DeleteRuleGroup(ctx, "2"))
	changed("deleted")
	require.ErrorIs(t, c.DeleteRuleGroup(ctx, "2"), storage.ErrNotFound)
	got, err := reopen().ListRuleGroups(ctx)
	require.NoError(t, err)
	require.Equal(t, []storage.RuleGroup{g}, got)
}

func testNotifiers(t *testing.T, c Catalog, reopen func() Catalog) {
	t.Helper()
	ctx := t.Context()
	n := storage.Notifier{
		ID: "1", Name: "n", Type: "webhook", Config: `{"url":"https://x","secret":"s"}`, SendResolved: true, Enabled: true, CreatedAt: moment(1),
	}
	require.NoError(t, c.PutNotifier(ctx, n))
	require.ErrorIs(t, c.PutNotifier(ctx, storage.Notifier{ID: "2", Name: "n"}), storage.ErrConflict)
	status := storage.NotifierStatus{LastAttempt: moment(3), Error: "HTTP 500"}
	require.NoError(t, c.SetNotifierStatus(ctx, "1", status))
	require.NoError(t, c.SetNotifierStatus(ctx, "none", status))
	n.Enabled, n.Type, n.Config, n.Name = false, "pigeon", `{"loft":"東"}`, "m"
	require.NoError(t, c.PutNotifier(ctx, n))
	got, statuses, err := reopen().ListNotifiers(ctx)
	require.NoError(t, err)
	require.Equal(t, []storage.Notifier{n}, got)
	require.Equal(t, map[string]storage.NotifierStatus{"1": status}, statuses, "an edit keeps the status")
	require.NoError(t, c.DeleteNotifier(ctx, "1"))
	require.ErrorIs(t, c.DeleteNotifier(ctx, "1"), storage.ErrNotFound)
}

func testQueue(t *testing.T, c Catalog, reopen func() Catalog) {
	t.Helper()
	ctx := t.Context()
	for _, id := range []string{"a", "b"} {
		require.NoError(t, c.PutNotifier(ctx, storage.Notifier{ID: id, Name: id, CreatedAt: moment(0)}))
	}
	n := func(id, notifier string) storage.Notification {
		return storage.Notification{ID: id, NotifierID: notifier, Payload: `{"x":"` + id + `"}`, CreatedAt: moment(1)}
	}
	group := func(notifier, alerts string) storage.NotifiedGroup {
		return storage.NotifiedGroup{NotifierID: notifier, GroupKey: "g", Alerts: alerts, UpdatedAt: moment(1)}
	}
	require.NoError(t, c.Enqueue(ctx, []storage.Notification{n("2", "a"), n("1", "a"), n("3", "b"), n("4", "deleted")},
		[]storage.NotifiedGroup{group("a", "[1]"), group("b", "[1]"), group("deleted", "[1]")}, storage.Lease{}))
	require.NoError(t, c.Enqueue(ctx, nil, []storage.NotifiedGroup{group("a", "[2]")}, storage.Lease{}))
	err := c.Enqueue(ctx, []storage.Notification{n("5", "a"), n("1", "a")}, []storage.NotifiedGroup{group("a", "[3]")}, storage.Lease{})
	require.ErrorIs(t, err, storage.ErrConflict, "all or nothing")
	c = reopen()
	got, err := c.PendingNotifications(ctx, "a", 10)
	require.NoError(t, err)
	require.Equal(t, []storage.Notification{n("1", "a"), n("2", "a")}, got)
	for _, key := range []string{"", "g"} {
		groups, err := c.NotifiedGroups(ctx, key)
		require.NoError(t, err)
		require.Equal(t, []storage.NotifiedGroup{group("a", "[2]"), group("b", "[1]")}, groups)
	}
	groups, err := c.NotifiedGroups(ctx, "other")
	require.NoError(t, err)
	require.Empty(t, groups)
	keys, err := c.NotifiedKeys(ctx)
	require.NoError(t, err)
	require.Equal(t, []string{"g"}, keys)
	pending, err := c.CountPending(ctx)
	require.NoError(t, err)
	require.Equal(t, map[string]int{"a": 2, "b": 1}, pending)

	require.NoError(t, c.FinishNotification(ctx, "1"))
	require.NoError(t, c.FinishNotification(ctx, "1"))
	purged, err := c.PurgeNotifier(ctx, "a")
	require.NoError(t, err)
	require.Equal(t, 1, purged)
	require.NoError(t, c.Enqueue(ctx, nil, []storage.NotifiedGroup{group("b", "")}, storage.Lease{}))
	groups, err = c.NotifiedGroups(ctx, "")
	require.NoError(t, err)
	require.Empty(t, groups)
	require.NoError(t, c.DeleteNotifier(ctx, "b"))
	pending, err = c.CountPending(ctx)
	require.NoError(t, err)
	require.Empty(t, pending, "a deleted notifier takes its queue along")
}

func testConcurrentWriters(t *testing.T, c Catalog, reopen func() Catalog) {
	t.Helper()
	ctx := t.Context()
	other := reopen()
	var wg sync.WaitGroup
	errs := make(chan error, 64)
	for i, cat := range []Catalog{c, other, c, other} {
		wg.Go(func() {
			for j := range 15 {
				errs <- cat.CreateKey(ctx, storage.Key{ID: fmt.Sprint(i, "/", j), Hash: fmt.Sprint(i, "/", j), CreatedAt: moment(1)})
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	keys, err := c.ListKeys(ctx)
	require.NoError(t, err)
	require.Len(t, keys, 60)
}
