// SPDX-License-Identifier: Apache-2.0

package dirlock

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestLock: one holder at a time, named to whoever comes second; released it is free, whatever the file says.
func TestLock(t *testing.T) {
	dir := t.TempDir()
	first, err := Acquire(dir)
	require.NoError(t, err)
	_, err = Acquire(dir)
	require.ErrorIs(t, err, ErrLocked)
	require.ErrorContains(t, err, dir+" is held by process "+strconv.Itoa(os.Getpid())+"; stop it or choose another directory")
	other, err := Acquire(t.TempDir())
	require.NoError(t, err, "another directory is another matter")
	require.NoError(t, other.Release())
	require.NoError(t, first.Release())

	// A process that was killed leaves the file and no lock.
	require.NoError(t, os.WriteFile(filepath.Join(dir, "LOCK"), []byte("999999 and more\n"), 0o600))
	again, err := Acquire(dir)
	require.NoError(t, err)
	b, err := os.ReadFile(filepath.Join(dir, "LOCK"))
	require.NoError(t, err)
	require.Equal(t, strconv.Itoa(os.Getpid())+"\n", string(b))

	require.NoError(t, os.Truncate(filepath.Join(dir, "LOCK"), 0))
	_, err = Acquire(dir)
	require.ErrorContains(t, err, "process (unknown)")
	require.NoError(t, again.Release())
	require.ErrorContains(t, again.Release(), "release lock")
}

// TestNoLock: a directory that is not there, or where the lock's name is taken by a folder, is no place for a server.
func TestNoLock(t *testing.T) {
	_, err := Acquire(filepath.Join(t.TempDir(), "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "open lock file")
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "LOCK"), 0o700))
	_, err = Acquire(dir)
	require.ErrorContains(t, err, "open lock file")
}
