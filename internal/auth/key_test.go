// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/tenant"
)

func TestValidate(t *testing.T) {
	for name, c := range map[string]struct {
		req  KeyRequest
		want string // "" is valid
	}{
		"ingest":                {KeyRequest{Name: "agent", Scope: ScopeIngest}, ""},
		"letters of any script": {KeyRequest{Name: strings.Repeat("é", maxNameLength), Scope: ScopeRead}, ""},
		"of a process":          {KeyRequest{Name: "process w", Scope: ScopeProcess}, ""},
		"for a day":             {KeyRequest{Name: "a", Scope: ScopeAdmin, ExpiresIn: 24 * time.Hour}, ""},
		"no name":               {KeyRequest{Scope: ScopeRead}, "name must have 1 to 100 characters"},
		"long name":             {KeyRequest{Name: strings.Repeat("é", maxNameLength+1), Scope: ScopeRead}, "name must have 1 to 100 characters"},
		"space before":          {KeyRequest{Name: " a", Scope: ScopeRead}, "no space around it"},
		"a line after":          {KeyRequest{Name: "a\n", Scope: ScopeRead}, "no space around it"},
		"the name of nobody":    {KeyRequest{Name: LocalName, Scope: ScopeRead}, "taken by requests without credentials"},
		"expired before":        {KeyRequest{Name: "a", Scope: ScopeRead, ExpiresIn: -1}, "expiry lies in the past"},
		"no scope":              {KeyRequest{Name: "a"}, `scope "" is none of ingest, read, admin, browser`},
		"another scope":         {KeyRequest{Name: "a", Scope: "root"}, `scope "root" is none of`},
		"a tenant that is none": {KeyRequest{Name: "a", Scope: ScopeRead, Tenant: "a/b"}, "tenant: "},
	} {
		err := c.req.Validate()
		if c.want == "" {
			require.NoError(t, err, name)
			continue
		}
		require.ErrorContains(t, err, c.want, name)
		_, _, err = CreateKey(t.Context(), nil, c.req)
		require.ErrorContains(t, err, c.want, "%s: nothing is stored", name)
	}
	_, err := ParseScope(string(ScopeProcess))
	require.Error(t, err, "nobody can ask for it")
}

// TestCreateKey: what is stored of a key is its hash and its head.
func TestCreateKey(t *testing.T) {
	f := newFixture(t, ModeRequired)
	k, secret, err := CreateKey(t.Context(), f.cat, KeyRequest{Name: "a", Scope: ScopeRead, ExpiresIn: time.Hour})
	require.NoError(t, err)
	other, second := f.key(ScopeRead, 0)
	require.NotEqual(t, secret, second)
	require.NotEqual(t, k.ID, other.ID)
	require.Equal(t, tenant.Default, k.Tenant)
	require.Equal(t, k.CreatedAt.Add(time.Hour), k.ExpiresAt)
	require.True(t, other.ExpiresAt.IsZero())
	stored, err := f.cat.KeyByHash(t.Context(), hash(secret))
	require.NoError(t, err)
	require.Equal(t, []string{k.ID, "a", secret[:len("strata_")+6], hash(secret)}, []string{stored.ID, stored.Name, stored.Prefix, stored.Hash})
	require.NotContains(t, fmt.Sprintf("%+v", stored), secret)

	_, _, err = CreateKey(t.Context(), brokenWriter{}, KeyRequest{Name: "a", Scope: ScopeRead})
	require.ErrorIs(t, err, storage.ErrUnavailable)
}

type brokenWriter struct{ storage.KeyWriter }

func (brokenWriter) CreateKey(context.Context, storage.Key) error { return storage.ErrUnavailable }

func (brokenWriter) TouchKeys(context.Context, map[string]time.Time) error {
	return storage.ErrUnavailable
}

func TestValid(t *testing.T) {
	f := newFixture(t, ModeRequired)
	valid := func(secret string) bool {
		ok, err := Valid(t.Context(), f.cat, secret)
		require.NoError(t, err)
		return ok
	}
	k, secret := f.key(ScopeRead, 0)
	require.True(t, valid(secret))
	require.False(t, valid("strata_other"))
	require.False(t, valid(""))
	_, short := f.key(ScopeRead, time.Nanosecond)
	require.False(t, valid(short), "expired")
	require.NoError(t, f.cat.RevokeKey(t.Context(), k.ID, time.Now()))
	require.False(t, valid(secret), "revoked")
	_, err := Valid(t.Context(), brokenKeys{}, secret)
	require.ErrorIs(t, err, storage.ErrUnavailable, "that is no answer")
}

// store is a catalog of which the one half or the other may be away.
type store struct {
	storage.KeyReader
	storage.KeyWriter
}

// TestKeptKey: the key of a process is made once, and anew when it was revoked; while the catalog is away the one that is kept is not given up.
func TestKeptKey(t *testing.T) {
	f := newFixture(t, ModeRequired)
	path := filepath.Join(t.TempDir(), "key-process")
	req := KeyRequest{Name: "process me", Scope: ScopeProcess}
	all := func() []storage.Key {
		keys, err := f.cat.ListKeys(t.Context())
		require.NoError(t, err)
		return keys
	}
	first, err := KeptKey(t.Context(), f.cat, path, req)
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	again, err := KeptKey(t.Context(), f.cat, path, req)
	require.NoError(t, err)
	require.Equal(t, first, again)
	require.Len(t, all(), 1)

	kept, err := KeptKey(t.Context(), store{brokenKeys{}, f.cat}, path, req)
	require.ErrorIs(t, err, storage.ErrUnavailable)
	require.Equal(t, first, kept)
	require.Len(t, all(), 1)

	require.NoError(t, f.cat.RevokeKey(t.Context(), all()[0].ID, time.Now()))
	second, err := KeptKey(t.Context(), f.cat, path, req)
	require.NoError(t, err)
	require.NotEqual(t, first, second)
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, second+"\n", string(b))

	_, err = KeptKey(t.Context(), store{f.cat, brokenWriter{}}, filepath.Join(t.TempDir(), "key"), req)
	require.ErrorContains(t, err, "create the key of this process")
	_, err = KeptKey(t.Context(), f.cat, filepath.Join(t.TempDir(), "none", "key"), req)
	require.ErrorContains(t, err, "keep the key of this process")
}

// TestKeysByAPI: the limits of what an administrator may ask for.
func TestKeysByAPI(t *testing.T) {
	f := newFixture(t, ModeOpen)
	for body, want := range map[string]string{
		`{"name":"a","scope":"process"}`:                        "made by the processes themselves",
		`{"name":"a","scope":"read","expires_in_days":-1}`:      "between 1 and 3650",
		`{"name":"a","scope":"read","expires_in_days":3651}`:    "between 1 and 3650",
		`{"name":"` + strings.Repeat("x", maxBody) + `"}`:       "more than 16384 bytes",
		`{"name":"a","scope":"read","expires_in_days":"never"}`: "body: ",
	} {
		w := f.do(loopback, http.MethodPost, "/api/v1/keys", body)
		require.GreaterOrEqual(t, w.Code, 400)
		require.Contains(t, w.Body.String(), want)
	}
	w := f.do(loopback, http.MethodPost, "/api/v1/keys", `{"name":"a","scope":"read","expires_in_days":3650}`)
	require.Equal(t, http.StatusCreated, w.Code, w.Body)
	f.svc.opts.Store.Writer = brokenWriter{}
	require.Equal(t, http.StatusServiceUnavailable, f.do(loopback, http.MethodPost, "/api/v1/keys", `{"name":"b","scope":"read"}`).Code)
	f.svc.opts.Store.Keys = brokenList{}
	require.Equal(t, http.StatusServiceUnavailable, f.do(loopback, http.MethodGet, "/api/v1/keys", "").Code)
	require.Equal(t, http.StatusServiceUnavailable, f.do(loopback, http.MethodDelete, "/api/v1/keys/x", "").Code)
	_, err := f.svc.Setup(t.Context(), "http://x")
	require.ErrorIs(t, err, storage.ErrUnavailable)
}

type brokenList struct{ brokenKeys }

func (brokenList) ListKeys(context.Context) ([]storage.Key, error) {
	return nil, storage.ErrUnavailable
}

// TestCacheOfKeys: a key is asked for once in a while, and what this process changes is effective at once.
func TestCacheOfKeys(t *testing.T) {
	f := newFixture(t, ModeRequired)
	_, secret := f.key(ScopeRead, 0)
	asked := &countingKeys{KeyReader: f.cat}
	f.svc.opts.Store.Keys = asked
	ask := func() { require.Equal(t, http.StatusOK, f.do(public, http.MethodGet, "/read", "", with(secret)).Code) }
	ask()
	ask()
	require.Equal(t, 1, asked.n)
	f.now = f.now.Add(cacheFor)
	ask()
	require.Equal(t, 2, asked.n)
	for range 3 {
		require.Equal(t, http.StatusUnauthorized, f.do(public, http.MethodGet, "/read", "", with("strata_guess")).Code)
	}
	require.Equal(t, 5, asked.n, "what does not exist is not kept: guesses would fill the memory")
	require.Len(t, f.svc.cache, 1)
}

type countingKeys struct {
	storage.KeyReader
	n int
}

func (c *countingKeys) KeyByHash(ctx context.Context, h string) (storage.Key, error) {
	c.n++
	return c.KeyReader.KeyByHash(ctx, h)
}

// TestLimiterForgets: with too many addresses the table starts again, so that it stays small.
func TestLimiterForgets(t *testing.T) {
	l, now := newLimiter(), time.Unix(1_000_000, 0)
	for range badBurst {
		require.False(t, l.fail("bad", now))
	}
	require.True(t, l.fail("bad", now))
	require.False(t, l.fail("bad", now.Add(badRefill)), "one more after a while")
	require.True(t, l.fail("bad", now.Add(badRefill)))
	for i := range maxAddresses {
		l.fail(strconv.Itoa(i), now)
		require.LessOrEqual(t, len(l.bad), maxAddresses)
	}
	require.False(t, l.fail("bad", now), "forgotten with the others")
}

// TestRunTouches: the last use is written from time to time; a catalog that is away is only noted.
func TestRunTouches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		touched := &touches{}
		svc, err := New(Options{Mode: ModeOpen, Store: Store{Writer: touched}, Logger: discard()})
		require.NoError(t, err)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- svc.Run(ctx) }()
		time.Sleep(touchInterval)
		synctest.Wait()
		require.Empty(t, touched.ids, "nothing was used")
		use := func(id string) {
			svc.mu.Lock()
			defer svc.mu.Unlock()
			svc.used[id] = time.Now()
		}
		use("k")
		time.Sleep(touchInterval)
		synctest.Wait()
		require.Equal(t, []string{"k"}, touched.ids)
		time.Sleep(touchInterval)
		synctest.Wait()
		require.Len(t, touched.ids, 1)
		use("at the end")
		touched.fail(storage.ErrUnavailable)
		stop()
		require.NoError(t, <-done)
		require.Equal(t, []string{"k", "at the end"}, touched.ids)
	})
	_, err := New(Options{Mode: "perhaps"})
	require.ErrorContains(t, err, `auth.local: "perhaps" is neither open nor required`)
}

// touches notes which keys were used. Safe for concurrent use, but for ids.
type touches struct {
	storage.KeyWriter
	mu  sync.Mutex
	ids []string
	err error
}

func (t *touches) fail(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.err = err
}

func (t *touches) TouchKeys(_ context.Context, used map[string]time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id := range used {
		t.ids = append(t.ids, id)
	}
	return t.err
}
