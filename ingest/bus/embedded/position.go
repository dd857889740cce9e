// SPDX-License-Identifier: Apache-2.0

package embedded

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/strata-apm/strata/ingest/bus"
)

const (
	slotSize    = 512
	maxMetadata = slotSize - 4 - 8 - 8 - 2
)

// positionFile keeps the committed position in two slots written in turn, each with a checksum and a rising sequence number: a torn
// write spoils one slot and the other still holds the position before it. One fdatasync a commit, no rename. Both slots are written when
// the file is made, so that a commit needs no space.
type positionFile struct {
	f   slots
	seq uint64
	pos bus.Position
	// failed is the sync that failed, for good: what is on the disk is unknown until the file is read by another process.
	failed error
}

// openPosition opens or makes the file at path. used says that the log has records, so that a file without a position is damaged and
// not merely one that a crash left unfinished when it was made.
func openPosition(d disk, path string, used bool) (*positionFile, error) {
	f, err := d.openSlots(path)
	if err != nil {
		return nil, fmt.Errorf("open position file: %w", err)
	}
	p := &positionFile{f: f}
	buf := make([]byte, 2*slotSize)
	n, err := f.ReadAt(buf, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, errors.Join(fmt.Errorf("read position file: %w", err), f.Close())
	}
	found := false
	for i := 0; (i+1)*slotSize <= n; i++ {
		seq, pos, ok := decodeSlot(buf[i*slotSize : (i+1)*slotSize])
		if ok && (!found || seq > p.seq) {
			p.seq, p.pos, found = seq, pos, true
		}
	}
	if found {
		return p, nil
	}
	if n > 0 && used {
		return nil, errors.Join(fmt.Errorf("position file %s: neither slot matches its checksum", path), f.Close())
	}
	if err := p.write(append(encodeSlot(0, bus.Position{}), make([]byte, slotSize)...), 0); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return p, nil
}

func encodeSlot(seq uint64, pos bus.Position) []byte {
	b := make([]byte, slotSize)
	binary.LittleEndian.PutUint64(b[4:], seq)
	binary.LittleEndian.PutUint64(b[12:], uint64(pos.Offset))        //nolint:gosec // Offsets are never negative.
	binary.LittleEndian.PutUint16(b[20:], uint16(len(pos.Metadata))) //nolint:gosec // The caller checks it.
	copy(b[22:], pos.Metadata)
	binary.LittleEndian.PutUint32(b, crc32.Checksum(b[4:], crcTable()))
	return b
}

// write puts b at the byte offset at and returns when it is on stable storage. A write that fails leaves at most the slot spoiled that
// holds the older position, and may be tried again; a sync that fails says nothing of what the disk holds.
func (p *positionFile) write(b []byte, at int64) error {
	if _, err := p.f.WriteAt(b, at); err != nil {
		return fmt.Errorf("%w: write position: %w", bus.ErrUnavailable, err)
	}
	if err := p.f.Datasync(); err != nil {
		p.failed = fmt.Errorf("%w: sync position: %w", bus.ErrFailed, err)
	}
	return p.failed
}

func decodeSlot(b []byte) (seq uint64, pos bus.Position, ok bool) {
	if crc32.Checksum(b[4:], crcTable()) != binary.LittleEndian.Uint32(b) {
		return 0, pos, false
	}
	n := int(binary.LittleEndian.Uint16(b[20:]))
	if n > maxMetadata {
		return 0, pos, false
	}
	pos.Offset = int64(binary.LittleEndian.Uint64(b[12:])) //nolint:gosec // Written from an int64.
	pos.Metadata = string(b[22 : 22+n])
	return binary.LittleEndian.Uint64(b[4:]), pos, true
}

// commit writes pos into the older slot and returns when it is on stable storage.
func (p *positionFile) commit(pos bus.Position) error {
	if len(pos.Metadata) > maxMetadata {
		return fmt.Errorf("position metadata of %d bytes, at most %d", len(pos.Metadata), maxMetadata)
	}
	if p.failed != nil {
		return p.failed
	}
	if err := p.write(encodeSlot(p.seq+1, pos), int64((p.seq+1)%2)*slotSize); err != nil {
		return err
	}
	p.seq++
	p.pos = pos
	return nil
}
