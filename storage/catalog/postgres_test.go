// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/internal/testutil/pgtest"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/storagetest"
)

func openURL(t *testing.T, at string) *Catalog {
	t.Helper()
	cfg := Default()
	cfg.URL = at
	c, err := OpenConfig(t.Context(), cfg, Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

func TestConformancePostgres(t *testing.T) {
	s := pgtest.Start(t)
	storagetest.RunCatalog(t, func(t *testing.T) (storagetest.Catalog, func() storagetest.Catalog) {
		t.Helper()
		at := s.Database()
		return openURL(t, at), func() storagetest.Catalog { return openURL(t, at) }
	})
}

func TestPostgres(t *testing.T) {
	s := pgtest.Start(t)
	t.Run("many start at once", func(t *testing.T) { testStartTogether(t, s) })
	t.Run("newer schema", func(t *testing.T) { testNewerSchema(t, s) })
	t.Run("refused", func(t *testing.T) { testRefused(t, s) })
	t.Run("password file", func(t *testing.T) { testPasswordFile(t, s) })
	t.Run("errors", func(t *testing.T) { testErrors(t, s) })
	t.Run("away and back", func(t *testing.T) { testAwayAndBack(t, s) }) // Last: it kills the server.
}

func testStartTogether(t *testing.T, s *pgtest.Server) {
	t.Helper()
	cfg := Default()
	cfg.URL = s.Database()
	var wg sync.WaitGroup
	errs := make(chan error, 16)
	for range cap(errs) {
		wg.Go(func() {
			c, err := OpenConfig(t.Context(), cfg, Options{})
			if err == nil {
				err = c.Close()
			}
			errs <- err
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	c := openURL(t, cfg.URL)
	var n int
	require.NoError(t, c.read.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM schema_migrations`).Scan(&n))
	require.Len(t, migrations(), n)
}

func testNewerSchema(t *testing.T, s *pgtest.Server) {
	t.Helper()
	at := s.Database()
	_, err := openURL(t, at).write.ExecContext(t.Context(), `INSERT INTO schema_migrations (version, applied_at) VALUES (999, 0)`)
	require.NoError(t, err)
	_, err = OpenConfig(t.Context(), Config{URL: at, MaxConnections: 2}, Options{})
	require.ErrorContains(t, err, "start the newer program")
}

// testRefused: what waiting cannot mend is an error at once, and no error shows the password.
func testRefused(t *testing.T, s *pgtest.Server) {
	t.Helper()
	right, err := url.Parse(s.Database())
	require.NoError(t, err)
	wrong := *right
	wrong.User = url.UserPassword("strata", "Wr0ngSecret")
	none := *right
	none.Path = "/none"
	for _, u := range []*url.URL{&wrong, &none} {
		begin := time.Now()
		_, err := OpenConfig(t.Context(), Config{URL: u.String(), MaxConnections: 2}, Options{Wait: time.Minute})
		require.Error(t, err)
		require.NotErrorIs(t, err, storage.ErrUnavailable)
		require.Less(t, time.Since(begin), 20*time.Second)
		requireNoSecret(t, err.Error(), "Wr0ngSecret", s.Password(), url.QueryEscape(s.Password()))
	}
}

func requireNoSecret(t *testing.T, text string, secrets ...string) {
	t.Helper()
	for _, secret := range secrets {
		require.NotContains(t, text, secret)
	}
}

func testPasswordFile(t *testing.T, s *pgtest.Server) {
	t.Helper()
	u, err := url.Parse(s.Database())
	require.NoError(t, err)
	u.User = url.User("strata")
	file := filepath.Join(t.TempDir(), "password")
	cfg := Config{URL: u.String(), PasswordFile: file, MaxConnections: 2}
	_, err = OpenConfig(t.Context(), cfg, Options{})
	require.ErrorContains(t, err, "password_file")
	require.NoError(t, os.WriteFile(file, []byte(s.Password()+"\n"), 0o600))
	c, err := OpenConfig(t.Context(), cfg, Options{})
	require.NoError(t, err)
	require.NoError(t, c.Ping(t.Context()))
	require.NoError(t, c.Close())
}

func testErrors(t *testing.T, s *pgtest.Server) {
	t.Helper()
	c := openURL(t, s.Database())
	err := c.CreateRuleGroup(t.Context(), storage.RuleGroup{ID: "1", Name: "a\x00b"})
	require.ErrorIs(t, err, storage.ErrInvalid, "what TEXT cannot hold")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = c.ListRuleGroups(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, storage.ErrUnavailable, "the caller left")

	// Two that lock each other out: one is undone by the server, and is run again.
	for i := range 2 {
		require.NoError(t, c.CreateRuleGroup(t.Context(), storage.RuleGroup{ID: strconv.Itoa(i), Name: strconv.Itoa(i)}))
	}
	both := make(chan struct{}, 2)
	var first sync.WaitGroup
	first.Add(2)
	errs := make(chan error, 2)
	for i := range 2 {
		go func() {
			var met sync.Once
			errs <- inTx(t.Context(), c.write, func(tx *sql.Tx) error {
				if _, err := tx.ExecContext(t.Context(), `UPDATE rule_groups SET yaml = 'x' WHERE id = $1`, strconv.Itoa(i)); err != nil {
					return err
				}
				met.Do(func() { first.Done(); first.Wait(); both <- struct{}{} })
				_, err := tx.ExecContext(t.Context(), `UPDATE rule_groups SET yaml = 'y' WHERE id = $1`, strconv.Itoa(1-i))
				return err
			})
		}()
	}
	require.NoError(t, errors.Join(<-errs, <-errs))
	require.Len(t, both, 2)
}

// testAwayAndBack kills the server under load: calls fail with ErrUnavailable and succeed again once it is back, without help.
func testAwayAndBack(t *testing.T, s *pgtest.Server) {
	t.Helper()
	at := s.Database()
	c := openURL(t, at)
	require.NoError(t, c.CreateRuleGroup(t.Context(), storage.RuleGroup{ID: "kept", Name: "kept"}))
	stop, done := make(chan struct{}), make(chan error, 4)
	for i := range cap(done) {
		go func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					done <- nil
					return
				default:
				}
				err := c.CreateRuleGroup(t.Context(), storage.RuleGroup{ID: fmt.Sprint(i, "/", n), Name: fmt.Sprint(i, "/", n)})
				// A conflict says that the attempt before was stored although its answer was lost.
				if err != nil && !errors.Is(err, storage.ErrUnavailable) {
					done <- err
					return
				}
			}
		}()
	}
	for range 2 {
		s.Kill()
		// A backend outlives the postmaster until it notices; each call meanwhile is answered, or refused as it should be.
		require.Eventually(t, func() bool {
			err := c.Ping(t.Context())
			if err != nil {
				require.ErrorIs(t, err, storage.ErrUnavailable)
				_, err = c.ListRuleGroups(t.Context())
			}
			return errors.Is(err, storage.ErrUnavailable)
		}, 10*time.Second, 5*time.Millisecond)
		s.Launch()
		require.Eventually(t, func() bool { return c.Ping(t.Context()) == nil }, 10*time.Second, 10*time.Millisecond)
	}
	close(stop)
	for range cap(done) {
		require.NoError(t, <-done)
	}
	groups, err := c.ListRuleGroups(t.Context())
	require.NoError(t, err)
	require.True(t, len(groups) > 1 && groups[len(groups)-1].Name == "kept")

	s.Stop()
	var log syncBuffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	cfg := Config{URL: at, MaxConnections: 2}
	_, err = OpenConfig(t.Context(), cfg, Options{Wait: 1500 * time.Millisecond, Logger: logger})
	require.ErrorIs(t, err, storage.ErrUnavailable)
	require.ErrorContains(t, err, "not reachable for 1.5s")
	requireNoSecret(t, err.Error()+log.String(), s.Password(), url.QueryEscape(s.Password()), url.PathEscape(s.Password()))
	require.Contains(t, log.String(), "waiting for the catalog's PostgreSQL")

	opened := make(chan error, 1)
	go func() {
		late, err := OpenConfig(t.Context(), cfg, Options{Logger: logger})
		if err == nil {
			err = late.Close()
		}
		opened <- err
	}()
	waiting := strings.Count(log.String(), "waiting")
	require.Eventually(t, func() bool { return strings.Count(log.String(), "waiting") > waiting }, 10*time.Second, 10*time.Millisecond)
	s.Launch()
	require.NoError(t, <-opened, "one that comes up late is waited for")
}

// syncBuffer is a log that can be read while it is written.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func TestConfigValidate(t *testing.T) {
	require.NoError(t, Default().Validate())
	for _, tc := range []struct {
		cfg  Config
		want string
	}{
		{Config{PasswordFile: "x"}, "needs catalog.url"},
		{Config{URL: "postgres://h/db"}, "max_connections"},
		{Config{URL: "mysql://u:S3cret@h/db", MaxConnections: 2}, "is not postgres"},
		{Config{URL: "postgres://u:S3cret%zz@h/db", MaxConnections: 2}, "not a URL"},
		{Config{URL: "postgres://u:S3cret@h/db?sslmode=maybe&password=S3cret", MaxConnections: 2}, "not understood"},
	} {
		err := tc.cfg.Validate()
		require.ErrorContains(t, err, tc.want)
		requireNoSecret(t, err.Error(), "S3cret")
	}
}
