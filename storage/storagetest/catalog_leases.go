// SPDX-License-Identifier: Apache-2.0

package storagetest

import (
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage"
)

// long is a lease that does not end during a test.
const long = time.Hour

func acquire(t *testing.T, c storage.LeaseStore, holder string, ttl time.Duration, names ...string) []string {
	t.Helper()
	held, err := c.AcquireLeases(t.Context(), holder, names, ttl)
	require.NoError(t, err)
	return held
}

func testLeases(t *testing.T, c Catalog, reopen func() Catalog) {
	t.Helper()
	ctx, other := t.Context(), reopen()
	require.Empty(t, acquire(t, c, "a", long))
	require.Equal(t, []string{"rules/x", "rules/ü/%_"}, acquire(t, c, "a", long, "rules/ü/%_", "rules/x", "rules/x"), "sorted, each once")
	require.Equal(t, []string{"rules/y"}, acquire(t, other, "b", long, "rules/x", "rules/y"), "only what is free")
	require.Equal(t, []string{"rules/x"}, acquire(t, c, "a", 2*long, "rules/x", "rules/y"), "its own is renewed")
	ls, err := other.ListLeases(ctx, "rules/")
	require.NoError(t, err)
	require.Len(t, ls, 3)
	require.Equal(t, []string{"rules/x", "rules/y", "rules/ü/%_"}, []string{ls[0].Name, ls[1].Name, ls[2].Name})
	require.Equal(t, []string{"a", "b", "a"}, []string{ls[0].Holder, ls[1].Holder, ls[2].Holder})
	require.InDelta(t, 2*long, ls[0].Remaining, float64(time.Minute))
	require.InDelta(t, long, ls[1].Remaining, float64(time.Minute))
	for _, prefix := range []string{"rules/%", "rules/_", "Rules/", "z"} {
		ls, err = c.ListLeases(ctx, prefix)
		require.NoError(t, err)
		require.Empty(t, ls, prefix)
	}

	require.NoError(t, c.ReleaseLeases(ctx, "a", []string{"rules/x", "rules/y", "none"}))
	require.Equal(t, []string{"rules/x"}, acquire(t, other, "c", long, "rules/x", "rules/y"), "free at once, and the other's stays its own")

	require.Equal(t, []string{"short"}, acquire(t, c, "a", 50*time.Millisecond, "short"))
	require.Empty(t, acquire(t, other, "b", long, "short"))
	require.Eventually(t, func() bool { return len(acquire(t, other, "b", long, "short")) == 1 }, 5*time.Second, 10*time.Millisecond, "expired")
	require.Empty(t, acquire(t, c, "a", long, "short"), "the old holder has lost it")
	acquire(t, c, "a", time.Millisecond, "gone")
	require.Eventually(t, func() bool {
		ls, err := c.ListLeases(ctx, "gone")
		return err == nil && len(ls) == 0
	}, 5*time.Second, 10*time.Millisecond, "what has expired is not listed")

	many := make([]string, 3000)
	for i := range many {
		many[i] = fmt.Sprintf("many/%04d", i)
	}
	require.Equal(t, many, acquire(t, c, "a", long, many...))
	require.NoError(t, c.ReleaseLeases(ctx, "a", many))
}

// testLeaseRace lets many holders on two connections fight for a few leases: of one name no two may think that they have it.
func testLeaseRace(t *testing.T, c Catalog, reopen func() Catalog) {
	t.Helper()
	const holders, rounds = 8, 40
	names := []string{"c", "a", "b"}
	stores := []Catalog{c, reopen()}
	var owners [3]atomic.Int32
	var taken atomic.Int32
	errs := make(chan error, holders*rounds)
	var wg sync.WaitGroup
	for h := range holders {
		wg.Go(func() {
			store, holder := stores[h%2], fmt.Sprint("holder ", h)
			for r := range rounds {
				// Each asks in an order of its own, which is how two would lock each other out.
				ask := slices.Concat(names[(h+r)%3:], names[:(h+r)%3])
				held, err := store.AcquireLeases(t.Context(), holder, ask, long)
				for _, name := range held {
					i := slices.Index(names, name)
					if n := owners[i].Add(1); n != 1 {
						err = fmt.Errorf("%d holders of %s", n, name)
					}
					taken.Add(1)
				}
				if err != nil {
					errs <- err
					return
				}
				for _, name := range held {
					owners[slices.Index(names, name)].Add(-1)
				}
				if err := store.ReleaseLeases(t.Context(), holder, held); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	require.Greater(t, taken.Load(), int32(rounds), "the leases went round")
}

// testLeaseHandOver is the same with leases that run out instead of being released: one holder's time has passed before the next one's
// begins.
func testLeaseHandOver(t *testing.T, c Catalog, reopen func() Catalog) {
	t.Helper()
	const ttl = 200 * time.Millisecond
	stores := []Catalog{c, reopen()}
	var mu sync.Mutex
	var until time.Time // when the last holder counted on it to end
	var last string
	changes := 0
	stop := time.Now().Add(2 * time.Second)
	errs := make(chan error, 16)
	var wg sync.WaitGroup
	for h := range 6 {
		wg.Go(func() {
			holder := fmt.Sprint("holder ", h)
			for time.Now().Before(stop) {
				asked := time.Now()
				held, err := stores[h%2].AcquireLeases(t.Context(), holder, []string{"x"}, ttl)
				if err != nil {
					errs <- err
					return
				}
				mu.Lock()
				if len(held) == 1 {
					if last != holder && time.Now().Before(until) {
						errs <- fmt.Errorf("%s got it %s before %s lost it", holder, time.Until(until), last)
					}
					if last != holder {
						changes++
					}
					// A holder counts from before it asked, so its end is never after the store's.
					until, last = asked.Add(ttl), holder
				}
				mu.Unlock()
				if len(held) == 1 {
					time.Sleep(ttl + 50*time.Millisecond) // Does not renew.
				} else {
					time.Sleep(5 * time.Millisecond)
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	require.Greater(t, changes, 2)
}

// testQueueOfALease is the fence: who has lost the lease stores nothing, whatever it believes.
func testQueueOfALease(t *testing.T, c Catalog, reopen func() Catalog) {
	t.Helper()
	ctx := t.Context()
	require.NoError(t, c.PutNotifier(ctx, storage.Notifier{ID: "n", Name: "n", CreatedAt: moment(0)}))
	enqueue := func(id, holder string) error {
		return c.Enqueue(ctx, []storage.Notification{{ID: id, NotifierID: "n", CreatedAt: moment(1)}},
			[]storage.NotifiedGroup{{NotifierID: "n", GroupKey: "g", Alerts: id, UpdatedAt: moment(1)}}, storage.Lease{Name: "rules/x", Holder: holder})
	}
	require.ErrorIs(t, enqueue("1", "a"), storage.ErrConflict, "nobody has it")
	acquire(t, c, "a", long, "rules/x")
	require.NoError(t, enqueue("2", "a"))
	require.ErrorIs(t, enqueue("3", "b"), storage.ErrConflict)
	acquire(t, c, "a", time.Millisecond, "rules/x")
	require.Eventually(t, func() bool { return len(acquire(t, reopen(), "b", long, "rules/x")) == 1 }, 5*time.Second, 10*time.Millisecond)
	require.ErrorIs(t, enqueue("4", "a"), storage.ErrConflict, "it has run out")
	require.NoError(t, enqueue("5", "b"))
	got, err := c.PendingNotifications(ctx, "n", 10)
	require.NoError(t, err)
	require.Len(t, got, 2)
	require.Equal(t, []string{"2", "5"}, []string{got[0].ID, got[1].ID})
	groups, err := c.NotifiedGroups(ctx, "g")
	require.NoError(t, err)
	require.Len(t, groups, 1)
	require.Equal(t, "5", groups[0].Alerts)
}

func testInstances(t *testing.T, c Catalog, reopen func() Catalog) {
	t.Helper()
	ctx := t.Context()
	in := storage.Instance{ID: "b", Role: "writer", URL: "http://10.0.0.1:7080", Version: "1", Group: "g", StartedAt: moment(1), SeenAt: moment(2)}
	require.NoError(t, c.PutInstance(ctx, in))
	require.NoError(t, c.PutInstance(ctx, storage.Instance{ID: "a", Role: "alert", StartedAt: moment(1)}))
	in.Version, in.StartedAt = "2", moment(5)
	require.NoError(t, reopen().PutInstance(ctx, in))
	for _, within := range []time.Duration{0, time.Hour} {
		got, err := c.ListInstances(ctx, within)
		require.NoError(t, err)
		require.Len(t, got, 2)
		require.Equal(t, "a", got[0].ID)
		require.WithinDuration(t, time.Now(), got[1].SeenAt, time.Minute, "by the store's clock")
		in.SeenAt = got[1].SeenAt
		require.Equal(t, in, got[1])
	}
	require.Eventually(t, func() bool {
		got, err := c.ListInstances(ctx, time.Millisecond)
		return err == nil && len(got) == 0
	}, 5*time.Second, 5*time.Millisecond, "not seen within so short a time")
	require.NoError(t, c.PutInstance(ctx, in))
	got, err := c.ListInstances(ctx, time.Second)
	require.NoError(t, err)
	require.NotEmpty(t, got, "seen again")
	require.NoError(t, c.DeleteInstance(ctx, "a"))
	require.NoError(t, c.DeleteInstance(ctx, "a"))
	got, err = c.ListInstances(ctx, 0)
	require.NoError(t, err)
	require.Len(t, got, 1)
}

// testByteOrder: names are ordered by their bytes, whatever the locale of the database.
func testByteOrder(t *testing.T, c Catalog, _ func() Catalog) {
	t.Helper()
	want := []string{"B", "Z-1", "Z1", "_x", "a", "ä", "中"}
	for i, name := range []string{"ä", "a", "中", "Z1", "_x", "B", "Z-1"} {
		require.NoError(t, c.CreateRuleGroup(t.Context(), storage.RuleGroup{ID: strconv.Itoa(i), Name: name, CreatedAt: moment(1), UpdatedAt: moment(1)}))
	}
	groups, err := c.ListRuleGroups(t.Context())
	require.NoError(t, err)
	var got []string
	for _, g := range groups {
		got = append(got, g.Name)
	}
	require.Equal(t, want, got)
}
