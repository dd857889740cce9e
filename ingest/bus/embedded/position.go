// SPDX-License-Identifier: Apache-2.0

package embedded

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"

	"github.com/strata-apm/strata/ingest/bus"
)

const (
	slotSize    = 512
	maxMetadata = slotSize - 4 - 8 - 8 - 2
)

// positionFile keeps the committed position in two slots written in turn, each with a checksum and a rising sequence number: a torn
// write spoils one slot and the other still holds the position before it. One fdatasync a commit, no rename.
type positionFile struct {
	f   *os.File
	seq uint64
	pos bus.Position
}

func openPosition(path string) (*positionFile, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // The path is under the data directory.
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
	if n > 0 && !found {
		return nil, errors.Join(fmt.Errorf("position file %s: neither slot matches its checksum", path), f.Close())
	}
	return p, nil
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
	b := make([]byte, slotSize)
	binary.LittleEndian.PutUint64(b[4:], p.seq+1)
	binary.LittleEndian.PutUint64(b[12:], uint64(pos.Offset))        //nolint:gosec // Offsets are never negative.
	binary.LittleEndian.PutUint16(b[20:], uint16(len(pos.Metadata))) //nolint:gosec // Checked above.
	copy(b[22:], pos.Metadata)
	binary.LittleEndian.PutUint32(b, crc32.Checksum(b[4:], crcTable()))
	if _, err := p.f.WriteAt(b, int64((p.seq+1)%2)*slotSize); err != nil {
		return fmt.Errorf("write position: %w", err)
	}
	if err := datasync(p.f); err != nil {
		return fmt.Errorf("sync position: %w", err)
	}
	p.seq++
	p.pos = pos
	return nil
}
