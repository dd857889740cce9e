// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFindLibrary(t *testing.T) {
	t.Setenv(LibraryEnv, "")
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	data := t.TempDir()
	_, err := FindLibrary(Search{DataDir: data})
	require.ErrorIs(t, err, ErrLibraryMissing)
	require.ErrorContains(t, err, "strata engine fetch")

	put := func(path string) string {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, nil, 0o600))
		return path
	}
	cache, err := CacheDir()
	require.NoError(t, err)
	want := put(filepath.Join(cache, LibraryName))
	got, err := FindLibrary(Search{DataDir: data})
	require.NoError(t, err)
	require.Equal(t, want, got)

	want = put(filepath.Join(data, "engine", LibraryName))
	got, err = FindLibrary(Search{DataDir: data})
	require.NoError(t, err)
	require.Equal(t, want, got)

	want = put(filepath.Join(t.TempDir(), "other.so"))
	got, err = FindLibrary(Search{Path: want, DataDir: data})
	require.NoError(t, err)
	require.Equal(t, want, got)

	_, err = FindLibrary(Search{Path: "/does/not/exist.so", DataDir: data})
	require.ErrorIs(t, err, ErrLibraryMissing)
	require.ErrorContains(t, err, "/does/not/exist.so")
}
