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
// that are new. After an fsync that failed every call fails until the store is opened again, when the WAL is read and what it lacks comes
// from the bus.
func (s *Store) Sync() error {
	s.syncMu.Lock()
	defer s.syncMu.Unlock()
	if s.syncFailed != nil {
		return s.syncFailed
	}
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
			if err := s.syncPath(path, s.fdatasync); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
		if fresh {
			if err := s.syncPath(dir, unix.Fsync); err != nil {
				return err
			}
		}
	}
	s.synced = seen
	return nil
}

func (s *Store) syncPath(path string, sync func(int) error) error {
	f, err := os.Open(path) //nolint:gosec // Under the data directory.
	if err != nil {
		return fmt.Errorf("open for sync: %w", err)
	}
	err = sync(int(f.Fd()))
	_ = f.Close() // Only read and synced through it.
	if err != nil {
		s.syncFailed = fmt.Errorf("sync %s: %w", path, err)
	}
	return s.syncFailed
}
