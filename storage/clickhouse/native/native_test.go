// SPDX-License-Identifier: Apache-2.0

package native

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

// version is one before blocks have a flag of custom serialization at each column, as the Native format over HTTP has none.
const version = 54453

// encoded is a block of one column.
func encoded(c Column, rows int) []byte {
	var b Block
	b.Add("c", c)
	b.Rows = rows
	return bytesOf(&b)
}

// bytesOf is the encoded block.
func bytesOf(b *Block) []byte {
	var e Encoding
	b.Encode(&e)
	return read(&e)
}

// read reads an encoding; memory does not fail.
func read(e *Encoding) []byte {
	out, _ := io.ReadAll(e.Reader())
	if len(out) != e.Len() {
		return nil
	}
	return out
}

// reference is the same block as ClickHouse's own client writes it.
func reference(t *testing.T, c proto.ColInput, rows int) []byte {
	t.Helper()
	var buf proto.Buffer
	require.NoError(t, proto.Block{Rows: rows, Columns: 1}.EncodeRawBlock(&buf, version, []proto.InputColumn{{Name: "c", Data: c}}))
	return buf.Buf
}

// decoded reads a block of one column with ClickHouse's own client.
func decoded(t *testing.T, raw []byte, into proto.ColResult) {
	t.Helper()
	var b proto.Block
	r := proto.NewReader(bytes.NewReader(raw))
	require.NoError(t, b.DecodeRawBlock(r, version, proto.Results{{Name: "c", Data: into}}))
	_, err := r.ReadByte()
	require.Error(t, err, "nothing is behind the block")
}

func texts() []string {
	return []string{"", "a", "", "größe 登录", "\x00\xff", strings.Repeat("x", 127), strings.Repeat("y", 128), strings.Repeat("z", 20_000)}
}

func TestString(t *testing.T) {
	var ours String
	var theirs proto.ColStr
	for _, s := range texts() {
		ours.Append(s)
		theirs.Append(s)
	}
	raw := encoded(&ours, len(texts()))
	require.Equal(t, reference(t, &theirs, len(texts())), raw)
	var got proto.ColStr
	decoded(t, raw, &got)
	for i, s := range texts() {
		require.Equal(t, s, got.Row(i))
	}
}

func TestStringHex(t *testing.T) {
	var c String
	for _, id := range [][]byte{{}, make([]byte, 16), {0, 0, 1}, {0xAB, 0xCD}, bytes.Repeat([]byte{0xff}, 16), bytes.Repeat([]byte{1}, 100)} {
		c.AppendHex(id)
	}
	var got proto.ColStr
	decoded(t, encoded(&c, 6), &got)
	for i, want := range []string{"", "", "000001", "abcd", strings.Repeat("f", 32), strings.Repeat("01", 100)} {
		require.Equal(t, want, got.Row(i))
	}
}

// values are attributes of every kind.
func values() []pcommon.Value {
	list := pcommon.NewValueSlice()
	list.Slice().AppendEmpty().SetStr("a<b")
	list.Slice().AppendEmpty().SetInt(1)
	raw := pcommon.NewValueBytes()
	raw.Bytes().FromRaw([]byte{1, 2, 3})
	inner := pcommon.NewValueMap()
	inner.Map().PutStr("k", "v")
	return []pcommon.Value{
		pcommon.NewValueStr(""), pcommon.NewValueStr("登录"), pcommon.NewValueInt(0), pcommon.NewValueInt(math.MinInt64), pcommon.NewValueInt(math.MaxInt64), pcommon.NewValueEmpty(),
		pcommon.NewValueBool(true), pcommon.NewValueDouble(0.1), pcommon.NewValueDouble(math.NaN()), pcommon.NewValueDouble(1e21), list, raw, inner, pcommon.NewValueStr(strings.Repeat("x", 300)),
	}
}

func TestStringValues(t *testing.T) {
	var c String
	for _, v := range values() {
		c.AppendValue(v)
	}
	var got proto.ColStr
	decoded(t, encoded(&c, len(values())), &got)
	for i, v := range values() {
		require.Equal(t, v.AsString(), got.Row(i), v.Type().String())
	}
}

func TestFixed(t *testing.T) {
	for _, n := range []uint64{0, 1, 255, 256, 1 << 31, math.MaxUint32, math.MaxUint64} {
		c8, c16, c32, c64 := &Fixed{Type: "UInt8"}, &Fixed{Type: "UInt16"}, &Fixed{Type: "UInt32"}, &Fixed{Type: "UInt64"}
		c8.Uint8(uint8(n))
		c16.Uint16(uint16(n))
		c32.Uint32(uint32(n))
		c64.Uint64(n)
		require.Equal(t, reference(t, &proto.ColUInt8{uint8(n)}, 1), encoded(c8, 1))
		require.Equal(t, reference(t, &proto.ColUInt16{uint16(n)}, 1), encoded(c16, 1))
		require.Equal(t, reference(t, &proto.ColUInt32{uint32(n)}, 1), encoded(c32, 1))
		require.Equal(t, reference(t, &proto.ColUInt64{n}, 1), encoded(c64, 1))
	}
}

func TestFixedWide(t *testing.T) {
	for _, v := range []float64{0, math.Copysign(0, -1), -1.5, math.Inf(1), math.MaxFloat64} {
		c := &Fixed{Type: "Float64"}
		c.Float64(v)
		require.Equal(t, reference(t, &proto.ColFloat64{v}, 1), encoded(c, 1))
	}
	c := &Fixed{Type: "UInt128"}
	c.Uint128(1, math.MaxUint64)
	require.Equal(t, reference(t, &proto.ColUInt128{{High: 1, Low: math.MaxUint64}}, 1), encoded(c, 1))
}

func TestPairs(t *testing.T) {
	ours := &Pairs{Keys: Fixed{Type: "Int64"}, Values: Fixed{Type: "UInt64"}}
	theirs := proto.NewMap[int64, uint64](new(proto.ColInt64), new(proto.ColUInt64))
	rows := [][]proto.KV[int64, uint64]{{{Key: -1, Value: 0}, {Key: 7, Value: math.MaxUint64}}, {}, {{Key: 0, Value: 3}}}
	for range 2 { // The second time after it was reset.
		var b Block
		b.Add("c", ours)
		b.Reset()
		theirs.Reset()
		for _, row := range rows {
			for _, kv := range row {
				ours.Keys.Uint64(uint64(kv.Key))
				ours.Values.Uint64(kv.Value)
			}
			ours.EndRow(len(row))
			theirs.AppendKV(row)
		}
		require.Equal(t, reference(t, theirs, len(rows)), encoded(ours, len(rows)))
	}
}

func TestFixedTime(t *testing.T) {
	at := time.Date(2024, 2, 29, 23, 59, 59, 123456789, time.UTC)
	c := &Fixed{Type: DateTime64}
	c.Nano(uint64(at.UnixNano()))
	c.Nano(0)
	c.Nano(math.MaxInt64)
	c.Nano(math.MaxUint64)
	got := new(proto.ColDateTime64).WithPrecision(proto.PrecisionNano).WithLocation(time.UTC)
	decoded(t, encoded(c, 4), got)
	end := time.Date(2262, 4, 11, 0, 0, 0, 0, time.UTC)
	for i, want := range []time.Time{at, time.Unix(0, 0), end, end} {
		require.WithinDuration(t, want, got.Row(i), 0)
	}
}

func TestLowCardinality(t *testing.T) {
	for _, distinct := range []int{1, 2, 255, 256, 257, 1 << 16, 1<<16 + 1} {
		t.Run(strconv.Itoa(distinct), func(t *testing.T) {
			var ours LowCardinality
			theirs := new(proto.ColStr).LowCardinality()
			rows := 0
			add := func(s string) {
				ours.Append(s)
				theirs.Append(s)
				rows++
			}
			for i := range distinct {
				add("v" + strconv.Itoa(i))
			}
			for _, s := range []string{"v0", "v0", "v0"} { // Runs of one value, and one that came before.
				add(s)
			}
			raw := encoded(&ours, rows)
			require.Equal(t, reference(t, theirs, rows), raw)
			got := new(proto.ColStr).LowCardinality()
			decoded(t, raw, got)
			require.Equal(t, "v"+strconv.Itoa(distinct-1), got.Row(distinct-1))
			require.Equal(t, "v0", got.Row(rows-1))
		})
	}
}

func TestLowCardinalityRuns(t *testing.T) {
	var c LowCardinality
	c.AppendN("x", 0)
	c.AppendN("x", -1)
	c.AppendN("", 2)
	c.AppendN("a", 3)
	c.Append("")
	theirs := new(proto.ColStr).LowCardinality()
	for _, s := range []string{"", "", "a", "a", "a", ""} {
		theirs.Append(s)
	}
	require.Equal(t, reference(t, theirs, 6), encoded(&c, 6), "what was appended no time is not in the dictionary")
}

func newMap() *proto.ColMap[string, string] {
	return proto.NewMap[string, string](new(proto.ColStr).LowCardinality(), new(proto.ColStr))
}

// pairs is a map in its order.
func pairs(m pcommon.Map) []proto.KV[string, string] {
	out := []proto.KV[string, string]{}
	for k, v := range m.All() {
		out = append(out, proto.KV[string, string]{Key: k, Value: v.AsString()})
	}
	return out
}

func attributes(kv ...string) pcommon.Map {
	m := pcommon.NewMap()
	for i := 0; i < len(kv); i += 2 {
		m.PutStr(kv[i], kv[i+1])
	}
	return m
}

func TestMap(t *testing.T) {
	kinds := pcommon.NewMap()
	for i, v := range values() {
		v.CopyTo(kinds.PutEmpty("k" + strconv.Itoa(i)))
	}
	many := pcommon.NewMap()
	for i := range 100 {
		many.PutInt("many"+strconv.Itoa(i), int64(i))
	}
	rows := []pcommon.Map{pcommon.NewMap(), attributes("a", "1"), attributes("b", "2", "a", "", "", "x"), kinds, pcommon.NewMap(), many, attributes("a", "1")}
	var ours Map
	theirs := newMap()
	for _, m := range rows {
		appendMap(&ours, m)
		theirs.AppendKV(pairs(m))
	}
	raw := encoded(&ours, len(rows))
	require.Equal(t, reference(t, theirs, len(rows)), raw)
	got := newMap()
	decoded(t, raw, got)
	for i, m := range rows {
		require.Equal(t, pairs(m), got.RowKV(i), i)
	}
}

// twice returns maps with keys that are there more than once, which only a decoder makes: few keys, and more than are compared one by one.
func twice(t *testing.T, n int) pcommon.Map {
	t.Helper()
	m := pcommon.NewMap()
	for i := range n {
		m.PutInt("k"+strconv.Itoa(i), int64(i))
	}
	m.PutStr("_", "last")
	return doubled(t, m, "_", "k0")
}

func TestMapKeysTwice(t *testing.T) {
	for _, n := range []int{1, 5, 40} {
		m := twice(t, n)
		require.Equal(t, n+1, m.Len())
		var ours Map
		appendMap(&ours, attributes("before", "x"))
		appendMap(&ours, m)
		appendMap(&ours, attributes("behind", "y"))
		got := newMap()
		decoded(t, encoded(&ours, 3), got)
		require.Equal(t, pairs(attributes("before", "x")), got.RowKV(0))
		require.Equal(t, pairs(attributes("behind", "y")), got.RowKV(2))
		require.Len(t, got.RowKV(1), n, "keys without the first of two")
		row := got.Row(1)
		require.Len(t, row, n)
		require.Equal(t, "last", row["k0"], "the last one counts")
		require.Equal(t, n+1, m.Len(), "the map is as it was")
	}
}

// A resource's attributes are written once and copied for its other records.
func TestMapCopies(t *testing.T) {
	res, other := attributes("service.name", "shop", "host.name", "h1"), attributes("x", "y")
	var ours Map
	theirs := newMap()
	appendMap(&ours, other)
	marked := func(m pcommon.Map) Mark {
		start := ours.Begin()
		appendMap(&ours, m)
		return ours.MarkOf(start)
	}
	mark := marked(res)
	appendMap(&ours, other)
	ours.AppendCopy(mark)
	empty := marked(pcommon.NewMap())
	ours.AppendCopy(empty)
	double := marked(twice(t, 3))
	ours.AppendCopy(double)
	for _, m := range []pcommon.Map{other, res, other, res, pcommon.NewMap(), pcommon.NewMap()} {
		theirs.AppendKV(pairs(m))
	}
	got := newMap()
	decoded(t, encoded(&ours, 8), got)
	for i := range 6 {
		require.Equal(t, theirs.RowKV(i), got.RowKV(i), i)
	}
	require.Equal(t, got.RowKV(6), got.RowKV(7))
	require.Len(t, got.RowKV(7), 3)
}

func TestMapByParts(t *testing.T) {
	var ours Map
	ours.PutText("a", "1")
	ours.PutValue("b", pcommon.NewValueInt(2))
	ours.EndRow(2)
	ours.EndRow(0)
	ours.PutText("a", "")
	ours.EndRow(1)
	theirs := newMap()
	theirs.AppendKV([]proto.KV[string, string]{{Key: "a", Value: "1"}, {Key: "b", Value: "2"}})
	theirs.AppendKV(nil)
	theirs.AppendKV([]proto.KV[string, string]{{Key: "a", Value: ""}})
	require.Equal(t, reference(t, theirs, 3), encoded(&ours, 3))
}

func TestArray(t *testing.T) {
	elements := &String{}
	ours := &Array{Of: elements}
	theirs := proto.NewArray[string](new(proto.ColStr))
	for _, row := range [][]string{{"a", "b"}, {}, {""}, texts()} {
		for _, s := range row {
			elements.Append(s)
		}
		ours.EndRow(len(row))
		theirs.Append(row)
	}
	require.Equal(t, reference(t, theirs, 4), encoded(ours, 4))
}

// Arrays of maps and of dictionaries have the state of what is in them before the data.
func TestArrayOfOthers(t *testing.T) {
	names := &LowCardinality{}
	ours := &Array{Of: names}
	theirs := proto.NewArray[string](new(proto.ColStr).LowCardinality())
	for _, row := range [][]string{{"exception", "retry", "exception"}, {}, {"retry"}} {
		for _, s := range row {
			names.Append(s)
		}
		ours.EndRow(len(row))
		theirs.Append(row)
	}
	require.Equal(t, reference(t, theirs, 3), encoded(ours, 3))

	maps := &Map{}
	ours = &Array{Of: maps}
	inner := newMap()
	nested := proto.NewArray[map[string]string](inner)
	appendMap(maps, attributes("a", "1"))
	appendMap(maps, attributes("b", "2"))
	ours.EndRow(2)
	ours.EndRow(0)
	nested.Append([]map[string]string{{"a": "1"}, {"b": "2"}})
	nested.Append(nil)
	require.Equal(t, reference(t, nested, 2), encoded(ours, 2))

	times := &Fixed{Type: DateTime64}
	ours = &Array{Of: times}
	times.Nano(5)
	ours.EndRow(1)
	require.Contains(t, string(encoded(ours, 1)), "Array(DateTime64(9))")
}

// A dictionary with no row writes nothing: arrays that are all empty have one.
func TestArrayOfNothing(t *testing.T) {
	ours := &Array{Of: &LowCardinality{}}
	theirs := proto.NewArray[string](new(proto.ColStr).LowCardinality())
	for range 3 {
		ours.EndRow(0)
		theirs.Append(nil)
	}
	raw := encoded(ours, 3)
	got := proto.NewArray[string](new(proto.ColStr).LowCardinality())
	decoded(t, raw, got)
	require.Equal(t, 3, got.Rows())
	require.Empty(t, got.Row(2))
}

func TestBlock(t *testing.T) {
	var b Block
	require.Empty(t, b.Names())
	name, n := &String{}, &Fixed{Type: "UInt64"}
	b.Add("name", name)
	b.Add("n", n)
	require.Equal(t, []string{"name", "n"}, b.Names())
	name.Append("x")
	n.Uint64(7)
	b.Rows = 1
	var e Encoding
	b.Encode(&e)
	first := read(&e)
	var want proto.Buffer
	col := proto.ColStr{}
	col.Append("x")
	require.NoError(t, proto.Block{Rows: 1, Columns: 2}.EncodeRawBlock(&want, version, []proto.InputColumn{{Name: "name", Data: &col}, {Name: "n", Data: &proto.ColUInt64{7}}}))
	require.Equal(t, want.Buf, first)
	require.Equal(t, first, read(&e), "it can be read more than once")
	b.Encode(&e)
	require.Equal(t, first, read(&e), "encoding changes nothing, and takes the place of what was there")
}

// A block that is used again holds nothing of what was in it.
func TestReset(t *testing.T) {
	var b Block
	s, f, l, m, of := &String{}, &Fixed{Type: "UInt8"}, &LowCardinality{}, &Map{}, &LowCardinality{}
	a := &Array{Of: of}
	for i, c := range []Column{s, f, l, m, a} {
		b.Add(fmt.Sprint("c", i), c)
	}
	fill := func(v string, n int) []byte {
		for range n {
			s.Append(v)
			f.Uint8(uint8(n))
			l.Append(v)
			appendMap(m, attributes(v, v))
			of.Append(v)
			a.EndRow(1)
		}
		b.Rows = n
		return bytesOf(&b)
	}
	want := fill("a", 2)
	b.Reset()
	require.Zero(t, b.Rows)
	require.Less(t, len(bytesOf(&b)), len(want), "names and types alone")
	fill("other", 5)
	b.Reset()
	require.Equal(t, want, fill("a", 2))
}

// No rows: names and types, and no data.
func TestNoRows(t *testing.T) {
	require.Equal(t, []byte("\x01\x00\x01c\x06String"), encoded(&String{}, 0))
	require.Equal(t, "\x01\x00\x01c\x23Map(LowCardinality(String), String)", string(encoded(&Map{}, 0)))
}

// appendMap appends attributes as a row, of a key that is there twice the last.
func appendMap(c *Map, m pcommon.Map) {
	last, n := map[string]int{}, 0
	start := c.Begin()
	for k, v := range m.All() {
		last[k] = n
		n++
		c.PutValue(k, v)
	}
	if c.End(start) {
		return
	}
	n = 0
	for k, v := range m.All() {
		if last[k] == n {
			c.PutValue(k, v)
		}
		n++
	}
	c.End(start)
}
