// SPDX-License-Identifier: Apache-2.0

package lease

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage"
)

// clockStore is a store of leases with the bubble's clock.
type clockStore struct {
	mu    sync.Mutex
	holds map[string]storage.Lease // guarded by mu
	ends  map[string]time.Time     // guarded by mu
	err   error                    // guarded by mu
}

func newClockStore() *clockStore {
	return &clockStore{holds: map[string]storage.Lease{}, ends: map[string]time.Time{}}
}

func (s *clockStore) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *clockStore) AcquireLeases(_ context.Context, holder string, names []string, ttl time.Duration) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return nil, s.err
	}
	var out []string
	for _, n := range names {
		if l, ok := s.holds[n]; ok && l.Holder != holder && time.Now().Before(s.ends[n]) {
			continue
		}
		s.holds[n], s.ends[n] = storage.Lease{Name: n, Holder: holder}, time.Now().Add(ttl)
		out = append(out, n)
	}
	return out, nil
}

func (s *clockStore) ReleaseLeases(_ context.Context, holder string, names []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range names {
		if s.holds[n].Holder == holder {
			delete(s.holds, n)
		}
	}
	return nil
}

func (s *clockStore) ListLeases(context.Context, string) ([]storage.Lease, error) { return nil, nil }

func TestExclusive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newClockStore()
		held, release, err := Exclusive(t.Context(), s, "schema", "a")
		require.NoError(t, err)
		got := make(chan time.Time)
		go func() {
			_, releaseB, err := Exclusive(t.Context(), s, "schema", "b")
			if err == nil {
				got <- time.Now()
				releaseB()
			}
		}()
		time.Sleep(10 * time.Minute) // It is renewed all the while.
		require.NoError(t, held.Err())
		select {
		case <-got:
			t.Fatal("two have the lease")
		default:
		}
		released := time.Now()
		release()
		require.Less(t, (<-got).Sub(released), 5*time.Second)
		require.ErrorIs(t, held.Err(), context.Canceled)
		synctest.Wait()
		require.Empty(t, s.holds)
	})
}

// TestExclusiveLost: a holder that cannot renew its lease hears so before another gets it.
func TestExclusiveLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newClockStore()
		began := time.Now()
		held, release, err := Exclusive(t.Context(), s, "schema", "a")
		require.NoError(t, err)
		s.fail(errors.New("away"))
		<-held.Done()
		require.Less(t, time.Since(began), exclusiveTTL+exclusiveTTL/6+time.Second)
		release()
		_, _, err = Exclusive(t.Context(), s, "schema", "b")
		require.ErrorContains(t, err, "take the lease schema: away")
	})
}

// TestExclusiveTakenOver: a holder that was stopped for longer than the lease lasts finds another in its place.
func TestExclusiveTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newClockStore()
		held, release, err := Exclusive(t.Context(), s, "schema", "a")
		require.NoError(t, err)
		s.mu.Lock()
		s.holds["schema"], s.ends["schema"] = storage.Lease{Holder: "b"}, time.Now().Add(time.Hour)
		s.mu.Unlock()
		<-held.Done()
		release()
		require.Equal(t, "b", s.holds["schema"].Holder, "another's lease is not released")
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, _, err = Exclusive(ctx, s, "schema", "a")
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}
