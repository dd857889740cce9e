// SPDX-License-Identifier: Apache-2.0

package native

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// String is a column of type String. The zero value is empty.
type String struct {
	buf []byte // uvarint length and bytes of each row
}

func (c *String) typeName() string { return "String" }
func (c *String) state(*Encoding)  {}
func (c *String) data(e *Encoding) { e.refer(c.buf) }
func (c *String) reset()           { c.buf = c.buf[:0] }

// Append appends a row.
func (c *String) Append(s string) {
	c.buf = binary.AppendUvarint(c.buf, uint64(len(s)))
	c.buf = append(c.buf, s...)
}

// AppendBytes appends a row.
func (c *String) AppendBytes(b []byte) {
	c.buf = binary.AppendUvarint(c.buf, uint64(len(b)))
	c.buf = append(c.buf, b...)
}

// AppendInt appends a number in decimals.
func (c *String) AppendInt(n int64) {
	var tmp [20]byte
	out := strconv.AppendInt(tmp[:0], n, 10)
	c.buf = append(c.buf, byte(len(out))) //nolint:gosec // An int64 has at most 20 characters.
	c.buf = append(c.buf, out...)
}

// AppendHex appends id in lower-case hex, or "" for an id that is all zero.
func (c *String) AppendHex(id []byte) {
	for _, b := range id {
		if b != 0 {
			c.buf = binary.AppendUvarint(c.buf, uint64(hex.EncodedLen(len(id)))) //nolint:gosec // A length is not negative.
			c.buf = hex.AppendEncode(c.buf, id)
			return
		}
	}
	c.buf = append(c.buf, 0)
}

// AppendValue appends an attribute's value as the OpenTelemetry exporter does: text as it is, the rest as Value.AsString writes it.
func (c *String) AppendValue(v pcommon.Value) {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		c.Append(v.Str())
	case pcommon.ValueTypeInt:
		c.AppendInt(v.Int())
	case pcommon.ValueTypeEmpty:
		c.buf = append(c.buf, 0)
	case pcommon.ValueTypeBool, pcommon.ValueTypeDouble, pcommon.ValueTypeMap, pcommon.ValueTypeSlice, pcommon.ValueTypeBytes:
		c.Append(v.AsString())
	}
}

// LowCardinality is a column of type LowCardinality(String): each value once, in a dictionary, and its number in every row. The zero
// value is empty.
type LowCardinality struct {
	index    map[string]uint32 // value → its number in dict
	dict     String
	keys     []uint32 // the number of each row
	last     string   // the value before, since runs of one value are the rule
	lastKey  uint32
	haveLast bool
}

func (c *LowCardinality) typeName() string { return "LowCardinality(String)" }

// state writes the version of the key serialization: shared dictionaries with additional keys.
func (c *LowCardinality) state(e *Encoding) { e.buf.PutInt64(1) }

func (c *LowCardinality) reset() {
	clear(c.index)
	c.dict.reset()
	c.keys = c.keys[:0]
	c.haveLast, c.last = false, ""
}

// Append appends a row.
func (c *LowCardinality) Append(s string) { c.keys = append(c.keys, c.key(s)) }

// AppendBytes appends a row; the column keeps no reference to b.
func (c *LowCardinality) AppendBytes(b []byte) {
	if c.haveLast && c.last == string(b) {
		c.keys = append(c.keys, c.lastKey)
		return
	}
	if k, ok := c.index[string(b)]; ok { // Neither makes a string.
		c.keys = append(c.keys, k)
		return
	}
	c.Append(string(b))
}

// AppendClone is Append for a text whose memory is used again.
func (c *LowCardinality) AppendClone(s string) {
	if k, ok := c.index[s]; ok {
		c.keys = append(c.keys, k)
		return
	}
	c.Append(strings.Clone(s))
}

// AppendN appends n rows of one text.
func (c *LowCardinality) AppendN(s string, n int) {
	if n <= 0 {
		return
	}
	key := c.key(s)
	for range n {
		c.keys = append(c.keys, key)
	}
}

// key returns the dictionary's number for s, adding it when it is new.
func (c *LowCardinality) key(s string) uint32 {
	if c.haveLast && c.last == s {
		return c.lastKey
	}
	k, ok := c.index[s]
	if !ok {
		if c.index == nil {
			c.index = make(map[string]uint32)
		}
		k = uint32(len(c.index)) //nolint:gosec // A block has far fewer than 2^32 values.
		c.index[s] = k
		c.dict.Append(s)
	}
	c.last, c.lastKey, c.haveLast = s, k, true
	return k
}

func (c *LowCardinality) data(e *Encoding) {
	if len(c.keys) == 0 {
		return
	}
	const additionalKeys, updateDictionary = 1 << 9, 1 << 10
	width := int64(2) // UInt32
	switch n := len(c.index); {
	case n <= 1<<8:
		width = 0
	case n <= 1<<16:
		width = 1
	}
	b := &e.buf
	b.PutInt64(additionalKeys | updateDictionary | width)
	b.PutInt64(int64(len(c.index)))
	c.dict.data(e)
	b.PutInt64(int64(len(c.keys)))
	for _, k := range c.keys {
		switch width {
		case 0:
			b.Buf = append(b.Buf, byte(k)) //nolint:gosec // Below 1<<8 here.
		case 1:
			b.Buf = binary.LittleEndian.AppendUint16(b.Buf, uint16(k)) //nolint:gosec // Below 1<<16 here.
		default:
			b.Buf = binary.LittleEndian.AppendUint32(b.Buf, k)
		}
	}
}
