// SPDX-License-Identifier: Apache-2.0

package tail

import (
	"fmt"
	"os"

	"golang.org/x/sys/windows"
)

// open lets others rename and remove the file while it is open, which os.Open does not.
func open(path string) (*os.File, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	h, err := windows.CreateFile(name, windows.GENERIC_READ, windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE|windows.FILE_SHARE_DELETE, nil,
		windows.OPEN_EXISTING, windows.FILE_ATTRIBUTE_NORMAL, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(h), path), nil
}

func identify(_ os.FileInfo, path string) (fileID, error) {
	f, err := open(path)
	if err != nil {
		return fileID{}, err
	}
	defer func() { _ = f.Close() }()
	var d windows.ByHandleFileInformation
	if err := windows.GetFileInformationByHandle(windows.Handle(f.Fd()), &d); err != nil {
		return fileID{}, fmt.Errorf("identify %s: %w", path, err)
	}
	return fileID{Dev: uint64(d.VolumeSerialNumber), Ino: uint64(d.FileIndexHigh)<<32 | uint64(d.FileIndexLow)}, nil
}
