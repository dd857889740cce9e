// SPDX-License-Identifier: Apache-2.0

package tail

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"go.uber.org/zap"
)

// packedQuiet is how long a compressed file must not have changed: until then it is being written.
const packedQuiet = time.Second

// unpacker reads what comes out of a compressed file at places that grow, mostly: for one before the last it begins anew.
type unpacker struct {
	file *os.File
	in   *gzip.Reader
	at   int64
}

// ReadAt implements io.ReaderAt.
func (u *unpacker) ReadAt(b []byte, at int64) (int, error) {
	if u.in == nil || at < u.at {
		info, err := u.file.Stat()
		if err != nil {
			return 0, fmt.Errorf("unpack: %w", err)
		}
		if u.in, err = gzip.NewReader(io.NewSectionReader(u.file, 0, info.Size())); err != nil {
			return 0, fmt.Errorf("unpack: %w", err)
		}
		u.at = 0
	}
	n, err := io.CopyN(io.Discard, u.in, at-u.at)
	u.at += n
	if err != nil {
		return 0, err // io.EOF, as the interface wants it.
	}
	read, err := io.ReadFull(u.in, b)
	u.at += int64(read)
	return read, err // The same.
}

// readPacked hands over the records of a compressed file. It is written once, so what is left at its end is a record.
func (t *Follower) readPacked(ctx context.Context, f *file, now time.Time) {
	info, err := f.handle.Stat()
	if err != nil || f.looked && info.Size() == f.size && info.ModTime().Equal(f.mtime) || now.Sub(info.ModTime()) < packedQuiet {
		return
	}
	f.looked, f.size, f.mtime = true, info.Size(), info.ModTime()
	if !f.started {
		head := make([]byte, 4096)
		n, _ := (&unpacker{file: f.handle}).ReadAt(head, 0)
		f.decide(t.opts.Encoding, head[:n])
	}
	in, err := gzip.NewReader(io.NewSectionReader(f.handle, 0, info.Size()))
	if err == nil {
		_, err = io.CopyN(io.Discard, in, f.Offset)
	}
	if err != nil {
		t.complain(f.Path, err)
		return
	}
	var rest []byte
	chunk := make([]byte, chunkBytes)
	for ctx.Err() == nil {
		n, err := in.Read(chunk)
		rest = append(rest, chunk[:n]...)
		ended := errors.Is(err, io.EOF) // A file that is cut off may still be written.
		for used := 1; used > 0 && len(rest) > 0; {
			used = t.consume(ctx, f, rest, 0, ended)
			rest = rest[used:]
		}
		f.pending = nil
		if err != nil {
			if !ended {
				t.opts.Logger.Error("compressed log file is damaged", zap.String("path", f.Path), zap.Error(err))
			}
			f.lastData = now
			return
		}
	}
	f.looked = false
}
