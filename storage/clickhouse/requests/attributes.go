// SPDX-License-Identifier: Apache-2.0

package requests

import (
	"fmt"
	"strconv"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/strata-apm/strata/search/wire"
	"github.com/strata-apm/strata/storage/clickhouse/native"
)

// Attributes are messages KeyValue in their order.
type Attributes [][]byte

// Unique returns the attributes of which no later one has the same key.
func (a Attributes) Unique() Attributes {
	last := make(map[string]int, len(a))
	for i, attr := range a {
		last[string(wire.Key(attr))] = i
	}
	if len(last) == len(a) {
		return a
	}
	out := make(Attributes, 0, len(last))
	for i, attr := range a {
		if last[string(wire.Key(attr))] == i {
			out = append(out, attr)
		}
	}
	return out
}

// Row is what Append says of a row.
type Row struct {
	// Maps says that a value is a map, Twice that a key is there twice.
	Maps, Twice bool
}

// Append appends the attributes as a row. Of a key that is there twice the last one is kept.
func (a Attributes) Append(c *native.Map) (Row, error) {
	start := c.Begin()
	maps, err := a.put(c)
	if err != nil || c.End(start) {
		return Row{Maps: maps}, err
	}
	if _, err = a.Unique().put(c); err == nil {
		c.End(start)
	}
	return Row{Maps: maps, Twice: true}, err
}

func (a Attributes) put(c *native.Map) (maps bool, err error) {
	for _, attr := range a {
		key, v := wire.Attribute(attr)
		maps = maps || v.Kind == pcommon.ValueTypeMap
		c.PutKey(key)
		if err := AppendValue(c.Values(), &v); err != nil {
			return maps, err
		}
	}
	return maps, nil
}

// Decode decodes the attributes, for what is read from them once or seldom.
func (a Attributes) Decode() (pcommon.Map, error) {
	var resource []byte
	for _, attr := range a {
		resource = protowire.AppendBytes(protowire.AppendTag(resource, resourceAttributes, protowire.BytesType), attr)
	}
	ld, err := unmarshal(1, resource)
	if err != nil {
		return pcommon.Map{}, fmt.Errorf("decode attributes: %w", err)
	}
	return ld.ResourceLogs().At(0).Resource().Attributes(), nil
}

// unmarshal decodes a message within messages of these numbers, in a request of log records.
func unmarshal(number protowire.Number, message []byte, around ...protowire.Number) (plog.Logs, error) {
	for _, n := range append([]protowire.Number{number}, append(around, requestResources)...) {
		message = protowire.AppendBytes(protowire.AppendTag(nil, n, protowire.BytesType), message)
	}
	return (&plog.ProtoUnmarshaler{}).UnmarshalLogs(message) // The callers wrap it.
}

// AppendValue appends a value as native.String.AppendValue does.
func AppendValue(c *native.String, v *wire.Value) error {
	switch v.Kind {
	case pcommon.ValueTypeStr:
		c.AppendBytes(v.Bytes)
	case pcommon.ValueTypeInt:
		c.AppendInt(v.Int())
	case pcommon.ValueTypeEmpty:
		c.AppendBytes(nil)
	case pcommon.ValueTypeBool:
		c.Append(strconv.FormatBool(v.Bool()))
	case pcommon.ValueTypeDouble:
		c.Append(pcommon.NewValueDouble(v.Double()).AsString())
	case pcommon.ValueTypeMap, pcommon.ValueTypeSlice, pcommon.ValueTypeBytes:
		text, err := Text(v)
		if err != nil {
			return err
		}
		c.Append(text)
	}
	return nil
}

// Text is the text of a value, as pcommon.Value.AsString has it.
func Text(v *wire.Value) (string, error) {
	switch v.Kind {
	case pcommon.ValueTypeStr:
		return string(v.Bytes), nil
	case pcommon.ValueTypeInt:
		return strconv.FormatInt(v.Int(), 10), nil
	case pcommon.ValueTypeBool:
		return strconv.FormatBool(v.Bool()), nil
	case pcommon.ValueTypeDouble:
		return pcommon.NewValueDouble(v.Double()).AsString(), nil
	case pcommon.ValueTypeMap, pcommon.ValueTypeSlice, pcommon.ValueTypeBytes:
		return decodedText(v)
	default:
		return "", nil
	}
}

// decodedText decodes a value that has others in it.
func decodedText(v *wire.Value) (string, error) {
	number := protowire.Number(7)
	switch v.Kind {
	case pcommon.ValueTypeSlice:
		number = 5
	case pcommon.ValueTypeMap:
		number = 6
	default:
	}
	anyValue := protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), v.Bytes)
	ld, err := unmarshal(logBody, anyValue, scopeRecords, resourceScopes)
	if err != nil {
		return "", fmt.Errorf("decode a value: %w", err)
	}
	return ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Body().AsString(), nil
}
