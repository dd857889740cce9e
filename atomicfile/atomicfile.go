// SPDX-License-Identifier: Apache-2.0

// Package atomicfile replaces files whole or not at all, also when the machine loses its power. The agent and the server both import it.
package atomicfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Write puts data into the file at path: readers see the old content or the new one, and the new one is on stable storage when Write returns.
func Write(path string, data []byte, perm fs.FileMode) error {
	return Copy(path, bytes.NewReader(data), perm)
}

// Copy is Write for what is read from r, up to its end. When r fails, the file stays as it was.
func Copy(path string, r io.Reader, perm fs.FileMode) error { return replace(path, r, perm, true) }

// Swap is Write for a file that is written often and may be lost with the power: it does not wait for stable storage.
func Swap(path string, data []byte, perm fs.FileMode) error {
	return replace(path, bytes.NewReader(data), perm, false)
}

func replace(path string, r io.Reader, perm fs.FileMode, durable bool) (err error) {
	dir := filepath.Dir(path)
	tmp, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, ignoreClosed(tmp.Close()), os.Remove(tmp.Name()))
		}
	}()
	if _, err = io.Copy(tmp, r); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err = tmp.Chmod(perm); err == nil && durable {
		err = tmp.Sync()
	}
	if err = errors.Join(err, tmp.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err = os.Rename(tmp.Name(), path); err != nil {
		return fmt.Errorf("replace %s: %w", path, err)
	}
	if !durable {
		return nil
	}
	if e := SyncDir(dir); e != nil { // Not err: the new file is in place, there is nothing to clean up.
		return fmt.Errorf("sync folder of %s: %w", path, e)
	}
	return nil
}

func ignoreClosed(err error) error {
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}
