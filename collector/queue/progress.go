// SPDX-License-Identifier: Apache-2.0

package queue

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/strata-apm/strata/collector/logs"
)

const (
	attrFilePath   = logs.AttrFilePath
	attrFileOffset = logs.AttrFileOffset

	// headSize is how much more of a file is read than a mark's text has, for the white space that the receiver trims in front of it.
	headSize = 200
	// markAge is when the mark of a file that was not written for long is thrown away.
	markAge = 30 * 24 * time.Hour
)

// Progress remembers for each file the last record that was queued. The receiver's own checkpoint is written once per round over all
// files, so after a kill it reads again what the round had queued; those records are recognised here and left out.
//
// A mark is committed in the transaction that queues its records, so it never says more or less than the queue holds. It is believed only
// when the file still has the marked record's text at its place. If it does not, or there is no mark, nothing is left out: records may be
// repeated then, but none is lost. Safe for concurrent use.
type Progress struct {
	queue *State

	mu sync.Mutex
	// until is by the file's identity, or by its path where that is not known. Records up to its offset were queued by an earlier run; the
	// offset is -1 when no more of them are to come. Guarded by mu.
	until map[string]*repeated
}

// repeated is a file that may be read again.
type repeated struct {
	mark
	// last makes sure that offsets grow; when they do not, the file was truncated and everything in it is new.
	last int64
}

// mark is the last queued record of a file.
type mark struct {
	Offset int64 `json:"offset"`
	// End is where the record after it begins; 0 where that is not known.
	End   int64  `json:"end,omitempty"`
	Inode uint64 `json:"inode"`
	// Head begins the text of a record whose receiver does not tell what stands in the file.
	Head string `json:"head,omitempty"`
	// Raw is what stands in the file at Offset, byte for byte.
	Raw []byte `json:"raw,omitempty"`
	// Day is when the mark was made, in days since 1970.
	Day int64 `json:"day"`

	path string
}

// NewProgress returns the progress of files whose marks lie in the queue of log records.
func NewProgress(queue *State) *Progress {
	return &Progress{queue: queue, until: make(map[string]*repeated)}
}

// Prepare throws away old marks.
func (p *Progress) Prepare(ctx context.Context) error {
	oldest := day(time.Now().Add(-markAge))
	err := p.queue.forget(ctx, func(value []byte) bool {
		var m mark
		return json.Unmarshal(value, &m) != nil || m.Day < oldest
	})
	if err != nil {
		return fmt.Errorf("throw away old marks: %w", err)
	}
	return nil
}

// day returns the whole days since 1970.
func day(t time.Time) int64 { return t.Unix() / 86400 }

// Repeats implements logs.Queued.
func (p *Progress) Repeats(ctx context.Context, id, path string, offset, end int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.repeats(ctx, id, mark{Offset: offset, End: end, path: path})
}

// Filter removes the records that were queued by an earlier run, takes the offset off the others, and returns the marks to commit with
// them. Records of our own receiver, which has asked Repeats for each, are marked only.
func (p *Progress) Filter(ctx context.Context, ld plog.Logs) map[string][]byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	marks := make(map[string]mark)
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			sl.LogRecords().RemoveIf(func(lr plog.LogRecord) bool {
				offset, ok := lr.Attributes().Get(attrFileOffset)
				path, ok2 := lr.Attributes().Get(attrFilePath)
				if !ok || !ok2 {
					return false
				}
				m := mark{Offset: offset.Int(), path: path.Str()}
				key := m.path
				lr.Attributes().Remove(attrFileOffset)
				if v, ok := lr.Attributes().Get(logs.AttrFileID); ok {
					key = v.Str()
					lr.Attributes().Remove(logs.AttrFileID)
				}
				if v, ok := lr.Attributes().Get(logs.AttrFileEnd); ok {
					m.End = v.Int()
					lr.Attributes().Remove(logs.AttrFileEnd)
				}
				raw, ok := lr.Attributes().Get(logs.AttrHead)
				if ok {
					m.Raw = []byte(raw.Str())
					lr.Attributes().Remove(logs.AttrHead)
				}
				if m.End == 0 && p.repeats(ctx, key, m) {
					return true
				}
				if len(m.Raw) > 0 {
					marks[key] = m
				} else if m.End == 0 && lr.Body().Type() == pcommon.ValueTypeStr {
					m.Head = logs.Head(lr.Body().Str())
					marks[key] = m
				}
				return false
			})
		}
		rl.ScopeLogs().RemoveIf(func(sl plog.ScopeLogs) bool { return sl.LogRecords().Len() == 0 })
	}
	ld.ResourceLogs().RemoveIf(func(rl plog.ResourceLogs) bool { return rl.ScopeLogs().Len() == 0 })
	return encodeMarks(marks)
}

// repeats says whether a record was queued before; mu is held.
func (p *Progress) repeats(ctx context.Context, key string, m mark) bool {
	r := p.until[key]
	if r == nil {
		r = &repeated{mark: p.load(ctx, key, m.path), last: -1}
		p.until[key] = r
	}
	// A record that goes on behind the marked one has something that was not queued: a line that came later and belongs to it.
	if m.Offset > r.Offset || m.Offset <= r.last || m.End > 0 && r.End > 0 && m.End > r.End {
		r.Offset = -1
		return false
	}
	r.last = m.Offset
	return true
}

// load returns a file's mark, one with offset -1 when there is none or the file is not the one that was marked.
func (p *Progress) load(ctx context.Context, key, path string) mark {
	none := mark{Offset: -1}
	text := p.queue.mark(ctx, key)
	if text == nil && key != path { // An earlier release knew files by their paths.
		text = p.queue.mark(ctx, path)
	}
	var m mark
	if text == nil || json.Unmarshal(text, &m) != nil || m.Head == "" && len(m.Raw) == 0 || m.Offset < 0 {
		return none
	}
	f, err := os.Open(path) //nolint:gosec // A file the operator told the agent to follow.
	if err != nil {
		return none
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil || inode(info) != m.Inode && inode(info) != 0 {
		return none
	}
	if len(m.Raw) > 0 {
		buf := make([]byte, len(m.Raw))
		if n, _ := f.ReadAt(buf, m.Offset); !bytes.Equal(buf[:n], m.Raw) {
			return none
		}
		return m
	}
	// The receiver trims a record's beginning, which the file still has.
	buf := make([]byte, len(m.Head)+headSize)
	n, _ := f.ReadAt(buf, m.Offset)
	if !bytes.HasPrefix(bytes.TrimLeftFunc(buf[:n], unicode.IsSpace), []byte(m.Head)) {
		return none
	}
	return m
}

// encodeMarks adds what the files are recognised by. A file without a mark only means that more may be repeated.
func encodeMarks(marks map[string]mark) map[string][]byte {
	out := make(map[string][]byte, len(marks))
	for key, m := range marks {
		if m.Head == "" && len(m.Raw) == 0 {
			continue
		}
		// The identity that our own receiver gives is of the file that was read, whatever has its name by now.
		if _, ino, ok := strings.Cut(key, "-"); ok && m.End > 0 {
			n, err := strconv.ParseUint(ino, 16, 64)
			if err != nil {
				continue
			}
			m.Inode = n
		} else if info, err := os.Stat(m.path); err == nil {
			m.Inode = inode(info)
		} else {
			continue
		}
		m.Day = day(time.Now())
		if text, err := json.Marshal(m); err == nil {
			out[key] = text
		}
	}
	return out
}
