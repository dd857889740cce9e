// SPDX-License-Identifier: Apache-2.0

package embedded

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// disk is what the bus asks of a file system to change something; tests put failing ones behind it. It reads segments with package os
// when it opens them, at the paths that open was given.
type disk interface {
	// open opens a segment for appending and reading, and makes it when it is not there.
	open(path string) (file, error)
	// openSlots opens a position file, and makes it when it is not there.
	openSlots(path string) (slots, error)
	remove(path string) error
	// syncDir makes what was created and removed in dir survive a power cut.
	syncDir(dir string) error
}

// file is an open segment.
type file interface {
	io.ReaderAt
	io.Writer
	io.Closer
	Truncate(size int64) error
	// Datasync returns when everything written is on stable storage.
	Datasync() error
}

// slots is an open position file.
type slots interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Datasync() error
}

// osDisk is the real one.
type osDisk struct{}

type osFile struct{ *os.File }

// Datasync implements file and slots.
func (f osFile) Datasync() error {
	if err := unix.Fdatasync(int(f.Fd())); err != nil {
		return fmt.Errorf("fdatasync %s: %w", f.Name(), err)
	}
	return nil
}

func (osDisk) open(path string) (file, error) { return openOSFile(path, os.O_APPEND) }

func (osDisk) openSlots(path string) (slots, error) { return openOSFile(path, 0) }

func openOSFile(path string, flags int) (osFile, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|flags, 0o600) //nolint:gosec // The path is under the data directory.
	return osFile{f}, err                                           // os names the path and the operation.
}

func (osDisk) remove(path string) error { return os.Remove(path) } // os names the path and the operation.

func (osDisk) syncDir(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // The operator names the directory.
	if err != nil {
		return fmt.Errorf("open directory: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}
