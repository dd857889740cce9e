// SPDX-License-Identifier: Apache-2.0

package lease

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/strata-apm/strata/storage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is a store of leases by the clock of the test's bubble. It refuses calls of holders that are cut off.
type memory struct {
	mu     sync.Mutex
	until  map[string]time.Time
	holder map[string]string
	cutOff map[string]bool
}

var errCutOff = errors.New("the store is away")

func newMemory() *memory {
	return &memory{until: map[string]time.Time{}, holder: map[string]string{}, cutOff: map[string]bool{}}
}

func (m *memory) AcquireLeases(_ context.Context, holder string, names []string, ttl time.Duration) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cutOff[holder] {
		return nil, errCutOff
	}
	var got []string
	for _, n := range names {
		if m.holder[n] == holder || !time.Now().Before(m.until[n]) {
			m.holder[n], m.until[n] = holder, time.Now().Add(ttl)
			got = append(got, n)
		}
	}
	return got, nil
}

func (m *memory) ReleaseLeases(_ context.Context, holder string, names []string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cutOff[holder] {
		return errCutOff
	}
	for _, n := range names {
		if m.holder[n] == holder {
			delete(m.holder, n)
			delete(m.until, n)
		}
	}
	return nil
}

func (m *memory) ListLeases(context.Context, string) ([]storage.Lease, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []storage.Lease
	for n, h := range m.holder {
		if time.Now().Before(m.until[n]) {
			out = append(out, storage.Lease{Name: n, Holder: h})
		}
	}
	return out, nil
}

func (m *memory) cut(holder string, off bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cutOff[holder] = off
}

// worker is one process of a test.
type worker struct {
	*Manager
	t *testing.T

	mu       sync.Mutex
	wanted   []string
	released []string
	held     []string
}

func (w *worker) Wanted() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.wanted
}

func (w *worker) want(names ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wanted = names
}

func (w *worker) LetGo(names []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, n := range names {
		_, ok := w.Grant(n)
		require.False(w.t, ok, "%s may not be worked under while it is given back", n)
	}
	w.released = append(w.released, names...)
}

func (w *worker) Changed(held []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held = slices.Clone(held)
}

func (w *worker) has() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.held)
}

// start runs a worker until stop, which gives its leases back unless it is killed.
func start(t *testing.T, m storage.LeaseStore, name string, wanted ...string) (w *worker, stop func(killed bool)) {
	t.Helper()
	w = &worker{t: t, wanted: wanted, Manager: New(Options{
		Store: m, Holder: name, Presence: copyPrefix, Kinds: []string{rulesPrefix, notifierPrefix}, Replaced: 15 * time.Second, Logger: slog.New(slog.DiscardHandler),
	})}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = w.Run(ctx, w)
	}()
	return w, func(killed bool) {
		cancel()
		<-ended
		if !killed {
			w.Release(ctx)
		}
	}
}

var six = []string{"rules/1", "rules/2", "rules/3", "rules/4", "notifier/a", "notifier/b"}

func TestTwoShareAndOneTakesOver(t *testing.T) {
	for _, killed := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			m := newMemory()
			one, stopOne := start(t, m, "one", six...)
			time.Sleep(15 * time.Second)
			synctest.Wait()
			require.ElementsMatch(t, six, one.has(), "alone it has everything")
			two, stopTwo := start(t, m, "two", six...)
			time.Sleep(30 * time.Second)
			synctest.Wait()
			require.Len(t, one.Having(rulesPrefix), 2)
			require.Len(t, two.Having(rulesPrefix), 2)
			require.Len(t, one.Having(notifierPrefix), 1)
			require.ElementsMatch(t, six, append(one.has(), two.has()...), "each has one holder")
			require.Len(t, one.released, 3, "what was given back was let go before")
			stopOne(killed)
			wait := 2 * time.Second
			if killed {
				wait = 15 * time.Second
			}
			time.Sleep(wait)
			synctest.Wait()
			require.ElementsMatch(t, six, two.has(), "killed: %v", killed)
			stopTwo(false)
			left, err := m.ListLeases(t.Context(), "")
			require.NoError(t, err)
			for _, l := range left {
				require.Equal(t, "one", l.Holder, l.Name)
			}
		})
	}
}

// TestCutOffEndsByItself: whoever cannot reach the store stops before another may begin, and is another epoch when it is back.
func TestCutOffEndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		one, stopOne := start(t, m, "one", "rules/1")
		time.Sleep(5 * time.Second)
		synctest.Wait()
		before, ok := one.Grant("rules/1")
		require.True(t, ok)
		require.True(t, one.Holds(before))
		two, stopTwo := start(t, m, "two", "rules/1")
		m.cut("one", true)
		for range 40 {
			time.Sleep(500 * time.Millisecond)
			synctest.Wait()
			_, a := one.Grant("rules/1")
			_, b := two.Grant("rules/1")
			require.False(t, a && b, "both work under the lease")
		}
		_, ok = two.Grant("rules/1")
		require.True(t, ok, "it was taken over")
		require.False(t, one.Holds(before))
		stopTwo(false)
		m.cut("one", false)
		time.Sleep(15 * time.Second)
		synctest.Wait()
		after, ok := one.Grant("rules/1")
		require.True(t, ok)
		require.NotEqual(t, before.Epoch, after.Epoch)
		require.False(t, one.Holds(before), "there was a gap")
		stopOne(false)
	})
}

func TestKickLooksAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, stop := start(t, newMemory(), "one")
		time.Sleep(5*time.Second + time.Millisecond)
		synctest.Wait()
		w.want("rules/new")
		w.Kick()
		w.Kick()
		synctest.Wait()
		require.Equal(t, []string{"rules/new"}, w.has())
		w.want()
		w.Kick()
		synctest.Wait()
		require.Empty(t, w.has(), "what is not wanted any more is given back")
		stop(false)
	})
}

func TestAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, stop := start(t, nil, "one", six...)
		require.True(t, w.Alone())
		g, ok := w.Grant("rules/1")
		require.True(t, ok)
		require.True(t, w.Holds(g))
		require.Zero(t, w.Fence("rules/1"))
		require.Empty(t, w.Having(rulesPrefix))
		stop(false)
	})
}

func TestFence(t *testing.T) {
	m := New(Options{Store: newMemory(), Holder: "one", Replaced: time.Second, Logger: slog.New(slog.DiscardHandler)})
	require.Equal(t, storage.Lease{Name: "rules/1", Holder: "one"}, m.Fence("rules/1"))
	require.Zero(t, m.Fence(""))
	require.True(t, m.Holds(Grant{}), "work that needs no lease")
	_, ok := m.Grant("rules/1")
	require.False(t, ok)
}

func TestSingle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		of := func(holder string) Single {
			return Single{Store: m, Name: "driver", Holder: holder, TTL: 10 * time.Second}
		}
		hold := func(s Single) bool {
			ok, err := s.Hold(t.Context())
			require.NoError(t, err)
			return ok
		}
		require.True(t, hold(of("one")))
		require.True(t, hold(of("one")), "it is renewed")
		require.False(t, hold(of("two")))
		require.Equal(t, storage.Lease{Name: "driver", Holder: "one"}, of("one").Fence())
		time.Sleep(10 * time.Second)
		synctest.Wait()
		require.True(t, hold(of("two")), "it ran out")
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		require.NoError(t, of("two").Release(ended), "also when the process ends")
		require.True(t, hold(of("one")))
		m.cut("one", true)
		held, err := of("one").Hold(t.Context())
		require.False(t, held)
		require.ErrorIs(t, err, errCutOff)
		require.ErrorContains(t, err, "driver")
		require.ErrorIs(t, of("one").Release(t.Context()), errCutOff)
		require.True(t, hold(Single{}), "alone")
		require.NoError(t, Single{}.Release(t.Context()))
		require.Zero(t, Single{}.Fence())
	})
}
