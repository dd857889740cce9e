// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/internal/testutil/pgtest"
	"github.com/strata-apm/strata/storage"
)

// TestShared is what holds between processes that share a catalog, in both databases.
func TestShared(t *testing.T) {
	server := pgtest.Start(t)
	for name, test := range map[string]func(*testing.T, func(*testing.T) *Catalog){
		"one driver": testOneDriver, "fence holds": testFenceHolds, "sign-in": testSigninOverProcesses, "one roll-out": testOneRollout,
		"revoked": testRevokedWhileItSignsIn, "snapshot": testReaderDoesNotWait, "undone": testUndone, "agents": testAgentsOfTwoProcesses,
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, server, func(t *testing.T, connect func(*testing.T) *Catalog) {
				t.Helper()
				require.NoError(t, connect(t).migrate(t.Context(), migrations()))
				test(t, connect)
			})
		})
	}
}

// together runs fn in n goroutines at once and returns the first error.
func together(n int, fn func(i int) error) error {
	errs := make([]error, n)
	var ready, done sync.WaitGroup
	ready.Add(n)
	for i := range n {
		done.Go(func() {
			ready.Done()
			ready.Wait()
			errs[i] = fn(i)
		})
	}
	done.Wait()
	return errors.Join(errs...)
}

// testOneDriver: what is written under a lease is written by its holder; whoever only believes in it is refused each time.
func testOneDriver(t *testing.T, connect func(*testing.T) *Catalog) {
	t.Helper()
	ctx := t.Context()
	stores := []*Catalog{connect(t), connect(t), connect(t)}
	now := time.Now()
	require.NoError(t, stores[0].CreateRollout(ctx, storage.Rollout{ID: "r", Active: true, CreatedAt: now, UpdatedAt: now}))
	var driver atomic.Int32 // the process that has the lease, counted from 1
	var wrote, refused atomic.Int32
	err := together(len(stores), func(i int) error {
		me := storage.Lease{Name: "fleet/driver", Holder: fmt.Sprint("process ", i)}
		for range 25 {
			held, err := stores[i].AcquireLeases(ctx, me.Holder, []string{me.Name}, time.Hour)
			if err != nil {
				return err
			}
			if len(held) == 1 && !driver.CompareAndSwap(0, int32(i+1)) {
				return fmt.Errorf("process %d has the lease of process %d", i, driver.Load()-1)
			}
			r := storage.Rollout{ID: "r", Active: true, State: me.Holder, UpdatedAt: now}
			err = stores[i].UpdateRollout(ctx, r, []storage.Assignment{{AgentID: "a", ConfigID: me.Holder}}, me)
			switch {
			case len(held) == 0 && errors.Is(err, storage.ErrConflict):
				refused.Add(1)
				continue
			case len(held) == 0:
				return fmt.Errorf("without the lease: %w", err)
			case err != nil:
				return err
			}
			got, err := stores[(i+1)%len(stores)].Rollout(ctx, "r")
			if err != nil || got.State != me.Holder {
				return fmt.Errorf("read %q after %q was written: %w", got.State, me.Holder, err)
			}
			wrote.Add(1)
			driver.Store(0)
			if err := stores[i].ReleaseLeases(ctx, me.Holder, held); err != nil {
				return err
			}
		}
		return nil
	})
	require.NoError(t, err)
	require.Positive(t, wrote.Load())
	as, err := stores[0].Assignments(ctx)
	require.NoError(t, err)
	got, err := stores[1].Rollout(ctx, "r")
	require.NoError(t, err)
	require.Equal(t, got.State, as["a"].ConfigID, "the roll-out and its assignments are written together")
	t.Logf("%d written, %d refused", wrote.Load(), refused.Load())
}

// testFenceHolds: while a transaction under a lease goes on nobody else gets the lease, though its time is over.
func testFenceHolds(t *testing.T, connect func(*testing.T) *Catalog) {
	t.Helper()
	ctx := t.Context()
	one, two := connect(t), connect(t)
	me := storage.Lease{Name: "rules/x", Holder: "one"}
	held, err := one.AcquireLeases(ctx, me.Holder, []string{me.Name}, 300*time.Millisecond)
	require.NoError(t, err)
	require.Len(t, held, 1)
	committed := make(chan time.Time, 1)
	got := make(chan time.Time, 1)
	require.NoError(t, inTx(ctx, one.write, func(tx *sql.Tx) error {
		if err := one.fence(ctx, tx, me); err != nil {
			return err
		}
		go func() {
			for {
				held, err := two.AcquireLeases(ctx, "two", []string{me.Name}, time.Hour)
				if err != nil || len(held) == 1 {
					got <- time.Now()
					return
				}
			}
		}()
		// Twice as long as the lease.
		require.Never(t, func() bool { return len(got) > 0 }, 600*time.Millisecond, 20*time.Millisecond, "another has the lease in the middle of the transaction")
		committed <- time.Now()
		return nil
	}))
	require.False(t, (<-got).Before(<-committed))
	require.ErrorIs(t, one.Assign(ctx, []storage.Assignment{{AgentID: "a"}}, me), storage.ErrConflict)
	require.NoError(t, one.Assign(ctx, []storage.Assignment{{AgentID: "a"}}, storage.Lease{}), "what needs no lease")
}

// testSigninOverProcesses: a token is good once, whichever process it is shown to.
func testSigninOverProcesses(t *testing.T, connect func(*testing.T) *Catalog) {
	t.Helper()
	stores := []*Catalog{connect(t), connect(t), connect(t), connect(t)}
	now := time.Now()
	for range 10 {
		require.NoError(t, stores[0].CreateSigninToken(t.Context(), "token", now.Add(time.Hour)))
		var won atomic.Int32
		require.NoError(t, together(len(stores), func(i int) error {
			err := stores[i].ConsumeSigninToken(t.Context(), "token", now)
			if err == nil {
				won.Add(1)
				return nil
			}
			if errors.Is(err, storage.ErrNotFound) {
				return nil
			}
			return err
		}))
		require.EqualValues(t, 1, won.Load())
	}
}

// testOneRollout: of those that are begun at once one is, the others are told of the conflict, and nothing of them stays.
func testOneRollout(t *testing.T, connect func(*testing.T) *Catalog) {
	t.Helper()
	stores := []*Catalog{connect(t), connect(t), connect(t)}
	now := time.Now()
	for round := range 5 {
		var won atomic.Int32
		require.NoError(t, together(len(stores), func(i int) error {
			err := stores[i].CreateRollout(t.Context(), storage.Rollout{ID: fmt.Sprint(round, "/", i), Active: true, CreatedAt: now, UpdatedAt: now})
			switch {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, storage.ErrConflict):
				return err
			}
			return nil
		}))
		require.EqualValues(t, 1, won.Load())
		all, err := stores[0].ListRollouts(t.Context(), "", 100)
		require.NoError(t, err)
		require.Len(t, all, round+1)
		over := all[0]
		over.Active, over.State = false, "done"
		require.NoError(t, stores[1].UpdateRollout(t.Context(), over, nil, storage.Lease{}))
	}
}

// testRevokedWhileItSignsIn: no session of a key outlives its revocation.
func testRevokedWhileItSignsIn(t *testing.T, connect func(*testing.T) *Catalog) {
	t.Helper()
	ctx := t.Context()
	one, two := connect(t), connect(t)
	now := time.Now()
	require.NoError(t, one.CreateKey(ctx, storage.Key{ID: "k", Hash: "h", CreatedAt: now}))
	for i := range 10 {
		require.NoError(t, two.CreateSession(ctx, storage.Session{Hash: strconv.Itoa(i), KeyID: "k", CreatedAt: now, ExpiresAt: now.Add(time.Hour)}))
	}
	require.NoError(t, two.CreateSession(ctx, storage.Session{Hash: "other", KeyID: "k2", CreatedAt: now, ExpiresAt: now.Add(time.Hour)}))
	require.NoError(t, together(2, func(i int) error {
		return []*Catalog{one, two}[i].RevokeKey(ctx, "k", now.Add(time.Duration(i)*time.Second))
	}))
	for i := range 10 {
		_, err := one.SessionByHash(ctx, strconv.Itoa(i))
		require.ErrorIs(t, err, storage.ErrNotFound)
	}
	_, err := two.SessionByHash(ctx, "other")
	require.NoError(t, err)
	k, err := two.KeyByHash(ctx, "h")
	require.NoError(t, err)
	first := k.RevokedAt
	require.NoError(t, one.RevokeKey(ctx, "k", now.Add(time.Hour)))
	k, err = two.KeyByHash(ctx, "h")
	require.NoError(t, err)
	require.Equal(t, first, k.RevokedAt, "it was revoked when it was")
}

// testReaderDoesNotWait: reads go on beside a transaction that writes, and see nothing of it before it is over.
func testReaderDoesNotWait(t *testing.T, connect func(*testing.T) *Catalog) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	one, two := connect(t), connect(t)
	now := time.Now()
	require.NoError(t, one.CreateRuleGroup(ctx, storage.RuleGroup{ID: "1", Name: "a", YAML: "old", CreatedAt: now, UpdatedAt: now}))
	before, err := two.RulesVersion(ctx)
	require.NoError(t, err)
	require.NoError(t, inTx(ctx, one.write, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `UPDATE rule_groups SET yaml = 'new', updated_at = updated_at + 1`); err != nil {
			return err
		}
		groups, err := two.ListRuleGroups(ctx)
		if err != nil || len(groups) != 1 || groups[0].YAML != "old" {
			return fmt.Errorf("read %v beside the transaction: %w", groups, err)
		}
		during, err := two.RulesVersion(ctx)
		if err == nil && during != before {
			err = errors.New("the version is that of what is not there yet")
		}
		return err
	}))
	after, err := two.RulesVersion(ctx)
	require.NoError(t, err)
	require.NotEqual(t, before, after)
}

// testUndone: an error in a transaction leaves nothing, and one that the database undid is run again, a few times.
func testUndone(t *testing.T, connect func(*testing.T) *Catalog) {
	t.Helper()
	ctx := t.Context()
	c := connect(t)
	insert := func(tx *sql.Tx, id string) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO rule_groups (id, name, yaml, created_at, updated_at) VALUES ($1, $1, '', 0, 0)`, id)
		return err
	}
	errStop := errors.New("stop")
	runs := 0
	require.ErrorIs(t, inTx(ctx, c.write, func(tx *sql.Tx) error {
		runs++
		return errors.Join(insert(tx, "1"), errStop)
	}), errStop)
	require.Equal(t, 1, runs)
	groups, err := c.ListRuleGroups(ctx)
	require.NoError(t, err)
	require.Empty(t, groups)

	for code, want := range map[string]int{"40001": attempts, "40P01": attempts, "23505": 1} {
		runs = 0
		require.Error(t, inTx(ctx, c.write, func(*sql.Tx) error {
			runs++
			return &pgconn.PgError{Code: code}
		}))
		require.Equal(t, want, runs, code)
	}
	runs = 0
	require.NoError(t, inTx(ctx, c.write, func(tx *sql.Tx) error {
		if runs++; runs < attempts {
			return errors.Join(insert(tx, "2"), &pgconn.PgError{Code: "40P01"})
		}
		return insert(tx, "2")
	}))
	groups, err = c.ListRuleGroups(ctx)
	require.NoError(t, err)
	require.Len(t, groups, 1, "once, though it was run several times")

	over, cancel := context.WithCancel(ctx)
	cancel()
	require.ErrorIs(t, inTx(over, c.write, func(*sql.Tx) error { return nil }), context.Canceled)
}

// testAgentsOfTwoProcesses: both tell of the same agents in different orders, and neither locks the other up.
func testAgentsOfTwoProcesses(t *testing.T, connect func(*testing.T) *Catalog) {
	t.Helper()
	ctx := t.Context()
	stores := []*Catalog{connect(t), connect(t)}
	const n = 20
	require.NoError(t, together(len(stores), func(i int) error {
		for range 5 {
			var agents []storage.Agent
			var seen []string
			for j := range n {
				id := fmt.Sprintf("%02d", (j*(7-4*i)+i)%n)
				agents, seen = append(agents, storage.Agent{ID: id, HostName: id, Instance: strconv.Itoa(i), Labels: map[string]string{}}), append(seen, id)
			}
			unknown, err := stores[i].SaveAgents(ctx, agents[:n/2], seen)
			if err != nil {
				return err
			}
			if len(unknown) > n/2 {
				return fmt.Errorf("%v are unknown, although half of them were stored with the same call", unknown)
			}
			if _, err := stores[i].SaveAgents(ctx, agents, nil); err != nil {
				return err
			}
		}
		return nil
	}))
	all, err := stores[0].ListAgents(ctx, storage.AgentQuery{})
	require.NoError(t, err)
	require.Len(t, all, n)
	for i, a := range all {
		require.Equal(t, fmt.Sprintf("%02d", i), a.ID)
		require.False(t, a.SeenAt.Before(a.FirstSeen))
	}
}

// TestBusy: while another process has the file for itself calls wait, and fail as unavailable when that takes too long.
func TestBusy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalog.db")
	c := open(t, path)
	c.run(t, `PRAGMA busy_timeout = 50`)
	other := connected(t, sqliteDialect(), "sqlite", dataSource(path, false))
	ctx := t.Context()
	put := func(id string) error {
		return c.PutNotifier(ctx, storage.Notifier{ID: id, Name: id, Config: "{}", CreatedAt: time.Now()})
	}
	require.NoError(t, inTx(ctx, other.write, func(tx *sql.Tx) error {
		begin := time.Now()
		if err := put("1"); !errors.Is(err, storage.ErrUnavailable) {
			return fmt.Errorf("write beside a writer: %w", err)
		}
		if d := time.Since(begin); d < 40*time.Millisecond {
			return fmt.Errorf("gave up after %s", d)
		}
		_, _, err := c.ListNotifiers(ctx)
		return err
	}))
	require.NoError(t, put("1"))

	c.run(t, `PRAGMA busy_timeout = 5000`)
	done := make(chan error, 1)
	require.NoError(t, inTx(ctx, other.write, func(*sql.Tx) error {
		go func() { done <- put("2") }()
		select {
		case err := <-done:
			return fmt.Errorf("a write went on beside a writer: %w", err)
		case <-time.After(100 * time.Millisecond):
			return nil
		}
	}))
	require.NoError(t, <-done, "it waited")
}
