// SPDX-License-Identifier: Apache-2.0

package embedded

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const (
	segmentMagic     = "STRBUS01"
	segmentHeaderLen = 16
	segmentSuffix    = ".log"
)

// segment is one file of a log: frames of consecutive offsets from base on.
type segment struct {
	path string
	base int64
	next int64 // offset after the last frame
	size int64 // bytes of header and whole frames
	f    file
}

func segmentPath(dir string, base int64) string {
	return filepath.Join(dir, fmt.Sprintf("%020d%s", base, segmentSuffix))
}

func createSegment(dir string, base int64, d disk) (*segment, error) {
	s := &segment{path: segmentPath(dir, base), base: base, next: base, size: segmentHeaderLen}
	f, err := d.open(s.path)
	if err != nil {
		return nil, fmt.Errorf("create segment: %w", err)
	}
	s.f = f
	h := make([]byte, segmentHeaderLen)
	copy(h, segmentMagic)
	binary.LittleEndian.PutUint64(h[8:], uint64(base)) //nolint:gosec // Offsets are never negative.
	err = f.Truncate(0)
	if err == nil {
		_, err = f.Write(h)
	}
	if err == nil {
		err = f.Datasync()
	}
	if err == nil {
		err = d.syncDir(dir)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("write segment header of %s: %w", s.path, err), f.Close(), d.remove(s.path))
	}
	return s, nil
}

// listSegments returns the base offsets of the segments in dir in rising order.
func listSegments(dir string) ([]int64, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list segments: %w", err)
	}
	var bases []int64
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), segmentSuffix)
		if !ok {
			continue
		}
		base, err := strconv.ParseInt(name, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("segment %s: the name is not an offset", filepath.Join(dir, e.Name()))
		}
		bases = append(bases, base)
	}
	slices.Sort(bases)
	return bases, nil
}

// damage is a range of bytes of a segment that holds no readable frame.
type damage struct {
	from, to int64
	// torn says that nothing readable follows: an append was cut off.
	torn bool
}

// scanFrames walks the frames of data, which starts at a frame, and calls visit with each. On a frame that does not match its checksum
// it looks for the next one that does and whose offset can follow; what lies between is reported.
func scanFrames(data []byte, next int64, table *crc32.Table, visit func(at int64, frame []byte, offset int64)) []damage {
	var bad []damage
	for at := 0; at < len(data); {
		n, offset, err := checkFrame(data[at:], table)
		if err == nil && offset >= next {
			visit(int64(at), data[at:at+n], offset)
			next = offset + 1
			at += n
			continue
		}
		resync := findFrame(data, at+1, next, table)
		if resync < 0 {
			return append(bad, damage{from: int64(at), to: int64(len(data)), torn: true})
		}
		bad = append(bad, damage{from: int64(at), to: int64(resync)})
		at = resync
	}
	return bad
}

// findFrame returns where the next whole frame with an offset of at least next starts, or -1. A candidate must have a plausible offset
// before its checksum is worth computing.
func findFrame(data []byte, from int, next int64, table *crc32.Table) int {
	for at := from; at+frameHeaderLen+bodyFixedLen <= len(data); at++ {
		n := frameLen(data[at:])
		if n < frameHeaderLen+bodyFixedLen || at+n > len(data) {
			continue
		}
		offset := int64(binary.LittleEndian.Uint64(data[at+frameHeaderLen:])) //nolint:gosec // Any value may stand here.
		if offset < next || offset > next+int64(len(data)) {
			continue
		}
		if _, _, err := checkFrame(data[at:], table); err == nil {
			return at
		}
	}
	return -1
}

// openSegment opens an existing segment and verifies it. Damage in the middle is left in place and skipped by readers; a torn tail is
// cut off when last is set.
func openSegment(path string, base int64, last bool, d disk) (*segment, []damage, error) {
	data, err := os.ReadFile(path) //nolint:gosec // Listed from the data directory.
	if err != nil {
		return nil, nil, fmt.Errorf("read segment: %w", err)
	}
	s := &segment{path: path, base: base, next: base, size: segmentHeaderLen}
	whole := len(data) >= segmentHeaderLen && string(data[:8]) == segmentMagic
	if !whole && !last {
		return nil, nil, fmt.Errorf("segment %s: the header is damaged", path)
	}
	if whole {
		if got := int64(binary.LittleEndian.Uint64(data[8:])); got != base { //nolint:gosec // Written from an int64.
			return nil, nil, fmt.Errorf("segment %s: header says base offset %d", path, got)
		}
	}
	if s.f, err = d.open(path); err != nil {
		return nil, nil, fmt.Errorf("open segment: %w", err)
	}
	if !whole { // A crash while the segment was created: nothing in it was acknowledged.
		err = errors.Join(s.f.Close(), d.remove(path))
		if err != nil {
			return nil, nil, fmt.Errorf("replace segment cut off at creation: %w", err)
		}
		s, err = createSegment(filepath.Dir(path), base, d)
		return s, nil, err
	}
	bad := scanFrames(data[segmentHeaderLen:], base, crcTable(), func(at int64, frame []byte, offset int64) {
		s.next = offset + 1
		s.size = segmentHeaderLen + at + int64(len(frame))
	})
	if !last {
		s.size = int64(len(data))
		return s, bad, nil
	}
	if s.size < int64(len(data)) {
		err = s.f.Truncate(s.size)
	}
	// Frames that survived a crash of the process may still be only in the page cache; readers may see it after this.
	if err = errors.Join(err, s.f.Datasync()); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("recover segment %s: %w", path, err), s.f.Close())
	}
	return s, bad, nil
}
