// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/binary"
	"errors"
	"unsafe"
)

// Type is how the value of a field is written (https://protobuf.dev/programming-guides/encoding).
type Type int8

// The types that OTLP uses.
const (
	Varint  Type = 0
	Fixed64 Type = 1
	Bytes   Type = 2
	Fixed32 Type = 5

	startGroup Type = 3
	endGroup   Type = 4
)

// ErrMalformed says that a body is no request which the decoder takes.
var ErrMalformed = errors.New("malformed request")

// Fields walks the fields of one message. Number, Bytes and Bits are those of the field that Next found last.
type Fields struct {
	message []byte
	from    int // where the field begins
	at      int // where the next field begins
	bad     bool

	// Number is the field's number.
	Number int32
	// Type is what its value is.
	Type Type

	// Bytes are those of a text, of bytes or of a message; part of the body. Not set for other types.
	Bytes []byte
	// Bits are those of a number. Not set for other types.
	Bits uint64
}

// Of returns the fields of a message. The fields of a message that Check has not seen may be wrong, but reading them ends.
func Of(message []byte) Fields { return Fields{message: message} }

// Text is Bytes as a text that shares their memory: it is right only as long as nobody writes to the body.
func (f *Fields) Text() string { return Text(f.Bytes) }

// Text is b as a text that shares its memory.
func Text(b []byte) string {
	return unsafe.String(unsafe.SliceData(b), len(b)) //nolint:gosec // Both are of one slice.
}

// Raw is the field as it came, with its number and type; part of the body.
func (f *Fields) Raw() []byte { return f.message[f.from:f.at:f.at] }

// At is where in the message the field begins.
func (f *Fields) At() int { return f.from }

// Malformed says that the message ends within a field, or that a field is of no known type. Next has returned false then.
func (f *Fields) Malformed() bool { return f.bad }

// Next moves to the next field. It reports false at the end of the message, and where the message is malformed.
func (f *Fields) Next() bool {
	f.from = f.at
	b := f.message[f.at:]
	if len(b) < 2 || b[0] <= 7 || b[0] >= 0x80 {
		return len(b) > 0 && f.next()
	}
	switch b[0] & 7 { // What encoders write most.
	case byte(Bytes):
		n, from := int(b[1]), 2
		if n >= 0x80 && len(b) > 2 && b[2] < 0x80 {
			n, from = n&0x7f|int(b[2])<<7, 3
		}
		if end := from + n; b[from-1] < 0x80 && end <= len(b) {
			f.Number, f.Type, f.Bytes = int32(b[0]>>3), Bytes, b[from:end:end]
			f.at += end
			return true
		}
	case byte(Fixed64):
		if len(b) >= 9 {
			f.Number, f.Type, f.Bits = int32(b[0]>>3), Fixed64, binary.LittleEndian.Uint64(b[1:])
			f.at += 9
			return true
		}
	case byte(Varint):
		if b[1] < 0x80 {
			f.Number, f.Type, f.Bits = int32(b[0]>>3), Varint, uint64(b[1])
			f.at += 2
			return true
		}
	}
	return f.next()
}

// next is Next for fields of every form.
func (f *Fields) next() bool {
	if f.tag(); f.bad {
		return false
	}
	switch f.Type {
	case startGroup, endGroup:
		f.group()
	default:
		f.value()
	}
	return !f.bad
}

// tag takes a field's number and type.
func (f *Fields) tag() {
	tag := f.varint()
	f.Number, f.Type = int32(tag>>3), Type(tag&7) //nolint:gosec // The decoder too drops what is past 32 bits.
	f.bad = f.bad || f.Number <= 0
}

// value takes a value that is no group.
func (f *Fields) value() {
	switch f.Type {
	case Varint:
		f.Bits = f.varint()
	case Fixed64:
		if b := f.take(8); b != nil {
			f.Bits = binary.LittleEndian.Uint64(b)
		}
	case Fixed32:
		if b := f.take(4); b != nil {
			f.Bits = uint64(binary.LittleEndian.Uint32(b))
		}
	case Bytes:
		f.Bytes = f.take(f.varint())
	default:
		f.bad = true
	}
}

// take takes n bytes, none where there are fewer.
func (f *Fields) take(n uint64) []byte {
	left := f.message[f.at:]
	if f.bad || n > uint64(len(left)) {
		f.bad = true
		return nil
	}
	f.at += int(n) //nolint:gosec // Not above a length.
	return left[:n:n]
}

// varint takes a number. Bits past 64 are dropped, as the decoder does.
func (f *Fields) varint() uint64 {
	b := f.message[f.at:]
	if len(b) > 0 && b[0] < 0x80 {
		f.at++
		return uint64(b[0])
	}
	var v uint64
	for i := range min(len(b), 10) {
		v |= uint64(b[i]&0x7f) << (7 * i)
		if b[i] < 0x80 {
			f.at += i + 1
			return v
		}
	}
	f.bad = true
	return 0
}

// group skips a group as the decoder does: it ends at its first field that is no group, whose value is skipped, and the fields behind that
// are read as ones of the message. OTLP has no groups.
func (f *Fields) group() {
	depth, number, typ := 0, f.Number, f.Type
	for inside := true; inside && !f.bad; {
		switch f.Type {
		case startGroup:
			depth++
		case endGroup:
			depth--
			f.bad = depth < 0
			inside = depth > 0
		default:
			f.value()
			inside = false
		}
		if inside && !f.bad {
			f.tag()
			f.bad = f.bad || f.at == len(f.message)
		}
	}
	f.Number, f.Type = number, typ
}
