// SPDX-License-Identifier: Apache-2.0

package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/strata-apm/strata/ingest/bus"
)

// readWindow is how many bytes of a segment are read at once; one larger frame widens it.
const readWindow = 1 << 20

// partition reads one topicLog. It remembers where the next frame starts so that reading on costs no search.
type partition struct {
	log  *topicLog
	base int64 // base offset of the segment the cursor is in
	next int64 // offset the cursor stands at
	at   int64 // byte position of the cursor in its segment; 0 before the first fetch
	buf  []byte
}

var _ bus.Partition = (*partition)(nil)

// Name implements bus.Partition.
func (p *partition) Name() string { return p.log.topic + "-0" }

// Position implements bus.Partition.
func (p *partition) Position(context.Context) (bus.Position, error) {
	p.log.mu.Lock()
	defer p.log.mu.Unlock()
	pos := p.log.pos.pos
	pos.Offset = max(pos.Offset, p.log.segments[0].base)
	return pos, nil
}

// Commit implements bus.Partition.
func (p *partition) Commit(_ context.Context, pos bus.Position) error { return p.log.commit(pos) }

// Fetch implements bus.Partition.
func (p *partition) Fetch(ctx context.Context, offset int64, maxBytes int) ([]bus.Message, error) {
	for {
		if err := p.log.wait(ctx, offset); err != nil {
			return nil, err
		}
		msgs, next, err := p.read(offset, maxBytes)
		if err != nil || len(msgs) > 0 {
			return msgs, err
		}
		offset = next // All that was there is damaged; the damage was logged when the log was opened.
	}
}

// read returns the messages from offset on that one segment holds, at most maxBytes of them, and the offset to go on with.
func (p *partition) read(offset int64, maxBytes int) ([]bus.Message, int64, error) {
	seg, end, offset, err := p.locate(offset)
	if err != nil {
		return nil, 0, err
	}
	if err := p.fill(seg, min(end-p.at, readWindow)); err != nil {
		return nil, 0, err
	}
	var out []bus.Message
	size, pos := 0, 0
	for (size < maxBytes || len(out) == 0) && p.at+int64(pos) < end {
		n, off, err := checkFrame(p.buf[pos:], p.log.table)
		whole := p.at + int64(pos) + int64(max(frameLen(p.buf[pos:]), frameHeaderLen))
		switch {
		case errors.Is(err, errShortFrame) && whole <= end: // The frame goes on past the window.
			if len(out) > 0 {
				return p.stop(out, pos, offset)
			}
			p.at += int64(pos)
			pos = 0
			if err := p.fill(seg, min(end-p.at, max(whole-p.at, readWindow))); err != nil {
				return nil, 0, err
			}
			continue
		case err != nil:
			p.at += int64(pos)
			pos = 0
			if err := p.resync(seg, end, offset); err != nil {
				return nil, 0, err
			}
			continue
		case off >= offset:
			m, err := decodeFrame(p.buf[pos : pos+n])
			if err != nil {
				return nil, 0, fmt.Errorf("decode segment %s at %d: %w", seg.path, p.at+int64(pos), err)
			}
			out = append(out, m)
			size += len(m.Value)
			offset = off + 1
		}
		pos += n
	}
	if len(out) == 0 {
		offset = max(offset, seg.next)
	}
	return p.stop(out, pos, offset)
}

func (p *partition) stop(out []bus.Message, pos int, next int64) ([]bus.Message, int64, error) {
	p.at += int64(pos)
	p.next = next
	return out, next, nil
}

// locate moves the cursor to the segment that holds offset and returns it with the end of its durable bytes and the offset to read
// from: a later one where damage swallowed the end of a segment.
func (p *partition) locate(offset int64) (*segment, int64, int64, error) {
	l := p.log
	l.mu.Lock()
	defer l.mu.Unlock()
	if offset < l.segments[0].base {
		return nil, 0, 0, fmt.Errorf("fetch %s at %d: trimmed, the oldest offset is %d", l.topic, offset, l.segments[0].base)
	}
	seg := l.segments[0]
	for i, s := range l.segments {
		if s.base <= offset {
			seg = s
		}
		if s.base <= offset && offset >= s.next && i+1 < len(l.segments) {
			offset = max(offset, l.segments[i+1].base)
		}
	}
	if seg.base != p.base || p.at == 0 || p.next > offset {
		p.base, p.at, p.next = seg.base, segmentHeaderLen, seg.base
	}
	return seg, seg.size, offset, nil
}

// resync moves the cursor past bytes that match no frame to the next one that does, or to the end.
func (p *partition) resync(seg *segment, end, offset int64) error {
	if err := p.fill(seg, end-p.at); err != nil {
		return err
	}
	skip := findFrame(p.buf, 1, offset, p.log.table)
	if skip < 0 {
		skip = len(p.buf)
	}
	p.at += int64(skip)
	p.buf = p.buf[skip:]
	return nil
}

// fill makes p.buf hold the n bytes from the cursor on.
func (p *partition) fill(seg *segment, n int64) error {
	if int64(cap(p.buf)) < n {
		p.buf = make([]byte, n)
	}
	p.buf = p.buf[:n]
	if _, err := seg.f.ReadAt(p.buf, p.at); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read segment %s at %d: %w", seg.path, p.at, err)
	}
	return nil
}
