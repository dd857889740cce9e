// SPDX-License-Identifier: Apache-2.0

package native

import (
	"encoding/binary"
	"math"
)

// DateTime64 is the type of a Fixed column of nanoseconds since 1970.
const DateTime64 = "DateTime64(9)"

// Fixed is a column of any type of fixed width that is written as a little-endian integer.
type Fixed struct {
	// Type is the ClickHouse type, as UInt64; it decides which of the append methods fits. It is set before the first row.
	Type string

	buf []byte
}

func (c *Fixed) typeName() string { return c.Type }
func (c *Fixed) state(*Encoding)  {}
func (c *Fixed) data(e *Encoding) { e.refer(c.buf) }
func (c *Fixed) reset()           { c.buf = c.buf[:0] }

// Uint8 appends a value of a type of one byte.
func (c *Fixed) Uint8(v uint8) { c.buf = append(c.buf, v) }

// Uint16 appends a value of a type of two bytes.
func (c *Fixed) Uint16(v uint16) { c.buf = binary.LittleEndian.AppendUint16(c.buf, v) }

// Uint32 appends a value of a type of four bytes.
func (c *Fixed) Uint32(v uint32) { c.buf = binary.LittleEndian.AppendUint32(c.buf, v) }

// Uint64 appends a value of a type of eight bytes.
func (c *Fixed) Uint64(v uint64) { c.buf = binary.LittleEndian.AppendUint64(c.buf, v) }

// Uint128 appends a value of a type of sixteen bytes, given by its upper and its lower half.
func (c *Fixed) Uint128(high, low uint64) {
	c.Uint64(low)
	c.Uint64(high)
}

// Float64 appends a value of the type Float64.
func (c *Fixed) Float64(v float64) { c.Uint64(math.Float64bits(v)) }

// Nano appends nanoseconds since 1970 to a column of DateTime64. A time beyond the type's end, in the year 2262, becomes that end.
func (c *Fixed) Nano(t uint64) {
	const last = 9223286400000000000 // 2262-04-11T00:00:00Z
	c.Uint64(min(t, last))
}
