// SPDX-License-Identifier: Apache-2.0

package embedded

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/strata-apm/strata/ingest/bus"
)

// group is the set of records that share one fdatasync.
type group struct {
	frames  [][]byte
	headers [][]bus.Header
	bytes   int64
	done    bool
	err     error
}

// mark is when the record at an offset was taken.
type mark struct {
	offset int64
	time   time.Time
}

// topicLog is the log of one topic.
type topicLog struct {
	dir    string
	topic  string
	opts   Options
	table  *crc32.Table
	logger *slog.Logger

	// commitMu is held by the producer that writes and syncs for its group; the others queue on it.
	commitMu sync.Mutex

	mu       sync.Mutex // protects everything below
	pending  *group
	segments []*segment // oldest first; the last one takes appends
	bytes    int64      // on disk, and pending
	durable  int64      // first offset not on stable storage
	changed  chan struct{}
	failed   error // set after a failed fdatasync, never cleared
	full     error // last write was refused by the disk
	closed   bool
	damaged  int64 // ranges of bytes that could not be read
	pos      *positionFile
	marks    []mark // rising; when some of the records not yet stored were taken, at most one a second
}

func openLog(dir, topic string, opts Options) (*topicLog, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create topic directory: %w", err)
	}
	l := &topicLog{
		dir: dir, topic: topic, opts: opts, table: crcTable(), logger: opts.Logger.With("topic", topic),
		pending: &group{}, changed: make(chan struct{}),
	}
	bases, err := listSegments(dir)
	if err != nil {
		return nil, err
	}
	pos, err := openPosition(opts.disk, filepath.Join(dir, "position"), len(bases) > 0)
	if err != nil {
		return nil, err
	}
	l.pos = pos
	for i, base := range bases {
		s, bad, err := openSegment(segmentPath(dir, base), base, i == len(bases)-1, opts.disk)
		if err != nil {
			return nil, err
		}
		l.reportDamage(s, bad)
		l.segments = append(l.segments, s)
		l.bytes += s.size
		l.durable = s.next
	}
	// A position past the log's end happens when the directory was emptied by hand; offsets must never be used twice.
	l.durable = max(l.durable, pos.pos.Offset)
	if len(l.segments) == 0 || l.segments[len(l.segments)-1].next < l.durable {
		s, err := createSegment(dir, l.durable, opts.disk)
		if err != nil {
			return nil, err
		}
		l.segments = append(l.segments, s)
		l.bytes += s.size
	}
	if err := l.markOldest(); err != nil {
		return nil, err
	}
	return l, opts.disk.syncDir(dir)
}

// mark notes when the record at offset was taken. Called with mu held.
func (l *topicLog) mark(offset int64, at time.Time) {
	if n := len(l.marks); n > 0 && at.Sub(l.marks[n-1].time) < time.Second {
		return
	}
	l.marks = append(l.marks, mark{offset: offset, time: at})
}

// markOldest notes when the oldest record that a former process left to store was taken.
func (l *topicLog) markOldest() error {
	from := max(l.pos.pos.Offset, l.segments[0].base)
	if from >= l.durable {
		return nil
	}
	p := &partition{log: l}
	msgs, _, err := p.read(from, 1)
	if err == nil && len(msgs) > 0 {
		l.mark(msgs[0].Offset, msgs[0].Time)
	}
	return err
}

func (l *topicLog) reportDamage(s *segment, bad []damage) {
	for _, d := range bad {
		if d.torn {
			l.logger.Warn("cut off an append that a crash left unfinished", "segment", s.path, "bytes", d.to-d.from)
			continue
		}
		l.damaged++
		l.logger.Error("segment is damaged; the records in the range are lost", "segment", s.path,
			"from", d.from+segmentHeaderLen, "to", d.to+segmentHeaderLen)
	}
}

// append makes the encoded frames durable together with whatever else waits.
func (l *topicLog) append(frames [][]byte, recs []bus.Record) error {
	var size int64
	for _, f := range frames {
		size += int64(len(f))
	}
	l.mu.Lock()
	if err := l.admit(size); err != nil {
		l.mu.Unlock()
		return err
	}
	g := l.pending
	g.frames = append(g.frames, frames...)
	for i := range recs {
		g.headers = append(g.headers, recs[i].Headers)
	}
	g.bytes += size
	l.bytes += size
	l.mu.Unlock()

	l.commitMu.Lock()
	defer l.commitMu.Unlock()
	if !g.done { // Nobody wrote this group while we queued: lead it.
		l.commitGroup(g)
	}
	return g.err
}

// admit says whether size more bytes may be taken. Called with mu held.
func (l *topicLog) admit(size int64) error {
	switch {
	case l.failed != nil:
		return fmt.Errorf("%w: %w", bus.ErrFailed, l.failed)
	case l.closed:
		return fmt.Errorf("%w: closing", bus.ErrUnavailable)
	case size > l.opts.LimitBytes:
		return fmt.Errorf("%w: %d bytes, the limit of the bus is %d", bus.ErrTooLarge, size, l.opts.LimitBytes)
	case l.bytes+size > l.opts.LimitBytes:
		return fmt.Errorf("%w: topic %s holds %d of %d bytes not yet stored", bus.ErrFull, l.topic, l.bytes, l.opts.LimitBytes)
	}
	return nil
}

// commitGroup writes and syncs g, the pending group. Called with commitMu held.
func (l *topicLog) commitGroup(g *group) {
	l.mu.Lock()
	l.pending = &group{}
	seg := l.segments[len(l.segments)-1]
	next, failed := seg.next, l.failed
	l.mu.Unlock()

	err := failed
	if err == nil && seg.size >= l.opts.SegmentBytes {
		var s *segment
		if s, err = createSegment(l.dir, next, l.opts.disk); err == nil {
			seg = s
			l.mu.Lock()
			l.segments = append(l.segments, s)
			l.bytes += s.size
			l.mu.Unlock()
		}
	}
	var written int64
	if err == nil {
		written, err = l.writeGroup(seg, g, next)
	}

	if err == nil { // Before readers see the records, so that a record is counted as accepted before it is counted as stored.
		for i, h := range g.headers {
			l.opts.OnDurable(l.topic, next+int64(i), h)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.full = nil
	if err != nil {
		l.bytes -= g.bytes
		if l.failed == nil {
			l.full = err
		}
		g.err = fmt.Errorf("%w: append to %s: %w", bus.ErrUnavailable, l.topic, err)
		if l.failed != nil {
			g.err = fmt.Errorf("%w: append to %s: %w", bus.ErrFailed, l.topic, err)
		}
	} else {
		l.mark(next, l.opts.now())
		seg.next = next + int64(len(g.frames))
		seg.size += written
		l.durable = seg.next
		close(l.changed)
		l.changed = make(chan struct{})
	}
	g.frames, g.headers = nil, nil
	g.done = true
}

// writeGroup appends the frames of g to seg and syncs. A failed write is undone; a failed sync fails the log for good, because the
// kernel may have dropped the pages and a second sync would lie.
func (l *topicLog) writeGroup(seg *segment, g *group, next int64) (int64, error) {
	buf := make([]byte, 0, g.bytes)
	for i, f := range g.frames {
		sealFrame(f, next+int64(i), l.table)
		buf = append(buf, f...)
	}
	if _, err := seg.f.Write(buf); err != nil {
		if terr := seg.f.Truncate(seg.size); terr != nil {
			l.fail(terr)
		}
		return 0, err // The caller names the topic.
	}
	if err := seg.f.Datasync(); err != nil {
		l.fail(err)
		return 0, err // The caller names the topic.
	}
	return int64(len(buf)), nil
}

func (l *topicLog) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failed = err
	l.logger.Error("the disk failed; nothing more is acknowledged until a restart", "err", err)
}

// wait returns when offset is durable.
func (l *topicLog) wait(ctx context.Context, offset int64) error {
	for {
		l.mu.Lock()
		ready, changed := offset < l.durable, l.changed
		l.mu.Unlock()
		if ready {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err() // The caller's own end.
		case <-changed:
		}
	}
}

// commit stores the position and deletes the segments that lie wholly before it.
func (l *topicLog) commit(pos bus.Position) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if pos.Offset < l.pos.pos.Offset || pos.Offset > l.durable {
		return fmt.Errorf("commit %s at %d: the position is at %d and the log ends at %d", l.topic, pos.Offset, l.pos.pos.Offset, l.durable)
	}
	if err := l.pos.commit(pos); err != nil {
		if errors.Is(err, bus.ErrFailed) {
			l.failed = err
			l.logger.Error("the disk failed; nothing more is acknowledged until a restart", "err", err)
		}
		return fmt.Errorf("commit %s at %d: %w", l.topic, pos.Offset, err)
	}
	for len(l.marks) > 1 && l.marks[1].offset <= pos.Offset {
		l.marks = l.marks[1:]
	}
	for len(l.segments) > 1 && l.segments[0].next <= pos.Offset {
		s := l.segments[0]
		if err := l.opts.disk.remove(s.path); err != nil { // It is stored; the next commit tries again.
			l.logger.Warn("segment not removed", "segment", s.path, "err", err)
			break
		}
		_ = s.f.Close() // Nothing of it is needed any more.
		l.bytes -= s.size
		l.segments = l.segments[1:]
	}
	return nil
}

func (l *topicLog) close() error {
	l.commitMu.Lock() // Lets the group being written finish.
	defer l.commitMu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	err := l.pos.f.Close()
	for _, s := range l.segments {
		err = errors.Join(err, s.f.Close())
	}
	return err
}
