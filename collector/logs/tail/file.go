// SPDX-License-Identifier: Apache-2.0

package tail

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/strata-apm/strata/collector/logs/charset"
)

const (
	// headBytes is how much of a file's beginning, windowBytes how much before the place that was read to, it is recognised by.
	headBytes   = 1000
	windowBytes = 256
)

// fileID is a file's identity beside its name.
type fileID struct {
	Dev uint64 `json:"dev"`
	Ino uint64 `json:"ino"`
}

func (id fileID) String() string { return fmt.Sprintf("%x-%x", id.Dev, id.Ino) }

// sum recognises so many bytes.
type sum struct {
	N    int    `json:"n"`
	Hash string `json:"hash,omitempty"`
}

func sumOf(b []byte) sum {
	if len(b) == 0 {
		return sum{}
	}
	h := sha256.Sum256(b)
	return sum{N: len(b), Hash: hex.EncodeToString(h[:8])}
}

func (s sum) matches(b []byte) bool { return len(b) >= s.N && sumOf(b[:s.N]) == s }

// place is how far a file was read, and what it is recognised by.
type place struct {
	Path string `json:"path"`
	ID   fileID `json:"id"`
	// Offset is where the next record begins; in a compressed file, of what comes out of it.
	Offset int64 `json:"offset"`
	Head   sum   `json:"head"`
	Window sum   `json:"window"`
	// Mid says that the text before Offset is the beginning of a line that was sent without its end.
	Mid bool `json:"mid,omitempty"`
	// Parts is how many parts of that line were sent because it is too long for a record; 0 when it is not.
	Parts int `json:"parts,omitempty"`
	// Packed says that the file is compressed, Ignored that it is not read.
	Packed  bool `json:"packed,omitempty"`
	Ignored bool `json:"ignored,omitempty"`
	// Ended is when its following ended, in seconds since 1970.
	Ended int64 `json:"ended,omitempty"`
}

// is says whether content is that of the file whose place it is, up to the place at least.
func (p *place) is(content io.ReaderAt, size int64) bool {
	if size < p.Offset || p.Offset == 0 {
		return false
	}
	buf := make([]byte, max(p.Head.N, p.Window.N))
	n, _ := content.ReadAt(buf[:p.Head.N], 0)
	if !p.Head.matches(buf[:n]) {
		return false
	}
	n, _ = content.ReadAt(buf[:p.Window.N], p.Offset-int64(p.Window.N))
	return p.Window.matches(buf[:n])
}

// file is one that is followed. It is used by one goroutine at a time.
type file struct {
	place
	handle *os.File // nil: not open

	looked bool // size and mtime are those of the last look
	size   int64
	mtime  time.Time
	broken bool // what was read before is no longer there

	started bool // whether it is UTF-16 or UTF-32 is known
	wide    charset.Wide
	guess   charset.Guess

	pending      []byte // from Offset to the end: no whole record yet
	pendingSince time.Time
	lastData     time.Time

	seen   bool      // by its name in this round
	goneAt time.Time // when it was not; zero: it has its name
	copyOf *file     // not read until that one was truncated or has ended
	copyAt int64     // how far that one had been read when the copy was found
}

// intact says whether the file still has what was read of it, and takes more of its beginning to recognise it by.
func (f *file) intact(size int64) bool {
	if f.broken || size < f.Offset {
		return false
	}
	var buf [headBytes]byte
	n, err := f.handle.ReadAt(buf[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return true // Reading will tell.
	}
	if !f.Head.matches(buf[:n]) {
		return false
	}
	var window [windowBytes]byte
	m, _ := f.handle.ReadAt(window[:f.Window.N], f.Offset-int64(f.Window.N))
	if !f.Window.matches(window[:m]) {
		return false
	}
	// The bytes behind Offset may still be written over.
	f.Head = sumOf(buf[:min(int64(n), max(f.Offset, int64(f.Head.N)))])
	return true
}

// restart makes it a file of which nothing was read.
func (f *file) restart() {
	f.Offset, f.Head, f.Window, f.Mid, f.Parts = 0, sum{}, sum{}, false, 0
	f.looked, f.broken, f.started, f.pending = false, false, false, nil
}

// takeOver continues a file at the place of another.
func (f *file) takeOver(p *place) {
	f.Offset, f.Head, f.Window, f.Mid, f.Parts = p.Offset, p.Head, p.Window, p.Mid, p.Parts
	f.looked, f.copyOf = false, nil
}

// begin finds out how the text is encoded. It needs some bytes of the file's beginning.
func (f *file) begin(enc charset.Named) bool {
	buf := make([]byte, 4096)
	n, _ := f.handle.ReadAt(buf, 0)
	if n == 0 || n < 4 && (buf[0] == 0 || buf[0] == 0xff && (n == 1 || buf[1] == 0xfe)) { // The marks of UTF-16 and UTF-32 begin alike.
		return false
	}
	f.decide(enc, buf[:n])
	return true
}

func (f *file) decide(enc charset.Named, head []byte) {
	markLen, wide := enc.Start(head)
	f.wide, f.started = wide, true
	if f.Offset == 0 {
		f.Offset, f.Window = int64(markLen), sumOf(head[:markLen])
	}
}

// wait is how long what is pending may still be completed.
func (f *file) due(now time.Time, line, record time.Duration) bool {
	if len(f.pending) == 0 {
		return false
	}
	wait := line
	if last := bytes.TrimRight(f.pending, "\x00"); len(last) > 0 && last[len(last)-1] == '\n' {
		wait = record
	}
	return now.Sub(f.pendingSince) >= wait
}

// hold keeps what is no whole record yet.
func (f *file) hold(rest []byte, now time.Time) {
	if len(bytes.Trim(rest, "\x00")) == 0 {
		f.pending = nil
		return
	}
	if len(rest) != len(f.pending) {
		f.pendingSince = now
	}
	f.pending = append(f.pending[:0], rest...)
}

// skipHole moves the place over zeros to the next byte that is none; false when there is none yet, because a file that was allocated
// beforehand ends with zeros too.
func (f *file) skipHole(size int64) bool {
	at := nextData(f.handle, f.Offset)
	buf := make([]byte, 256<<10)
	for at < size {
		n, err := f.handle.ReadAt(buf, at)
		if zeros := leadingZeros(buf[:n]); zeros < n {
			at += int64(zeros)
			at -= at % int64(f.wide.Unit()) // Marks are as long as a unit.
			lead := min(at, windowBytes)
			n, _ := f.handle.ReadAt(buf[:lead], at-lead)
			f.Offset, f.Window, f.Mid, f.Parts = at, sumOf(buf[:n]), false, 0
			return true
		}
		at += int64(n)
		if err != nil || n == 0 {
			return false
		}
		at = nextData(f.handle, at)
	}
	return false
}

func leadingZeros(b []byte) int {
	for i, c := range b {
		if c != 0 {
			return i
		}
	}
	return len(b)
}

func (f *file) close() {
	if f.handle != nil {
		_ = f.handle.Close()
		f.handle = nil
	}
}
