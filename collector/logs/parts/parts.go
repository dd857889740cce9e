// SPDX-License-Identifier: Apache-2.0

// Package parts numbers the records that are parts of a text which is too long for one.
package parts

import (
	"maps"
	"strings"
	"sync"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/strata-apm/strata/collector/logs/charset"
	"github.com/strata-apm/strata/collector/logs/cri"
	"github.com/strata-apm/strata/collector/logs/levels"
	"github.com/strata-apm/strata/collector/logs/tail"
)

// Attributes of the records that are parts of a text which is too long for one: the part's number from 1, and on the last part how many there are.
const (
	AttrPart  = "strata.part"
	AttrParts = "strata.parts"
)

// Set numbers a record that is a part of a text.
func Set(lr plog.LogRecord, part int, last bool) {
	lr.Attributes().PutInt(AttrPart, int64(part))
	if last {
		lr.Attributes().PutInt(AttrParts, int64(part))
	}
}

// Memory remembers what the first part of a long line told, for the parts behind it: they have no time and no level of their own. After a restart
// of the agent they have the time of reading. Safe for concurrent use.
type Memory struct {
	mu    sync.Mutex
	known map[string]firstPart // by the file's identity or path; guarded by mu
}

type firstPart struct {
	record plog.LogRecord
	// criParts is how many parts of a container's line were taken, whose frames come with each of them; 0 when the line is cut within a frame.
	criParts int
}

// NewMemory returns a Memory of nothing.
func NewMemory() *Memory { return &Memory{known: make(map[string]firstPart)} }

// Kept is what a Memory remembered of a file.
type Kept map[string]firstPart

// Keep is what is remembered of a file, nil for nothing, for Restore.
func (m *Memory) Keep(file string) Kept {
	m.mu.Lock()
	defer m.mu.Unlock()
	var kept Kept
	for key, first := range m.known {
		if isOf(key, file) {
			if kept == nil {
				kept = make(Kept)
			}
			kept[key] = first
		}
	}
	return kept
}

// Restore makes the memory of a file what Keep returned.
func (m *Memory) Restore(file string, kept Kept) {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.known, func(key string, _ firstPart) bool { return isOf(key, file) })
	maps.Copy(m.known, kept)
}

// isOf says whether a key is the file's, or that of one of its streams; see Container.
func isOf(key, file string) bool {
	rest, ok := strings.CutPrefix(key, file)
	return ok && (rest == "" || rest == " stdout" || rest == " stderr")
}

// Follow fills a record that is not the first part from its text.
func (m *Memory) Follow(file, text string, lr plog.LogRecord) {
	lr.Body().SetStr(text)
	m.mu.Lock()
	defer m.mu.Unlock()
	if first, ok := m.known[file]; ok {
		first.copyTo(lr)
	}
}

func (f firstPart) copyTo(lr plog.LogRecord) {
	lr.SetTimestamp(f.record.Timestamp())
	levels.Set(lr, f.record.SeverityText(), f.record.SeverityNumber())
	lr.SetTraceID(f.record.TraceID())
	lr.SetSpanID(f.record.SpanID())
	if stream, ok := f.record.Attributes().Get(cri.AttrStream); ok {
		lr.Attributes().PutStr(cri.AttrStream, stream.Str())
	}
}

// Note remembers a record whose text goes on in another one, and forgets it behind the last part.
func (m *Memory) Note(file string, part int, continues bool, lr plog.LogRecord) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case !continues:
		delete(m.known, file)
	case part == 1:
		first := plog.NewLogRecord()
		lr.CopyTo(first)
		first.Body().SetStr("")
		m.known[file] = firstPart{record: first}
	}
}

// Container numbers the parts that a line of a container is made of where it is longer than a record. text is the record as it stands in the file.
func (m *Memory) Container(file, text string, lr plog.LogRecord) {
	line := text[strings.LastIndexByte(text, '\n')+1:]
	if !cri.May(line) {
		return
	}
	last, ok := cri.Parse([]byte(line))
	if !ok {
		return
	}
	key := file + " " + string(last.Stream)
	m.mu.Lock()
	defer m.mu.Unlock()
	first, begun := m.known[key]
	switch {
	case !begun && !last.Part:
		return
	case begun:
		first.copyTo(lr)
	default:
		first.record = plog.NewLogRecord()
		lr.CopyTo(first.record)
		first.record.Body().SetStr("")
	}
	first.criParts++
	Set(lr, first.criParts, !last.Part)
	if m.known[key] = first; !last.Part {
		delete(m.known, key)
	}
}

// CutBodies replaces each record whose text is too long by records with its parts.
func CutBodies(records plog.LogRecordSlice) {
	for i := range records.Len() {
		if body := records.At(i).Body(); body.Type() == pcommon.ValueTypeStr && len(body.Str()) > tail.MaxRecord {
			break
		} else if i == records.Len()-1 {
			return
		}
	}
	out := plog.NewLogRecordSlice()
	for _, lr := range records.All() {
		if lr.Body().Type() != pcommon.ValueTypeStr || len(lr.Body().Str()) <= tail.MaxRecord {
			lr.MoveTo(out.AppendEmpty())
			continue
		}
		text := lr.Body().Str()
		lr.Body().SetStr("")
		for part := 1; text != ""; part++ {
			n := charset.FitUTF8([]byte(text), tail.MaxRecord)
			to := out.AppendEmpty()
			lr.CopyTo(to)
			to.Body().SetStr(text[:n])
			Set(to, part, n == len(text))
			text = text[n:]
		}
	}
	out.MoveAndAppendTo(emptied(records))
}

func emptied(records plog.LogRecordSlice) plog.LogRecordSlice {
	records.RemoveIf(func(plog.LogRecord) bool { return true })
	return records
}
