// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"context"
	"log/slog"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/internal/memory"
	"github.com/strata-apm/strata/storage/clickhouse/engine"
	"github.com/strata-apm/strata/storage/clickhouse/engine/chdb"
)

// TestFreedMemoryIsReturned lets the allocator keep what statements free, and expects the process to shrink once it is too large.
func TestFreedMemoryIsReturned(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the size of the process is read from /proc")
	}
	t.Setenv(allocatorVariable, "dirty_decay_ms:600000")
	path, err := engine.FindLibrary(engine.Search{})
	require.NoError(t, err, "the tests need the embedded engine: run `make engine`")
	lib, err := chdb.Load(path)
	require.NoError(t, err)
	s, err := newServer(lib, Options{Library: path, DataDir: t.TempDir(), MaxMemoryBytes: 2 << 30, MaxConcurrent: 2, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	defer s.close()

	_, _, err = s.base.Exec("SELECT length(groupArray(number)) FROM numbers(60000000) SETTINGS max_threads = 1", "Null")
	require.NoError(t, err)
	const tooLarge = memory.EngineBase + 100<<20
	size, ok := resident()
	require.True(t, ok)
	require.Greater(t, size, uint64(tooLarge), "the allocator kept nothing, so the test shows nothing")

	s.opts.MaxMemoryBytes = 0
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.purge(ctx)
	}()
	require.Eventually(t, func() bool {
		size, _ = resident()
		return size <= tooLarge
	}, 20*time.Second, 20*time.Millisecond)
	cancel()
	<-done
}

func TestTuneAllocator(t *testing.T) {
	for _, tc := range []struct {
		name, set string
		limit     uint64
		want      string
	}{
		{"little memory", "", 256 << 20, "dirty_decay_ms:0"},
		{"enough memory", "", littleMemory, ""},
		{"the operator's own", "narenas:1", 256 << 20, "narenas:1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Setenv(allocatorVariable, tc.set) // Also puts back what was there.
			if tc.set == "" {
				require.NoError(t, os.Unsetenv(allocatorVariable))
			}
			require.NoError(t, tuneAllocator(tc.limit))
			require.Equal(t, tc.want, os.Getenv(allocatorVariable))
		})
	}
}
