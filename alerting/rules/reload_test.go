// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage"
)

// looked reloads what has changed and returns the warnings.
func (f *fixture) looked() []string {
	f.t.Helper()
	require.NoError(f.t, f.ReloadChanged(f.t.Context()))
	return f.Warnings()
}

func TestRuleFiles(t *testing.T) {
	dir := t.TempDir()
	n := 0
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		n++ // A file system's clock may be coarse.
		require.NoError(t, os.Chtimes(path, time.Time{}, time.Unix(int64(n), 0)))
		return path
	}
	f := newFixture(t, func(o *Options) { o.Files = []string{filepath.Join(dir, "*.yml"), "["} })
	good := write("good.yml", "groups:\n- {name: g, rules: [{alert: One, expr: up == 0}]}\n")
	write("broken.yml", "groups: [")
	f.start()
	require.NotNil(t, f.rule("One"))
	require.Equal(t, []string{LeaseName(good, "g")}, f.Leases())
	require.Len(t, f.Warnings(), 2, "the broken file and the broken pattern: %v", f.Warnings())
	require.InDelta(t, 2, f.metric("strata_alerting_rule_sources_broken"), 0)

	write("good.yml", "groups:\n- {name: g, rules: [{alert: Two, expr: up == 0}]}\n")
	f.looked()
	require.NotNil(t, f.rule("Two"))
	require.Nil(t, f.rule("One"))
	write("good.yml", "groups:\n- {name: g, rules: [{alert: Three, expr: (}]}\n")
	require.Len(t, f.looked(), 3, "a mistake is reported")
	require.NotNil(t, f.rule("Two"), "and the last good rules stay")
	f.group(simpleGroup)
	require.NotNil(t, f.rule("Broken"), "nor does it stop the groups of the API")
	groups, warnings, err := f.State().RuleGroups(t.Context())
	require.NoError(t, err)
	require.Len(t, warnings, 3)
	require.Len(t, groups, 1, "of the API none")
	require.Equal(t, []string{good, "g", "Two"}, []string{groups[0].File, groups[0].Group.Name, groups[0].Group.Rules[0].Alert})
	require.NoError(t, os.Remove(good))
	f.looked()
	require.Nil(t, f.rule("Two"), "a removed file is gone")
}

func TestBuiltInRules(t *testing.T) {
	f := newFixture(t, func(o *Options) {
		o.BuiltIn = map[string]string{"redis": "groups:\n- {name: redis, rules: [{alert: RedisDown, expr: up == 0}]}\n", "odd": "groups: ["}
	})
	f.start()
	require.NotNil(t, f.rule("RedisDown"))
	require.Len(t, f.Warnings(), 1, "%v", f.Warnings())
	require.Contains(t, f.Warnings()[0], "builtin:odd: ")
	groups, _, err := f.State().RuleGroups(t.Context())
	require.NoError(t, err)
	require.Len(t, groups, 1)
	require.Equal(t, "builtin:redis", groups[0].File)
}

// TestReloadBeforeLoad: the manager would wait for groups that do not run.
func TestReloadBeforeLoad(t *testing.T) {
	f := newFixture(t)
	f.group(simpleGroup)
	require.Nil(t, f.rule("Broken"))
	require.Empty(t, f.Leases())
	f.start()
	require.NotNil(t, f.rule("Broken"))
}

func TestReloadFails(t *testing.T) {
	store := &countedRules{}
	f := newFixture(t, func(o *Options) { store.RuleStore, o.Groups = o.Groups, store })
	store.err = storage.ErrUnavailable
	require.ErrorIs(t, f.Load(t.Context()), storage.ErrUnavailable)
	store.err = nil
	f.start()
	f.group(simpleGroup)
	store.err = storage.ErrUnavailable
	require.ErrorIs(t, f.Reload(t.Context()), storage.ErrUnavailable)
	require.NotNil(t, f.rule("Broken"), "the rules stay")

	store.err = nil
	lists := store.lists
	require.NoError(t, f.ReloadChanged(t.Context()))
	require.Equal(t, lists, store.lists, "no file has changed")
	f.Invalidate()
	require.NoError(t, f.ReloadChanged(t.Context()))
	require.Equal(t, lists+1, store.lists)
}

// countedRules counts how often the groups are listed. It is used by one goroutine.
type countedRules struct {
	storage.RuleStore
	err   error
	lists int
}

func (c *countedRules) ListRuleGroups(ctx context.Context) ([]storage.RuleGroup, error) {
	c.lists++
	if c.err != nil {
		return nil, c.err
	}
	return c.RuleStore.ListRuleGroups(ctx)
}

// versions is a version that another process changes.
type versions struct{ n atomic.Int64 }

func (v *versions) RulesVersion(context.Context) (string, error) {
	if n := v.n.Load(); n >= 0 {
		return strconv.FormatInt(n, 10), nil
	}
	return "", storage.ErrUnavailable
}

// TestPoll: a group that another process has stored is loaded when the version changes, and not while the catalog is away.
func TestPoll(t *testing.T) {
	v := &versions{}
	f := newFixture(t, func(o *Options) { o.Versions = v })
	f.start()
	require.NoError(t, f.cat.CreateRuleGroup(t.Context(), storage.RuleGroup{ID: "x", Name: "shop", YAML: simpleGroup}))
	v.n.Store(-1)
	require.ErrorIs(t, f.Reload(t.Context()), storage.ErrUnavailable)
	require.Nil(t, f.rule("Broken"))
	v.n.Store(1)
	f.eventually("loaded", func() bool { return f.rule("Broken") != nil })
}

// TestCorruptedGroup: a group of the catalog that cannot be read any more is reported, keeps the rules it had until a restart, and stops
// no other.
func TestCorruptedGroup(t *testing.T) {
	f := newFixture(t)
	f.start()
	id := f.group(simpleGroup)
	f.group("name: other\nrules:\n- {alert: Other, expr: up == 0}\n")
	corrupt := storage.RuleGroup{ID: id, Name: "shop", YAML: "name: [", UpdatedAt: time.Now()}
	require.NoError(t, f.cat.UpdateRuleGroup(t.Context(), corrupt))
	require.NoError(t, f.Reload(t.Context()))
	require.NotNil(t, f.rule("Broken"))
	require.NotNil(t, f.rule("Other"))
	require.Len(t, f.Warnings(), 1)
	require.Contains(t, f.Warnings()[0], APIPrefix+id+": ")
	require.InDelta(t, 1, f.metric("strata_alerting_rule_sources_broken"), 0)
	f.restart()
	require.Nil(t, f.rule("Broken"))
	require.NotNil(t, f.rule("Other"))
	corrupt.YAML = simpleGroup
	require.NoError(t, f.cat.UpdateRuleGroup(t.Context(), corrupt))
	require.NoError(t, f.Reload(t.Context()))
	require.NotNil(t, f.rule("Broken"))
	require.Empty(t, f.Warnings())
	require.NoError(t, f.cat.DeleteRuleGroup(t.Context(), id))
	require.NoError(t, f.Reload(t.Context()))
	require.Len(t, f.Leases(), 1, "the lease of a group that is gone is not wanted")
}
