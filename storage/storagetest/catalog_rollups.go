// SPDX-License-Identifier: Apache-2.0

package storagetest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/tenant"
)

func testRollups(t *testing.T, c Catalog, reopen func() Catalog) {
	t.Helper()
	ctx := t.Context()
	seen := map[string]bool{}
	changed := func(what string) {
		t.Helper()
		v, err := c.RollupsVersion(ctx)
		require.NoError(t, err)
		require.False(t, seen[v], what)
		seen[v] = true
		again, err := reopen().RollupsVersion(ctx)
		require.NoError(t, err)
		require.Equal(t, v, again, "without a change")
	}
	unchanged := func(err, want error) {
		t.Helper()
		require.ErrorIs(t, err, want)
		v, err := c.RollupsVersion(ctx)
		require.NoError(t, err)
		require.True(t, seen[v], "nothing has changed")
	}
	make1 := func(owner tenant.ID, id, name string) storage.Rollup {
		return storage.Rollup{
			ID: id, Tenant: owner, Name: name, Version: 1, Definition: `{"q":"größe '\"; --"}`, CreatedAt: moment(1), UpdatedAt: moment(1), UpdatedBy: "key k",
		}
	}
	changed("empty")
	none, err := c.ListRollups(ctx)
	require.NoError(t, err)
	require.Empty(t, none)
	_, err = c.RollupVersions(ctx, "team-a", "1")
	require.ErrorIs(t, err, storage.ErrNotFound)

	a, b, other := make1("team-a", "1", "ä"), make1("team-a", "2", "Z"), make1("team-b", "1", "ä")
	for _, r := range []storage.Rollup{a, b, other} {
		require.NoError(t, c.PutRollup(ctx, r))
		changed("made")
	}
	unchanged(c.PutRollup(ctx, a), storage.ErrConflict)
	unchanged(c.PutRollup(ctx, make1("team-a", "3", "Z")), storage.ErrConflict)

	a2 := a
	a2.Version, a2.Name, a2.Definition, a2.UpdatedAt, a2.UpdatedBy = 2, "a", `{}`, moment(2), "session s"
	for _, version := range []int{1, 3, 4} {
		wrong := a2
		wrong.Version = version
		unchanged(c.PutRollup(ctx, wrong), storage.ErrConflict)
	}
	taken := a2
	taken.Name = "Z"
	unchanged(c.PutRollup(ctx, taken), storage.ErrConflict)
	missing := a2
	missing.ID = "9"
	unchanged(c.PutRollup(ctx, missing), storage.ErrConflict)
	for _, change := range []func(*storage.Rollup){
		func(r *storage.Rollup) { r.Tenant = "" }, func(r *storage.Rollup) { r.ID = "" }, func(r *storage.Rollup) { r.Version = 0 }, func(r *storage.Rollup) { r.Version = -1 },
	} {
		bad := a2
		change(&bad)
		unchanged(c.PutRollup(ctx, bad), storage.ErrInvalid)
	}
	require.NoError(t, c.PutRollup(ctx, a2))
	changed("a second version")
	unchanged(c.PutRollup(ctx, a2), storage.ErrConflict)
	require.NoError(t, c.PutRollup(ctx, make1("team-a", "4", "ä")), "the name is free again")
	changed("made")

	list, err := reopen().ListRollups(ctx)
	require.NoError(t, err)
	require.Equal(t, []storage.Rollup{b, a2, make1("team-a", "4", "ä"), other}, list, "the newest ones, by tenant and name")
	versions, err := c.RollupVersions(ctx, "team-a", "1")
	require.NoError(t, err)
	require.Equal(t, []storage.Rollup{a2, a}, versions)

	testRollupPause(t, c, a, a2, changed, unchanged)

	require.NoError(t, c.DeleteRollup(ctx, "team-a", "1"))
	changed("deleted")
	unchanged(c.DeleteRollup(ctx, "team-a", "1"), storage.ErrNotFound)
	unchanged(c.DeleteRollup(ctx, "team-b", "2"), storage.ErrNotFound)
	_, err = c.RollupVersions(ctx, "team-a", "1")
	require.ErrorIs(t, err, storage.ErrNotFound)
	versions, err = c.RollupVersions(ctx, "team-b", "1")
	require.NoError(t, err)
	require.Equal(t, []storage.Rollup{other}, versions, "of the same id, and another tenant's")
	a.Name = "anew"
	require.NoError(t, c.PutRollup(ctx, a), "from version 1")
	changed("made anew")
	versions, err = c.RollupVersions(ctx, "team-a", "1")
	require.NoError(t, err)
	require.Equal(t, []storage.Rollup{a}, versions)
}

// testRollupPause: a rollup is paused with all its versions; a is the first one and a2 the second.
func testRollupPause(t *testing.T, c Catalog, a, a2 storage.Rollup, changed func(string), unchanged func(err, want error)) {
	t.Helper()
	ctx := t.Context()
	for _, paused := range []bool{true, false, true} {
		require.NoError(t, c.PauseRollup(ctx, a.Tenant, a.ID, paused, moment(3)))
		changed("paused, at a time at which it was before")
		a.Paused, a2.Paused, a2.UpdatedAt = paused, paused, moment(3)
		versions, err := c.RollupVersions(ctx, a.Tenant, a.ID)
		require.NoError(t, err)
		require.Equal(t, []storage.Rollup{a2, a}, versions)
	}
	unchanged(c.PauseRollup(ctx, a.Tenant, "9", true, moment(3)), storage.ErrNotFound)
	unchanged(c.PauseRollup(ctx, "team-c", a.ID, true, moment(3)), storage.ErrNotFound)
	list, err := c.ListRollups(ctx)
	require.NoError(t, err)
	for _, r := range list {
		require.Equal(t, r.Tenant == a.Tenant && r.ID == a.ID, r.Paused, "no other one")
	}
}

// testRollupRace: of many that store the same version at once one wins, and no version is left out.
func testRollupRace(t *testing.T, c Catalog, reopen func() Catalog) {
	t.Helper()
	const writers, versions = 6, 8
	stores := []Catalog{c, reopen()}
	var won [versions]atomic.Int32
	errs := make(chan error, writers*versions)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for v := range versions {
				r := storage.Rollup{ID: "1", Tenant: "team-a", Name: "n", Version: v + 1, Definition: fmt.Sprint(w), CreatedAt: moment(1), UpdatedAt: moment(1)}
				err := stores[w%2].PutRollup(t.Context(), r)
				if err == nil {
					won[v].Add(1)
				} else if !errors.Is(err, storage.ErrConflict) {
					errs <- err
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	for v := range won {
		require.EqualValues(t, 1, won[v].Load(), "version %d", v+1)
	}
	got, err := c.RollupVersions(t.Context(), "team-a", "1")
	require.NoError(t, err)
	require.Len(t, got, versions)
}
