// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
	"unicode"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

const (
	attrFilePath   = "log.file.path"
	attrFileOffset = "log.file.record_offset"

	// markSize is the size of a mark's file: one write that the kernel does as a whole, so that a kill leaves the old or the new one.
	markSize = 1024
	// headSize is how much of a record's text a mark keeps to recognise the file by.
	headSize = 200
	// markAge is when the mark of a file that was not written for long is thrown away.
	markAge = 30 * 24 * time.Hour
)

// progress remembers for each file the last record that was queued. The receiver's own checkpoint is written once per round over all
// files, so after a kill it reads again what the round had queued; those records are recognised here and left out.
//
// A mark is believed only when the file still has the marked record's text at its place. If it does not, or there is no mark,
// nothing is left out: records may be repeated then, but none is lost. For the same reason marks need no fsync. Safe for concurrent use.
type progress struct {
	dir string

	mu sync.Mutex
	// until is by path: records up to this offset were queued by an earlier run; -1 when that is over. Guarded by mu.
	until map[string]*repeated
}

type repeated struct {
	until int64
	// last makes sure that offsets grow; when they do not, the file was truncated and everything in it is new.
	last int64
}

// mark is the last queued record of a file.
type mark struct {
	Offset int64
	Inode  uint64
	Head   string
}

func newProgress(dir string) *progress {
	return &progress{dir: dir, until: make(map[string]*repeated)}
}

// prepare creates the directory and throws away old marks.
func (p *progress) prepare() error {
	if err := os.MkdirAll(p.dir, 0o750); err != nil {
		return fmt.Errorf("create directory of log progress: %w", err)
	}
	entries, err := os.ReadDir(p.dir)
	if err != nil {
		return fmt.Errorf("read log progress: %w", err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > markAge {
			_ = os.Remove(filepath.Join(p.dir, e.Name()))
		}
	}
	return nil
}

// filter removes the records that were queued by an earlier run, takes the offset off the others, and returns the marks to store once
// they are queued.
func (p *progress) filter(ld plog.Logs) map[string]mark {
	p.mu.Lock()
	defer p.mu.Unlock()
	marks := make(map[string]mark)
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			sl.LogRecords().RemoveIf(func(lr plog.LogRecord) bool {
				path, ok := lr.Attributes().Get(attrFilePath)
				offset, ok2 := lr.Attributes().Get(attrFileOffset)
				if !ok || !ok2 {
					return false
				}
				at, name := offset.Int(), path.Str()
				lr.Attributes().Remove(attrFileOffset)
				if p.repeats(name, at) {
					return true
				}
				if lr.Body().Type() == pcommon.ValueTypeStr {
					marks[name] = mark{Offset: at, Head: head(lr.Body().Str())}
				}
				return false
			})
		}
		rl.ScopeLogs().RemoveIf(func(sl plog.ScopeLogs) bool { return sl.LogRecords().Len() == 0 })
	}
	ld.ResourceLogs().RemoveIf(func(rl plog.ResourceLogs) bool { return rl.ScopeLogs().Len() == 0 })
	return marks
}

// repeats says whether a record was queued before; mu is held.
func (p *progress) repeats(path string, offset int64) bool {
	r := p.until[path]
	if r == nil {
		r = &repeated{until: p.load(path), last: -1}
		p.until[path] = r
	}
	if offset > r.until || offset <= r.last {
		r.until = -1
		return false
	}
	r.last = offset
	return true
}

func (p *progress) file(path string) string {
	sum := sha256.Sum256([]byte(path))
	return filepath.Join(p.dir, hex.EncodeToString(sum[:12]))
}

// load returns the offset of a file's mark, -1 when there is none or the file is not the one that was marked.
func (p *progress) load(path string) int64 {
	text, err := os.ReadFile(p.file(path))
	if err != nil {
		return -1
	}
	var m mark
	if json.Unmarshal(bytes.TrimRight(text, "\n"), &m) != nil || m.Head == "" || m.Offset < 0 {
		return -1
	}
	f, err := os.Open(path) //nolint:gosec // A file the operator told the agent to follow.
	if err != nil {
		return -1
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil || inode(info) != m.Inode {
		return -1
	}
	// The receiver trims a record's beginning, which the file still has.
	buf := make([]byte, len(m.Head)+headSize)
	n, _ := f.ReadAt(buf, m.Offset)
	if !bytes.HasPrefix(bytes.TrimLeftFunc(buf[:n], unicode.IsSpace), []byte(m.Head)) {
		return -1
	}
	return m.Offset
}

// store keeps the mark of a file. A mark that cannot be written only means that more may be repeated.
func (p *progress) store(path string, m mark) {
	info, err := os.Stat(path)
	if err != nil || m.Head == "" {
		return
	}
	m.Inode = inode(info)
	text, err := json.Marshal(m)
	if err != nil || len(text) >= markSize {
		return
	}
	buf := bytes.Repeat([]byte{'\n'}, markSize)
	copy(buf, text)
	f, err := os.OpenFile(p.file(path), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return
	}
	_, _ = f.WriteAt(buf, 0)
	_ = f.Close()
}

// head is the beginning of a record's first line.
func head(body string) string {
	line, _, _ := strings.Cut(strings.TrimLeftFunc(body, unicode.IsSpace), "\n")
	if len(line) > headSize {
		line = strings.ToValidUTF8(line[:headSize], "")
	}
	return strings.TrimRight(line, "\r")
}
