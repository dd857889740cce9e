// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Sync returns when every appender committed before the call is on stable storage.
//
// The tsdb hands committed records to the kernel but fsyncs a WAL segment only when it is full. Syncing the same inode through another
// descriptor flushes those pages too, so the files of both logs that grew since the last call are synced, and the directories for files
// that are new.
func (s *Store) Sync() error {
	s.syncMu.Lock()
	defer s.syncMu.Unlock()
	seen := map[string]int64{}
	for _, dir := range s.walDirs() {
		entries, err := os.ReadDir(dir)
		if errors.Is(err, os.ErrNotExist) {
			continue // The WBL appears with the first out-of-order sample.
		}
		if err != nil {
			return fmt.Errorf("list %s: %w", dir, err)
		}
		fresh := false
		for _, e := range entries {
			info, err := e.Info()
			if err != nil || info.IsDir() {
				continue // Truncated away in between, or a checkpoint, which the tsdb syncs itself.
			}
			path := filepath.Join(dir, e.Name())
			seen[path] = info.Size()
			if size, known := s.synced[path]; known && size == info.Size() {
				continue
			} else if !known {
				fresh = true
			}
			if err := syncPath(path, unix.Fdatasync); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
		if fresh {
			if err := syncPath(dir, unix.Fsync); err != nil {
				return err
			}
		}
	}
	s.synced = seen
	return nil
}

func syncPath(path string, sync func(int) error) error {
	f, err := os.Open(path) //nolint:gosec // Under the data directory.
	if err != nil {
		return fmt.Errorf("open for sync: %w", err)
	}
	err = sync(int(f.Fd()))
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("sync %s: %w", path, err)
	}
	return nil
}
