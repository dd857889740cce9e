// SPDX-License-Identifier: Apache-2.0

package storagetest

import (
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/tenant"
)

// rollupChanges watches whether a catalog says that rollups have changed.
type rollupChanges struct {
	Catalog
	reopen func() Catalog
	seen   map[string]bool
}

// changed fails where the version is one that was there before.
func (c *rollupChanges) changed(t *testing.T, err error) {
	t.Helper()
	require.NoError(t, err)
	v, err := c.RollupsVersion(t.Context())
	require.NoError(t, err)
	require.False(t, c.seen[v], "a change makes another version")
	c.seen[v] = true
	again, err := c.reopen().RollupsVersion(t.Context())
	require.NoError(t, err)
	require.Equal(t, v, again, "without a change")
}

// unchanged fails where err is not want or something has changed.
func (c *rollupChanges) unchanged(t *testing.T, err, want error) {
	t.Helper()
	require.ErrorIs(t, err, want)
	v, err := c.RollupsVersion(t.Context())
	require.NoError(t, err)
	require.True(t, c.seen[v], "nothing has changed")
}

func (c *rollupChanges) versions(t *testing.T, owner tenant.ID, id string) []storage.Rollup {
	t.Helper()
	rs, err := c.RollupVersions(t.Context(), owner, id)
	require.NoError(t, err)
	return rs
}

// firstRollup is the first version of a rollup.
func firstRollup(owner tenant.ID, id, name string) storage.Rollup {
	return storage.Rollup{
		ID: id, Tenant: owner, Name: name, Version: 1, Definition: `{"q":"größe '\"; --"}`, CreatedAt: moment(1), UpdatedAt: moment(1), UpdatedBy: "key k",
	}
}

func testRollups(t *testing.T, catalog Catalog, reopen func() Catalog) {
	t.Helper()
	ctx, c := t.Context(), &rollupChanges{Catalog: catalog, reopen: reopen, seen: map[string]bool{}}
	c.changed(t, nil)
	none, err := c.ListRollups(ctx)
	require.NoError(t, err)
	require.Empty(t, none)
	_, err = c.RollupVersions(ctx, "team-a", "1")
	require.ErrorIs(t, err, storage.ErrNotFound)

	a, b, other, again := firstRollup("team-a", "1", "ä"), firstRollup("team-a", "2", "Z"), firstRollup("team-b", "1", "ä"), firstRollup("team-a", "4", "ä")
	for _, r := range []storage.Rollup{a, b, other} {
		c.changed(t, c.PutRollup(ctx, r))
	}
	a2 := a
	a2.Version, a2.Name, a2.Definition, a2.UpdatedAt, a2.UpdatedBy = 2, "a", `{}`, moment(2), "session s"
	c.refuses(t, a, a2)
	c.changed(t, c.PutRollup(ctx, a2))
	c.unchanged(t, c.PutRollup(ctx, a2), storage.ErrConflict)
	c.changed(t, c.PutRollup(ctx, again)) // Its name is free now.

	list, err := reopen().ListRollups(ctx)
	require.NoError(t, err)
	require.Equal(t, []storage.Rollup{b, a2, again, other}, list, "the newest ones, by tenant and name")
	require.Equal(t, []storage.Rollup{a2, a}, c.versions(t, "team-a", "1"))

	c.pauses(t, a, a2)

	c.changed(t, c.DeleteRollup(ctx, "team-a", "1"))
	c.unchanged(t, c.DeleteRollup(ctx, "team-a", "1"), storage.ErrNotFound)
	c.unchanged(t, c.DeleteRollup(ctx, "team-b", "2"), storage.ErrNotFound)
	_, err = c.RollupVersions(ctx, "team-a", "1")
	require.ErrorIs(t, err, storage.ErrNotFound)
	require.Equal(t, []storage.Rollup{other}, c.versions(t, "team-b", "1"), "of the same id, and another tenant's")
	a.Name = "anew"
	c.changed(t, c.PutRollup(ctx, a))
	require.Equal(t, []storage.Rollup{a}, c.versions(t, "team-a", "1"), "none of the former versions")
}

// refuses tries what cannot be put where a is there and a2 would be its second version.
func (c *rollupChanges) refuses(t *testing.T, a, a2 storage.Rollup) {
	t.Helper()
	ctx := t.Context()
	c.unchanged(t, c.PutRollup(ctx, a), storage.ErrConflict)
	c.unchanged(t, c.PutRollup(ctx, firstRollup(a.Tenant, "3", "Z")), storage.ErrConflict)
	for _, version := range []int{1, 3, 4} {
		wrong := a2
		wrong.Version = version
		c.unchanged(t, c.PutRollup(ctx, wrong), storage.ErrConflict)
	}
	taken, missing := a2, a2
	taken.Name, missing.ID = "Z", "9"
	c.unchanged(t, c.PutRollup(ctx, taken), storage.ErrConflict)
	c.unchanged(t, c.PutRollup(ctx, missing), storage.ErrConflict)
	for _, change := range []func(*storage.Rollup){
		func(r *storage.Rollup) { r.Tenant = "" }, func(r *storage.Rollup) { r.ID = "" }, func(r *storage.Rollup) { r.Version = 0 }, func(r *storage.Rollup) { r.Version = -1 },
	} {
		bad := a2
		change(&bad)
		c.unchanged(t, c.PutRollup(ctx, bad), storage.ErrInvalid)
	}
}

// pauses: a rollup is paused with all its versions; a is the first one and a2 the second.
func (c *rollupChanges) pauses(t *testing.T, a, a2 storage.Rollup) {
	t.Helper()
	ctx := t.Context()
	for _, paused := range []bool{true, false, true} {
		c.changed(t, c.PauseRollup(ctx, a.Tenant, a.ID, paused, moment(3)))
		a.Paused, a2.Paused, a2.UpdatedAt = paused, paused, moment(3)
		require.Equal(t, []storage.Rollup{a2, a}, c.versions(t, a.Tenant, a.ID))
	}
	c.unchanged(t, c.PauseRollup(ctx, a.Tenant, "9", true, moment(3)), storage.ErrNotFound)
	c.unchanged(t, c.PauseRollup(ctx, "team-c", a.ID, true, moment(3)), storage.ErrNotFound)
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
				r := storage.Rollup{ID: "1", Tenant: "team-a", Name: "n", Version: v + 1, Definition: strconv.Itoa(w), CreatedAt: moment(1), UpdatedAt: moment(1)}
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
