// SPDX-License-Identifier: Apache-2.0

package atomicfile

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

func onlyFile(t *testing.T, path string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, entries, 1, "nothing is left beside the file")
}

func TestWrite(t *testing.T) { testWrite(t, Write) }

func TestSwap(t *testing.T) { testWrite(t, Swap) }

func testWrite(t *testing.T, write func(string, []byte, fs.FileMode) error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "f")
	for _, c := range []struct {
		data []byte
		perm fs.FileMode
	}{{[]byte("one"), 0o600}, {[]byte("two, longer"), 0o644}, {nil, 0o600}, {bytes.Repeat([]byte("x"), 1<<20), 0o755}} {
		require.NoError(t, write(path, c.data, c.perm))
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, string(c.data), string(got))
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, c.perm, info.Mode().Perm())
		onlyFile(t, path)
	}
}

func TestCopyThatFailsLeavesTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	require.NoError(t, Write(path, []byte("old"), 0o600))
	broken := errors.New("the source broke")
	require.ErrorIs(t, Copy(path, io.MultiReader(strings.NewReader("new"), iotest.ErrReader(broken)), 0o600), broken)
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "old", string(got))
	onlyFile(t, path)
}

func TestErrorsNameTheFile(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "no", "f")
	require.ErrorContains(t, Write(missing, nil, 0o600), missing)
	require.ErrorIs(t, Write(missing, nil, 0o600), fs.ErrNotExist)
	folder := filepath.Join(dir, "folder")
	require.NoError(t, os.MkdirAll(filepath.Join(folder, "full"), 0o700))
	require.ErrorContains(t, Write(folder, []byte("x"), 0o600), folder)
	onlyFile(t, folder)
}

// TestReadersSeeOneOrTheOther: writers and readers at once never see a part.
func TestReadersSeeOneOrTheOther(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	whole := func(c byte) []byte { return bytes.Repeat([]byte{c}, 64<<10) }
	require.NoError(t, Write(path, whole('a'), 0o600))
	var wg sync.WaitGroup
	for _, c := range []byte("bcd") {
		wg.Go(func() {
			for range 20 {
				if err := Write(path, whole(c), 0o600); err != nil {
					t.Errorf("write: %v", err)
				}
			}
		})
	}
	for range 200 {
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, whole(got[0]), got)
	}
	wg.Wait()
	onlyFile(t, path)
}
