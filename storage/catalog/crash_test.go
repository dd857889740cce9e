// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage"
)

// childEnv is set for a child process of these tests, which writes to a catalog in its working directory.
const childEnv = "STRATA_TEST_CATALOG_CHILD"

// childWrites is the child: it tells of each write once that is done, until it is killed. A write that fails ends it.
func childWrites() {
	ctx := context.Background()
	c, err := Open(ctx, "catalog.db")
	for i := 0; err == nil; i++ {
		id := fmt.Sprintf("%06d", i)
		err = c.PutNotifier(ctx, storage.Notifier{ID: id, Name: id, Config: "{}", CreatedAt: time.Now()})
		if err == nil {
			err = c.Enqueue(ctx, []storage.Notification{{ID: "msg_" + id, NotifierID: id, Payload: id, CreatedAt: time.Now()}},
				[]storage.NotifiedGroup{{NotifierID: id, GroupKey: "g", Alerts: id, UpdatedAt: time.Now()}}, storage.Lease{})
		}
		if err == nil {
			fmt.Println("stored", id)
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// TestKilled: what a process was told is stored is there after a SIGKILL at any moment, and a transaction is there whole or not at all.
func TestKilled(t *testing.T) {
	last := ""
	for round := range 4 {
		child := exec.CommandContext(t.Context(), os.Args[0])
		dir := t.TempDir()
		child.Stderr = os.Stderr
		child.Dir, child.Env = dir, append(os.Environ(), childEnv+"=1")
		out, err := child.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, child.Start())
		lines := bufio.NewScanner(out)
		for n := 0; n < 5+7*round && lines.Scan(); {
			if id, ok := strings.CutPrefix(lines.Text(), "stored "); ok {
				last, n = id, n+1
			}
		}
		require.NoError(t, child.Process.Kill())
		require.Error(t, child.Wait())
		require.NotEmpty(t, last)

		c := open(t, filepath.Join(dir, "catalog.db"))
		var verdict string
		require.NoError(t, c.write.QueryRowContext(t.Context(), `PRAGMA integrity_check`).Scan(&verdict))
		require.Equal(t, "ok", verdict)
		pending, err := c.PendingNotifications(t.Context(), last, 10)
		require.NoError(t, err)
		require.Len(t, pending, 1, "it was told that %s is stored", last)
		count, err := c.CountPending(t.Context())
		require.NoError(t, err)
		groups, err := c.NotifiedGroups(t.Context(), "")
		require.NoError(t, err)
		require.Len(t, groups, len(count), "the queue and the log are written together")
		ns, _, err := c.ListNotifiers(t.Context())
		require.NoError(t, err)
		require.GreaterOrEqual(t, len(ns), len(count))
		require.LessOrEqual(t, len(ns), len(count)+1, "at most one notifier was killed before its queue")
		last = ""
	}
}

// TestNoCatalog: what is no catalog is refused by its path, and not touched.
func TestNoCatalog(t *testing.T) {
	dir := t.TempDir()
	whole := filepath.Join(dir, "whole.db")
	c, err := Open(t.Context(), whole)
	require.NoError(t, err)
	require.NoError(t, c.Close())
	b, err := os.ReadFile(whole)
	require.NoError(t, err)
	for name, content := range map[string][]byte{
		"text": []byte(strings.Repeat("this is no database\n", 400)), "half a page": b[:300], "cut off": b[:len(b)/2/4096*4096],
		"another header": append([]byte("SQLite format 4\x00"), b[16:]...),
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, name+".db")
			require.NoError(t, os.WriteFile(path, content, 0o600))
			_, err := Open(t.Context(), path)
			require.Error(t, err)
			after, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, content, after)
		})
	}
	_, err = Open(t.Context(), dir)
	require.ErrorContains(t, err, "open catalog")
	_, err = Open(t.Context(), filepath.Join(whole, "below a file", "catalog.db"))
	require.ErrorContains(t, err, "create directory of catalog")
}

// TestBackupOfAnOpenCatalog: a copy by SQLite's own means, taken while it is written to, is a catalog.
func TestBackupOfAnOpenCatalog(t *testing.T) {
	dir := t.TempDir()
	c := open(t, filepath.Join(dir, "catalog.db"))
	stop, done := make(chan struct{}), make(chan error, 1)
	go func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
			id := fmt.Sprintf("%06d", i)
			if err := c.CreateKey(t.Context(), storage.Key{ID: id, Hash: id, CreatedAt: time.Now()}); err != nil {
				done <- err
				return
			}
		}
	}()
	require.Eventually(t, func() bool {
		keys, err := c.ListKeys(t.Context())
		return err == nil && len(keys) > 3
	}, 10*time.Second, time.Millisecond)
	reader, err := sql.Open("sqlite", dataSource(filepath.Join(dir, "catalog.db"), false))
	require.NoError(t, err)
	_, err = reader.ExecContext(t.Context(), `VACUUM INTO ?`, filepath.Join(dir, "copy.db"))
	require.NoError(t, err)
	require.NoError(t, reader.Close())
	close(stop)
	require.NoError(t, <-done)
	keys, err := open(t, filepath.Join(dir, "copy.db")).ListKeys(t.Context())
	require.NoError(t, err)
	require.Greater(t, len(keys), 3)
	for i := range keys {
		require.Equal(t, fmt.Sprintf("%06d", len(keys)-1-i), keys[i].ID, "without a gap")
	}
}
