// SPDX-License-Identifier: Apache-2.0

package lease

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage"
)

// The names of leases in the tests.
const (
	copyPrefix     = "copies/"
	rulesPrefix    = "rules/"
	notifierPrefix = "notifier/"
)

// copiesOf simulates copies that look at one set of leases in turn.
type copiesOf struct {
	t      *testing.T
	now    time.Time
	leases map[string]string // holder by name
	copies map[string]*balance
}

func newCopies(t *testing.T, names ...string) *copiesOf {
	t.Helper()
	c := &copiesOf{t: t, now: time.Unix(1000, 0), leases: make(map[string]string), copies: make(map[string]*balance)}
	for _, n := range names {
		c.join(n)
	}
	return c
}

func (c *copiesOf) join(name string) {
	c.copies[name] = newBalance(name, copyPrefix, []string{rulesPrefix, notifierPrefix}, 12*time.Second)
	c.leases[copyPrefix+name] = name
}

// die ends a copy and its leases.
func (c *copiesOf) die(name string) {
	delete(c.copies, name)
	for n, h := range c.leases {
		if h == name {
			delete(c.leases, n)
		}
	}
}

// look is one tick of a copy; it returns how many leases changed hands.
func (c *copiesOf) look(name string, wanted []string) int {
	var all []storage.Lease
	for n, h := range c.leases {
		all = append(all, storage.Lease{Name: n, Holder: h})
	}
	take, release := c.copies[name].plan(wanted, c.having(name), all, c.now)
	for _, n := range release {
		require.Equal(c.t, name, c.leases[n])
		delete(c.leases, n)
	}
	for _, n := range take {
		require.Empty(c.t, c.leases[n])
		c.leases[n] = name
	}
	return len(take) + len(release)
}

func (c *copiesOf) having(name string) []string {
	var out []string
	for n, h := range c.leases {
		if h == name && n != copyPrefix+name {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out
}

// settle lets all look, once a second, until nothing changes any more, and returns how many seconds that took.
func (c *copiesOf) settle(wanted []string, names ...string) int {
	for s := range 60 {
		changes := 0
		for _, n := range names {
			changes += c.look(n, wanted)
		}
		c.now = c.now.Add(time.Second)
		if changes == 0 {
			return s
		}
	}
	c.t.Fatal("the copies do not settle")
	return 0
}

func wantedOf(rules, notifiers int) []string {
	var out []string
	for i := range rules {
		out = append(out, rulesPrefix+string(rune('a'+i)))
	}
	for i := range notifiers {
		out = append(out, notifierPrefix+string(rune('a'+i)))
	}
	return out
}

func TestBalance(t *testing.T) {
	wanted := wantedOf(7, 3)
	c := newCopies(t, "x")
	require.LessOrEqual(t, c.settle(wanted, "x"), 1)
	require.Len(t, c.having("x"), 10, "one alone takes everything at once")

	c.join("y")
	require.LessOrEqual(t, c.settle(wanted, "x", "y"), 2)
	require.Equal(t, []int{4 + 2, 3 + 1}, []int{len(c.having("x")), len(c.having("y"))}, "half of each kind")

	c.join("z")
	require.LessOrEqual(t, c.settle(wanted, "x", "y", "z"), 2)
	require.Equal(t, []int{4, 4, 2}, []int{len(c.having("x")), len(c.having("y")), len(c.having("z"))})

	c.die("x")
	require.LessOrEqual(t, c.settle(wanted, "y", "z"), 2)
	require.Equal(t, 10, len(c.having("y"))+len(c.having("z")))
	require.LessOrEqual(t, len(c.having("y")), 6)

	require.LessOrEqual(t, c.settle(wantedOf(1, 0), "y", "z"), 2)
	require.Len(t, slices.Concat(c.having("y"), c.having("z")), 1, "what is not wanted any more is released")
}

// TestBalanceUnevenRules: rules that only one copy knows are taken by it in the end, and stay.
func TestBalanceUnevenRules(t *testing.T) {
	c := newCopies(t, "x", "y")
	both := func() int { return c.look("x", wantedOf(9, 0)) + c.look("y", wantedOf(1, 0)) }
	for range 20 {
		both()
		c.now = c.now.Add(time.Second)
	}
	require.Equal(t, 9, len(c.having("x"))+len(c.having("y")))
	for range 60 {
		require.Zero(t, both(), "without going to and fro")
		c.now = c.now.Add(time.Second)
	}
}

// TestBalanceAfterRestart: leases that the store still knows as ours are taken up to the share, and the rest is released.
func TestBalanceAfterRestart(t *testing.T) {
	c := newCopies(t, "x")
	c.settle(wantedOf(6, 0), "x")
	c.join("y")
	c.copies["x"] = newBalance("x", copyPrefix, []string{rulesPrefix, notifierPrefix}, time.Minute)
	var all []storage.Lease
	for n, h := range c.leases {
		all = append(all, storage.Lease{Name: n, Holder: h})
	}
	take, release := c.copies["x"].plan(wantedOf(6, 0), nil, all, c.now)
	require.Len(t, take, 3)
	require.Len(t, release, 3)
}

// TestGrantOver: the machine's sleep stops the monotonic clock, and the wall clock can be set; either ends a lease.
func TestGrantOver(t *testing.T) {
	now := time.Now()
	g := Grant{until: now.Add(time.Minute)}
	require.False(t, g.over(now))
	require.True(t, g.over(now.Add(time.Minute)))
	require.True(t, g.over(now.Round(0).Add(2*time.Minute)), "by the wall clock alone")
	require.False(t, Grant{until: now.Add(12 * time.Second)}.over(now))
}
