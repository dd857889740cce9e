// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strconv"

	"github.com/ClickHouse/ch-go/proto"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

// column is one column of a Native block that is being built. The types below write the wire form while rows are appended, because
// going through Go maps and generic columns costs more than the rest of an insert together.
type column interface {
	// typeName is the column's ClickHouse type.
	typeName() string
	// state writes the prefix that precedes the data, if the type has one.
	state(b *proto.Buffer)
	// data writes the rows.
	data(b *proto.Buffer)
	// reset forgets the rows and keeps the memory.
	reset()
}

// stringColumn is String.
type stringColumn struct {
	buf []byte // uvarint length and bytes of each row
}

func (c *stringColumn) typeName() string     { return "String" }
func (c *stringColumn) state(*proto.Buffer)  {}
func (c *stringColumn) data(b *proto.Buffer) { b.Buf = append(b.Buf, c.buf...) }
func (c *stringColumn) reset()               { c.buf = c.buf[:0] }

func (c *stringColumn) append(s string) {
	c.buf = binary.AppendUvarint(c.buf, uint64(len(s)))
	c.buf = append(c.buf, s...)
}

// appendHex appends id in lower-case hex, or "" for an id that is all zero.
func (c *stringColumn) appendHex(id []byte) {
	for _, b := range id {
		if b != 0 {
			c.buf = binary.AppendUvarint(c.buf, uint64(hex.EncodedLen(len(id)))) //nolint:gosec // A length is not negative.
			c.buf = hex.AppendEncode(c.buf, id)
			return
		}
	}
	c.buf = append(c.buf, 0)
}

// appendValue appends an attribute's value as the OpenTelemetry exporter does: text as it is, the rest as Value.AsString writes it.
func (c *stringColumn) appendValue(v pcommon.Value) {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		c.append(v.Str())
	case pcommon.ValueTypeInt:
		var tmp [20]byte
		out := strconv.AppendInt(tmp[:0], v.Int(), 10)
		c.buf = append(c.buf, byte(len(out))) //nolint:gosec // An int64 has at most 20 characters.
		c.buf = append(c.buf, out...)
	case pcommon.ValueTypeEmpty:
		c.buf = append(c.buf, 0)
	case pcommon.ValueTypeBool, pcommon.ValueTypeDouble, pcommon.ValueTypeMap, pcommon.ValueTypeSlice, pcommon.ValueTypeBytes:
		c.append(v.AsString())
	}
}

// lowCardColumn is LowCardinality(String).
type lowCardColumn struct {
	index    map[string]uint32
	dict     stringColumn
	keys     []uint32
	last     string // the value before, since runs of one value are the rule
	lastKey  uint32
	haveLast bool
}

func (c *lowCardColumn) typeName() string { return "LowCardinality(String)" }

// state writes the version of the key serialization: shared dictionaries with additional keys.
func (c *lowCardColumn) state(b *proto.Buffer) { b.PutInt64(1) }

func (c *lowCardColumn) reset() {
	clear(c.index)
	c.dict.reset()
	c.keys = c.keys[:0]
	c.haveLast, c.last = false, ""
}

func (c *lowCardColumn) append(s string) { c.keys = append(c.keys, c.key(s)) }

// key returns the dictionary's number for s, adding it when it is new.
func (c *lowCardColumn) key(s string) uint32 {
	if c.haveLast && c.last == s {
		return c.lastKey
	}
	k, ok := c.index[s]
	if !ok {
		if c.index == nil {
			c.index = make(map[string]uint32)
		}
		k = uint32(len(c.index)) //nolint:gosec // a block has far fewer than 2^32 values
		c.index[s] = k
		c.dict.append(s)
	}
	c.last, c.lastKey, c.haveLast = s, k, true
	return k
}

func (c *lowCardColumn) data(b *proto.Buffer) {
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
	b.PutInt64(additionalKeys | updateDictionary | width)
	b.PutInt64(int64(len(c.index)))
	c.dict.data(b)
	b.PutInt64(int64(len(c.keys)))
	for _, k := range c.keys {
		switch width {
		case 0:
			b.Buf = append(b.Buf, byte(k)) //nolint:gosec // Below 1<<8 here.
		case 1:
			b.Buf = binary.LittleEndian.AppendUint16(b.Buf, uint16(k)) //nolint:gosec // below 1<<16 here
		default:
			b.Buf = binary.LittleEndian.AppendUint32(b.Buf, k)
		}
	}
}

// offsets are the ends of the elements of each row, as arrays and maps write them.
type offsets struct {
	buf []byte
	end uint64
}

func (o *offsets) add(n int) {
	o.end += uint64(n) //nolint:gosec // a length
	o.buf = binary.LittleEndian.AppendUint64(o.buf, o.end)
}

func (o *offsets) reset() { o.buf, o.end = o.buf[:0], 0 }

// mapColumn is Map(LowCardinality(String), String).
type mapColumn struct {
	ends   offsets
	keys   lowCardColumn
	values stringColumn
}

func (c *mapColumn) typeName() string      { return "Map(LowCardinality(String), String)" }
func (c *mapColumn) state(b *proto.Buffer) { c.keys.state(b) }

func (c *mapColumn) data(b *proto.Buffer) {
	b.Buf = append(b.Buf, c.ends.buf...)
	c.keys.data(b)
	c.values.data(b)
}

func (c *mapColumn) reset() {
	c.ends.reset()
	c.keys.reset()
	c.values.reset()
}

// append appends m and returns how many keys it has. Of a key that is there twice the last one is kept, as readers of maps do:
// ClickHouse would find the first.
func (c *mapColumn) append(m pcommon.Map) int {
	from := c.mark()
	for k, v := range m.All() {
		c.keys.append(k)
		c.values.appendValue(v)
	}
	n := len(c.keys.keys) - from.keys
	if repeats(c.keys.keys[from.keys:]) {
		c.keys.keys, c.values.buf = c.keys.keys[:from.keys], c.values.buf[:from.values]
		n = 0
		for k, v := range lastWins(m).All() {
			c.keys.append(k)
			c.values.appendValue(v)
			n++
		}
	}
	c.ends.add(n)
	return n
}

// repeats reports whether a number is there twice.
func repeats(keys []uint32) bool {
	const few = 32
	if len(keys) > few {
		seen := make(map[uint32]struct{}, len(keys))
		for _, k := range keys {
			seen[k] = struct{}{}
		}
		return len(seen) < len(keys)
	}
	for i, k := range keys {
		if slices.Contains(keys[:i], k) {
			return true
		}
	}
	return false
}

// mark is a place in a mapColumn that appendCopy repeats from.
type mark struct{ keys, values, n int }

func (c *mapColumn) mark() mark { return mark{keys: len(c.keys.keys), values: len(c.values.buf)} }

// appendMarked appends m and returns where it lies, so that the following rows of one resource copy it instead of hashing its keys.
func (c *mapColumn) appendMarked(m pcommon.Map) [2]mark {
	from := c.mark()
	n := c.append(m)
	to := c.mark()
	to.n = n
	return [2]mark{from, to}
}

func (c *mapColumn) appendCopy(at [2]mark) {
	c.keys.keys = append(c.keys.keys, c.keys.keys[at[0].keys:at[1].keys]...)
	c.values.buf = append(c.values.buf, c.values.buf[at[0].values:at[1].values]...)
	c.ends.add(at[1].n)
}

// arrayColumn is Array(T) over the elements in col, which the caller appends.
type arrayColumn struct {
	ends offsets
	col  column
}

func (c *arrayColumn) typeName() string      { return "Array(" + c.col.typeName() + ")" }
func (c *arrayColumn) state(b *proto.Buffer) { c.col.state(b) }

func (c *arrayColumn) data(b *proto.Buffer) {
	b.Buf = append(b.Buf, c.ends.buf...)
	c.col.data(b)
}

func (c *arrayColumn) reset() {
	c.ends.reset()
	c.col.reset()
}

// fixedColumn is any type of fixed width that is written as a little-endian integer.
type fixedColumn struct {
	name string
	buf  []byte
}

func (c *fixedColumn) typeName() string     { return c.name }
func (c *fixedColumn) state(*proto.Buffer)  {}
func (c *fixedColumn) data(b *proto.Buffer) { b.Buf = append(b.Buf, c.buf...) }
func (c *fixedColumn) reset()               { c.buf = c.buf[:0] }
func (c *fixedColumn) u8(v uint8)           { c.buf = append(c.buf, v) }
func (c *fixedColumn) u16(v uint16)         { c.buf = binary.LittleEndian.AppendUint16(c.buf, v) }
func (c *fixedColumn) u32(v uint32)         { c.buf = binary.LittleEndian.AppendUint32(c.buf, v) }
func (c *fixedColumn) u64(v uint64)         { c.buf = binary.LittleEndian.AppendUint64(c.buf, v) }

const dateTime64 = "DateTime64(9)"

// time appends nanoseconds since 1970 as DateTime64(9). What lies beyond the type's end, in the year 2262, is put there.
func (c *fixedColumn) time(t pcommon.Timestamp) {
	const last = 9223286400000000000 // 2262-04-11T00:00:00Z
	c.u64(min(uint64(t), last))
}

// named is a column with its name in the table.
type named struct {
	name string
	column
}

// encodeBlock writes one Native block of rows rows.
func encodeBlock(b *proto.Buffer, columns []named, rows int) {
	b.PutInt(len(columns))
	b.PutInt(rows)
	for _, c := range columns {
		b.PutString(c.name)
		b.PutString(c.typeName())
		if rows == 0 {
			continue
		}
		c.state(b)
		c.data(b)
	}
}
