// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"math"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// Value is the value of an attribute or the body of a log record.
type Value struct {
	Kind pcommon.ValueType
	// Bytes are those of a text or of bytes, and the message of a list or map; part of the body.
	Bytes []byte
	// Bits are those of a number or a truth value.
	Bits uint64
}

// HasKey reports whether an attribute has the key.
func HasKey(attribute []byte, key string) bool {
	if k, _, usual := cut(attribute); usual {
		return string(k) == key
	}
	return string(lastKey(attribute)) == key
}

// Key is the key of an attribute.
func Key(attribute []byte) []byte {
	if key, _, usual := cut(attribute); usual {
		return key
	}
	return lastKey(attribute)
}

func lastKey(attribute []byte) []byte {
	var key []byte
	for f := Of(attribute); f.Next(); {
		if f.Number == 1 {
			key = f.Bytes
		}
	}
	return key
}

// cut takes an attribute apart that has the form in which encoders write it, a short key and a short value in any order; it reports false for
// others.
func cut(attribute []byte) (key, anyValue []byte, usual bool) {
	const keyTag, valueTag = 1<<3 | byte(Bytes), 2<<3 | byte(Bytes)
	if len(attribute) < 4 || attribute[1] >= 0x80 {
		return nil, nil, false
	}
	end := 2 + int(attribute[1])
	if len(attribute) < end+2 || attribute[end+1] >= 0x80 || len(attribute) != end+2+int(attribute[end+1]) {
		return nil, nil, false
	}
	switch {
	case attribute[0] == keyTag && attribute[end] == valueTag:
		return attribute[2:end:end], attribute[end+2:], true
	case attribute[0] == valueTag && attribute[end] == keyTag:
		return attribute[end+2:], attribute[2:end:end], true
	}
	return nil, nil, false
}

// plain reports whether the message of a value is what encoders write for a text, a truth value or a number of up to 7 bits, or a fraction: one
// field, well formed.
func plain(anyValue []byte) bool {
	if len(anyValue) < 2 {
		return false
	}
	switch anyValue[0] {
	case 1<<3 | byte(Bytes):
		return anyValue[1] < 0x80 && len(anyValue) == 2+int(anyValue[1])
	case 2<<3 | byte(Varint), 3<<3 | byte(Varint):
		return len(anyValue) == 2 && anyValue[1] < 0x80
	case 4<<3 | byte(Fixed64):
		return len(anyValue) == 9
	}
	return false
}

// ValueOf is the value of an attribute.
func ValueOf(attribute []byte) Value {
	var v Value
	if _, anyValue, usual := cut(attribute); usual {
		v.Set(anyValue)
		return v
	}
	for f := Of(attribute); f.Next(); {
		if f.Number == 2 {
			v.Set(f.Bytes)
		}
	}
	return v
}

// Attribute is the key and the value of an attribute.
func Attribute(attribute []byte) (key []byte, v Value) {
	key, anyValue, usual := cut(attribute)
	if usual {
		v.Set(anyValue)
		return key, v
	}
	return lastKey(attribute), ValueOf(attribute)
}

// Set sets v to what a message AnyValue says; an empty one changes nothing, as messages that are there twice are one.
func (v *Value) Set(anyValue []byte) {
	if len(anyValue) > 2 && anyValue[0] == 1<<3|byte(Bytes) && anyValue[1] < 0x80 && len(anyValue) == 2+int(anyValue[1]) { // A short text.
		v.Kind, v.Bytes, v.Bits = pcommon.ValueTypeStr, anyValue[2:], 0
		return
	}
	for f := Of(anyValue); f.Next(); {
		kind := pcommon.ValueTypeEmpty
		switch f.Number {
		case 1:
			kind = pcommon.ValueTypeStr
		case 2:
			kind = pcommon.ValueTypeBool
		case 3:
			kind = pcommon.ValueTypeInt
		case 4:
			kind = pcommon.ValueTypeDouble
		case 5:
			kind = pcommon.ValueTypeSlice
		case 6:
			kind = pcommon.ValueTypeMap
		case 7:
			kind = pcommon.ValueTypeBytes
		case 8: // of profiles: the place of a text, which is none here
		default:
			continue
		}
		v.Kind = kind
		if f.Type == Bytes {
			v.Bytes, v.Bits = f.Bytes, 0
		} else {
			v.Bytes, v.Bits = nil, f.Bits
		}
	}
}

// Int is the number of a value of ValueTypeInt.
func (v *Value) Int() int64 { return int64(v.Bits) } //nolint:gosec // Two's complement, as the decoder has it.

// Bool is the truth value of a value of ValueTypeBool.
func (v *Value) Bool() bool { return v.Bits != 0 }

// Double is the number of a value of ValueTypeDouble.
func (v *Value) Double() float64 { return math.Float64frombits(v.Bits) }
