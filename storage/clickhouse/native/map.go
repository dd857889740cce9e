// SPDX-License-Identifier: Apache-2.0

package native

import (
	"encoding/binary"
	"slices"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// offsets are the ends of the elements of each row, as arrays and maps write them.
type offsets struct {
	buf []byte
	end uint64 // elements of all rows so far
}

func (o *offsets) add(n int) {
	o.end += uint64(n) //nolint:gosec // A length is not negative.
	o.buf = binary.LittleEndian.AppendUint64(o.buf, o.end)
}

func (o *offsets) reset() { o.buf, o.end = o.buf[:0], 0 }

// Map is a column of type Map(LowCardinality(String), String). The zero value is empty.
type Map struct {
	ends   offsets
	keys   LowCardinality
	values String
}

func (c *Map) typeName() string  { return "Map(LowCardinality(String), String)" }
func (c *Map) state(e *Encoding) { c.keys.state(e) }

func (c *Map) data(e *Encoding) {
	e.refer(c.ends.buf)
	c.keys.data(e)
	c.values.data(e)
}

func (c *Map) reset() {
	c.ends.reset()
	c.keys.reset()
	c.values.reset()
}

// Start is where a row begins that End ends.
type Start struct{ at place }

// Begin begins a row, into which PutKey and Values put.
func (c *Map) Begin() Start { return Start{c.place()} }

// PutKey puts a key into the row; its value goes to Values.
func (c *Map) PutKey(key []byte) { c.keys.AppendBytes(key) }

// Values is the column of the values of all rows.
func (c *Map) Values() *String { return &c.values }

// End ends a row. Where a key is there twice it takes the whole row back instead, and returns false: ClickHouse would find the first, and
// readers of maps keep the last.
func (c *Map) End(s Start) bool {
	keys := c.keys.keys[s.at.keys:]
	if repeats(keys) {
		c.keys.keys, c.values.buf = c.keys.keys[:s.at.keys], c.values.buf[:s.at.values]
		return false
	}
	c.EndRow(len(keys))
	return true
}

// MarkOf is where the row lies that was begun at s and has been ended.
func (c *Map) MarkOf(s Start) Mark {
	to := c.place()
	return Mark{from: s.at, to: to, n: to.keys - s.at.keys}
}

// PutValue puts a key with the value v, written as String.AppendValue does, into the row that EndRow ends.
func (c *Map) PutValue(key string, v pcommon.Value) {
	c.keys.Append(key)
	c.values.AppendValue(v)
}

// PutText puts a key with a text into the row that EndRow ends.
func (c *Map) PutText(key, text string) {
	c.keys.Append(key)
	c.values.Append(text)
}

// EndRow ends a row of n keys, which PutValue and PutText have put since the last row.
func (c *Map) EndRow(n int) { c.ends.add(n) }

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

// place is a length of a Map column: how many keys, and how many bytes of values.
type place struct{ keys, values int }

func (c *Map) place() place { return place{keys: len(c.keys.keys), values: len(c.values.buf)} }

// Mark is where a row of a Map column lies. It holds until the column is reset.
type Mark struct {
	from, to place
	n        int // keys
}

// AppendCopy appends the row at mark once more. The mark must be one of this column.
func (c *Map) AppendCopy(mark Mark) {
	c.keys.keys = append(c.keys.keys, c.keys.keys[mark.from.keys:mark.to.keys]...)
	c.values.buf = append(c.values.buf, c.values.buf[mark.from.values:mark.to.values]...)
	c.EndRow(mark.n)
}

// Array is a column of type Array(T).
type Array struct {
	// Of is the column of the elements of all rows, to which the owner appends; it is set before the first row.
	Of Column

	ends offsets
}

func (c *Array) typeName() string  { return "Array(" + c.Of.typeName() + ")" }
func (c *Array) state(e *Encoding) { c.Of.state(e) }

func (c *Array) data(e *Encoding) {
	e.refer(c.ends.buf)
	c.Of.data(e)
}

func (c *Array) reset() {
	c.ends.reset()
	c.Of.reset()
}

// EndRow ends a row of n elements, which were appended to Of since the last row.
func (c *Array) EndRow(n int) { c.ends.add(n) }
