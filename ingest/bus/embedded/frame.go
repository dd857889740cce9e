// SPDX-License-Identifier: Apache-2.0

package embedded

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/klauspost/compress/s2"

	"github.com/strata-apm/strata/ingest/bus"
)

const (
	frameHeaderLen = 8  // length and CRC
	bodyFixedLen   = 24 // offset, time, codec, number of headers, key length, value length
	codecNone      = 0
	codecSnappy    = 1
	// minCompress is the smallest value worth compressing: below it snappy's own framing eats the gain.
	minCompress = 128
	maxKeyLen   = 1<<16 - 1
	maxHeaders  = 1<<8 - 1
)

var (
	errShortFrame = errors.New("frame is cut short")
	errBadFrame   = errors.New("frame does not match its checksum")
)

func crcTable() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// encodeFrame appends rec to dst as one frame whose offset and checksum are still to be set by sealFrame.
func encodeFrame(dst []byte, rec *bus.Record, now time.Time) ([]byte, error) {
	if len(rec.Key) > maxKeyLen {
		return dst, fmt.Errorf("%w: key of %d bytes, at most %d", bus.ErrTooLarge, len(rec.Key), maxKeyLen)
	}
	if len(rec.Headers) > maxHeaders {
		return dst, fmt.Errorf("%w: %d headers, at most %d", bus.ErrTooLarge, len(rec.Headers), maxHeaders)
	}
	start := len(dst)
	dst = append(dst, make([]byte, frameHeaderLen+bodyFixedLen)...)
	body := start + frameHeaderLen
	binary.LittleEndian.PutUint64(dst[body+8:], uint64(now.UnixNano()))
	dst[body+17] = byte(len(rec.Headers))                                //nolint:gosec // Checked above.
	binary.LittleEndian.PutUint16(dst[body+18:], uint16(len(rec.Key)))   //nolint:gosec // Checked above.
	binary.LittleEndian.PutUint32(dst[body+20:], uint32(len(rec.Value))) //nolint:gosec // Values are bounded by the caller's body limit.
	dst = append(dst, rec.Key...)
	for _, h := range rec.Headers {
		if len(h.Key) > 255 || len(h.Value) > 1<<16-1 {
			return dst[:start], fmt.Errorf("%w: header %.32q", bus.ErrTooLarge, h.Key)
		}
		dst = append(dst, byte(len(h.Key))) //nolint:gosec // Checked above.
		dst = append(dst, h.Key...)
		dst = binary.LittleEndian.AppendUint16(dst, uint16(len(h.Value))) //nolint:gosec // Checked above.
		dst = append(dst, h.Value...)
	}
	if len(rec.Value) >= minCompress {
		at := len(dst)
		dst = append(dst, make([]byte, s2.MaxEncodedLen(len(rec.Value)))...)
		enc := s2.EncodeSnappy(dst[at:], rec.Value)
		dst = dst[:at+len(enc)]
		dst[body+16] = codecSnappy
	} else {
		dst = append(dst, rec.Value...)
		dst[body+16] = codecNone
	}
	binary.LittleEndian.PutUint32(dst[start:], uint32(len(dst)-body)) //nolint:gosec // Far below 4 GiB.
	return dst, nil
}

// sealFrame sets the offset of an encoded frame and its checksum.
func sealFrame(frame []byte, offset int64, table *crc32.Table) {
	body := frame[frameHeaderLen:]
	binary.LittleEndian.PutUint64(body, uint64(offset)) //nolint:gosec // Offsets are never negative.
	binary.LittleEndian.PutUint32(frame[4:], crc32.Checksum(body, table))
}

// frameLen reads the whole length of the frame that starts at b, or 0 when b is too short to tell.
func frameLen(b []byte) int {
	if len(b) < frameHeaderLen {
		return 0
	}
	return frameHeaderLen + int(binary.LittleEndian.Uint32(b))
}

// checkFrame verifies the frame at the start of b and returns its length and offset.
func checkFrame(b []byte, table *crc32.Table) (n int, offset int64, err error) {
	n = frameLen(b)
	if n == 0 || n > len(b) {
		return 0, 0, errShortFrame
	}
	if n < frameHeaderLen+bodyFixedLen {
		return 0, 0, errBadFrame
	}
	body := b[frameHeaderLen:n]
	if crc32.Checksum(body, table) != binary.LittleEndian.Uint32(b[4:]) {
		return 0, 0, errBadFrame
	}
	return n, int64(binary.LittleEndian.Uint64(body)), nil //nolint:gosec // Written from an int64.
}

// decodeFrame decodes one frame whose checksum has been verified. The message shares no memory with frame.
func decodeFrame(frame []byte) (bus.Message, error) {
	var m bus.Message
	body := frame[frameHeaderLen:]
	m.Offset = int64(binary.LittleEndian.Uint64(body))                 //nolint:gosec // Written from an int64.
	m.Time = time.Unix(0, int64(binary.LittleEndian.Uint64(body[8:]))) //nolint:gosec // Written from an int64.
	codec, headers := body[16], int(body[17])
	keyLen := int(binary.LittleEndian.Uint16(body[18:]))
	valueLen := int(binary.LittleEndian.Uint32(body[20:]))
	rest := body[bodyFixedLen:]
	if len(rest) < keyLen {
		return m, errBadFrame
	}
	m.Key = append([]byte(nil), rest[:keyLen]...)
	rest = rest[keyLen:]
	for range headers {
		var h bus.Header
		var ok bool
		if h, rest, ok = decodeHeader(rest); !ok {
			return m, errBadFrame
		}
		m.Headers = append(m.Headers, h)
	}
	switch codec {
	case codecNone:
		m.Value = append([]byte(nil), rest...)
	case codecSnappy:
		// The claimed length is checked before anything is allocated from it.
		n, err := s2.DecodedLen(rest)
		if err != nil || n != valueLen {
			return m, errBadFrame
		}
		if m.Value, err = s2.Decode(nil, rest); err != nil {
			return m, fmt.Errorf("decompress record %d: %w", m.Offset, err)
		}
	default:
		return m, fmt.Errorf("record %d: unknown codec %d", m.Offset, codec)
	}
	if len(m.Value) != valueLen {
		return m, errBadFrame
	}
	return m, nil
}

func decodeHeader(b []byte) (h bus.Header, rest []byte, ok bool) {
	if len(b) < 1 || len(b) < 1+int(b[0])+2 {
		return h, nil, false
	}
	k := int(b[0])
	h.Key = string(b[1 : 1+k])
	b = b[1+k:]
	v := int(binary.LittleEndian.Uint16(b))
	if len(b) < 2+v {
		return h, nil, false
	}
	h.Value = string(b[2 : 2+v])
	return h, b[2+v:], true
}
