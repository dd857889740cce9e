// SPDX-License-Identifier: Apache-2.0

package tail

import (
	"bytes"
	"context"
	"time"

	"github.com/strata-apm/strata/collector/logs/charset"
)

const (
	// chunkBytes is how much of a file is read at a time at the most, leastBytes how much at least.
	chunkBytes = 256 << 10
	leastBytes = 4 << 10
	// MaxRecord is the longest text of a record in bytes; what is longer comes in parts. A server takes 256 KiB by default, and masking may lengthen a text a little.
	MaxRecord = 255 << 10
	// MaxBatch is how many records are handed over at a time where the options do not say less. Each batch is a request and a transaction.
	MaxBatch = 1000
	// roundBytes is how much of one file is read in a round, so that the others have their turn.
	roundBytes = 16 << 20
	// holeBytes is how many zeros in a row are no text.
	holeBytes = 8
	recHead   = 200
)

// read hands over what is new in a file. final says that nothing more will come.
func (t *Follower) read(ctx context.Context, f *file, now time.Time, final bool) {
	if f.Packed {
		t.readPacked(ctx, f, now)
		return
	}
	info, err := f.handle.Stat()
	if err != nil {
		t.complain(f.Path, err)
		return
	}
	changed := !f.looked || info.Size() != f.size || !info.ModTime().Equal(f.mtime)
	flush := final || !changed && f.due(now, t.opts.FlushLine, t.opts.FlushRecord)
	if !changed && !flush || f.broken {
		return
	}
	f.looked, f.size, f.mtime = true, info.Size(), info.ModTime()
	if !f.started && !t.start(f) {
		return
	}
	t.readNew(ctx, f, now, flush)
}

// start prepares a file for its first read and says whether it can be read now.
func (t *Follower) start(f *file) bool {
	if f.Offset == 0 && (!t.readable(f) || f.Packed) { // It was empty when it was found.
		f.looked = false
		return false
	}
	return f.begin(t.opts.Encoding)
}

// readNew hands over what stands behind the file's place, up to its end or this round's share. flush says that what is left at the end is a record.
func (t *Follower) readNew(ctx context.Context, f *file, now time.Time, flush bool) {
	// One byte more than there is shows the end of the file at once.
	size, budget := int(min(max(f.size-f.Offset+1, leastBytes), chunkBytes)), roundBytes
	for ctx.Err() == nil {
		buf := t.buffer(f.Window.N + size)
		// A single read has the old bytes and the new ones, so that both are of one state of the file.
		n, err := f.handle.ReadAt(buf, f.Offset-int64(f.Window.N))
		if n < f.Window.N || !f.Window.matches(buf) {
			f.broken = true
			t.buffers.Put(&buf)
			return
		}
		atEnd, lead := err != nil, f.Window.N
		used := t.consume(ctx, f, buf[:n], lead, flush && atEnd)
		rest := buf[lead+used : n]
		more := true
		switch {
		case used > 0:
			f.lastData = now
			if budget -= used; budget < 0 {
				f.looked, more = false, false
			}
		case atEnd:
			f.hold(rest, now)
			more = false
		case leadingZeros(rest) == len(rest):
			more = f.skipHole(f.size)
		case size < 8*MaxRecord: // A character of a part may be four bytes of UTF-32.
			size *= 2
		default:
			more = false
		}
		t.buffers.Put(&buf)
		if !more {
			return
		}
	}
	f.looked = false // Stopped; there may be more.
}

func (t *Follower) buffer(n int) []byte {
	if b, ok := t.buffers.Get().(*[]byte); ok && cap(*b) >= n {
		return (*b)[:n]
	}
	return make([]byte, n)
}

// consume hands over the records of what stands in buf behind its first lead bytes, which are the ones before the place, and returns how
// much of it that was. final says that what is left at the end is a record too.
func (t *Follower) consume(ctx context.Context, f *file, buf []byte, lead int, final bool) int {
	raw := buf[lead:]
	view := raw
	width := func(b []byte) int { return len(b) }
	if f.wide != charset.Narrow {
		view, width = charset.DecodeWide(raw, f.wide, !final), func(b []byte) int { return charset.RawLen(b, f.wide) }
	}
	base, pos, at := f.Offset, 0, 0 // pos in view, at in raw
	most := t.most()
	zeros := hole{view: view, at: -1}
	mid, parts := f.Mid, f.Parts
	records := make([]Record, 0, min(most, 1+bytes.Count(view, []byte{'\n'})))
	emit := func() {
		if len(records) > 0 {
			last := records[len(records)-1]
			begin, end := int(last.Offset-base), int(last.End-base)
			batch := Batch{Path: f.Path, Records: records, Head: raw[begin:min(end, begin+recHead)]}
			if !f.Packed {
				batch.ID = f.ID.String()
			}
			t.opts.Emit(ctx, batch)
			records = records[:0]
		}
		f.Offset, f.Mid, f.Parts = base+int64(at), mid, parts
		if at > 0 {
			f.Window = sumOf(buf[max(0, lead+at-windowBytes) : lead+at])
		}
	}
	for ctx.Err() == nil && pos < len(view) {
		rest := view[pos:]
		if n := leadingZeros(rest); n > 0 {
			if n == len(rest) {
				break
			}
			at, pos, mid, parts = at+width(rest[:n]), pos+n, false, 0
			continue
		}
		segment, ended := zeros.before(pos)
		n, text, cut := t.first(f, segment, ended || final, mid)
		if n == 0 {
			break
		}
		mid = cut || segment[n-1] != '\n' && (!ended || n != len(segment))
		part := 0
		if cut || parts > 0 {
			part = parts + 1
		}
		if parts = part; !cut {
			parts = 0
		}
		begin := at
		at, pos = at+width(segment[:n]), pos+n
		if body := f.decode(t.opts.Encoding, text); body != "" {
			records = append(records, Record{Text: body, Offset: base + int64(begin), End: base + int64(at), Part: part, Continues: cut})
		}
		if len(records) == most {
			emit()
		}
	}
	emit()
	if at > 0 {
		f.hold(raw[at:], time.Now())
	}
	return at
}

// most is how many records are handed over at a time at the most.
func (t *Follower) most() int {
	if t.opts.Batch > 0 {
		return min(t.opts.Batch, MaxBatch)
	}
	return MaxBatch
}

// first is the first record of the segment. cut says that it is only a part of it.
func (t *Follower) first(f *file, segment []byte, final, mid bool) (n int, text []byte, cut bool) {
	if mid { // The end of a line whose beginning was sent belongs to no other record.
		switch end := bytes.IndexByte(segment, '\n'); {
		case end >= 0:
			n, text = end+1, segment[:end]
		case final:
			n, text = len(segment), segment
		}
	} else {
		n, text = t.opts.Split(segment, final)
	}
	switch {
	case n == 0 && final:
		n, text = len(segment), bytes.TrimRight(segment, "\r\n")
	case n == 0 && len(segment) > MaxRecord:
		text = segment
	}
	var fits int
	if f.wide != charset.Narrow {
		fits = charset.FitUTF8(text, MaxRecord)
	} else {
		fits = t.opts.Encoding.Fit(text, MaxRecord, &f.guess)
	}
	if fits < len(text) {
		return fits, text[:fits], true
	}
	return n, bytes.TrimRight(text, "\r"), false
}

// decode makes the text of a record. Zeros at its beginning and end are what a hole left.
func (f *file) decode(enc charset.Named, text []byte) string {
	text = bytes.Trim(text, "\x00")
	if f.wide != charset.Narrow {
		return string(bytes.TrimPrefix(text, []byte("\ufeff")))
	}
	return enc.Decode(text, &f.guess)
}

// hole is the first one behind a place in what was read.
type hole struct {
	view []byte
	// at is where it begins, less than 0 when that is not known; ended is that of untilHole.
	at    int
	ended bool
}

// before is what stands between pos, which grows from call to call, and the hole. To look for that each time would read everything again for each
// record.
func (h *hole) before(pos int) (segment []byte, ended bool) {
	if pos >= h.at {
		h.at, h.ended = untilHole(h.view[pos:])
		h.at += pos
	}
	return h.view[pos:h.at], h.ended
}

// untilHole is where the data have zeros, or else their end. ended says that text follows: zeros up to the end may still be written over.
func untilHole(data []byte) (at int, ended bool) {
	i := bytes.Index(data, make([]byte, holeBytes))
	if i < 0 {
		return len(data), false
	}
	return i, leadingZeros(data[i:]) < len(data)-i
}

// lastLine is where the last whole line ends.
func lastLine(pending []byte, wide charset.Wide) int {
	if wide == charset.Narrow {
		return bytes.LastIndexByte(pending, '\n') + 1
	}
	text := charset.DecodeWide(pending, wide, true)
	return charset.RawLen(text[:bytes.LastIndexByte(text, '\n')+1], wide)
}
