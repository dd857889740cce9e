// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
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

	// headSize is how much of a record's text a mark keeps to recognise the file by.
	headSize = 200
	// markAge is when the mark of a file that was not written for long is thrown away.
	markAge = 30 * 24 * time.Hour
)

// progress remembers for each file the last record that was queued. The receiver's own checkpoint is written once per round over all
// files, so after a kill it reads again what the round had queued; those records are recognised here and left out.
//
// A mark is committed in the transaction that queues its records, so it never says more or less than the queue holds. It is believed only
// when the file still has the marked record's text at its place. If it does not, or there is no mark, nothing is left out: records may be
// repeated then, but none is lost. Safe for concurrent use.
type progress struct {
	queue *queueState

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
	Offset int64  `json:"offset"`
	Inode  uint64 `json:"inode"`
	Head   string `json:"head"`
	Day    int64  `json:"day"` // since 1970, when it was made
}

func newProgress(queue *queueState) *progress {
	return &progress{queue: queue, until: make(map[string]*repeated)}
}

// prepare throws away old marks.
func (p *progress) prepare(ctx context.Context) error {
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

func day(t time.Time) int64 { return t.Unix() / 86400 }

// filter removes the records that were queued by an earlier run, takes the offset off the others, and returns the marks to commit with
// them.
func (p *progress) filter(ctx context.Context, ld plog.Logs) map[string][]byte {
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
				if p.repeats(ctx, name, at) {
					return true
				}
				// Our own receiver gives the text as it is in the file for the last record; what it made of it would not be found there.
				if h, ok := lr.Attributes().Get(logs.AttrHead); ok {
					marks[name] = mark{Offset: at, Head: h.Str()}
					lr.Attributes().Remove(logs.AttrHead)
				} else if _, ok := lr.Attributes().Get("log.format"); !ok && lr.Body().Type() == pcommon.ValueTypeStr {
					marks[name] = mark{Offset: at, Head: logs.Head(lr.Body().Str())}
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
func (p *progress) repeats(ctx context.Context, path string, offset int64) bool {
	r := p.until[path]
	if r == nil {
		r = &repeated{until: p.load(ctx, path), last: -1}
		p.until[path] = r
	}
	if offset > r.until || offset <= r.last {
		r.until = -1
		return false
	}
	r.last = offset
	return true
}

// load returns the offset of a file's mark, -1 when there is none or the file is not the one that was marked.
func (p *progress) load(ctx context.Context, path string) int64 {
	text := p.queue.mark(ctx, path)
	var m mark
	if text == nil || json.Unmarshal(text, &m) != nil || m.Head == "" || m.Offset < 0 {
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

// encodeMarks adds what the files are recognised by. A file without a mark only means that more may be repeated.
func encodeMarks(marks map[string]mark) map[string][]byte {
	out := make(map[string][]byte, len(marks))
	for path, m := range marks {
		info, err := os.Stat(path)
		if err != nil || m.Head == "" {
			continue
		}
		m.Inode, m.Day = inode(info), day(time.Now())
		if text, err := json.Marshal(m); err == nil {
			out[path] = text
		}
	}
	return out
}
