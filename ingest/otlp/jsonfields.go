// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/strata-apm/strata/ingest/check"
)

// jsonField is what cleanJSON must know of one field. The zero value is a field that is not looked at.
type jsonField struct {
	// idLen is the number of bytes of a trace or span id; parent says that it is the parent's.
	idLen  int
	parent bool
	// bytes says that the field is base64.
	bytes bool
	// bits is the size of a whole number, which may be signed.
	bits   int
	signed bool
	// names are the values of an enumeration by their names.
	names protoreflect.EnumValueDescriptors
	// optional says that a record without the field is still what was sent, with note as the word for what is missing.
	optional bool
	note     string
}

// jsonFields are the fields of a request by their names in JSON, in both spellings. OTLP uses a name for one type everywhere.
type jsonFields map[string]jsonField

// newJSONFields returns the fields of d and of all messages in it.
func newJSONFields(d protoreflect.MessageDescriptor) jsonFields {
	fields := jsonFields{}
	fields.add(d, map[protoreflect.FullName]bool{})
	return fields
}

func (fields jsonFields) add(d protoreflect.MessageDescriptor, done map[protoreflect.FullName]bool) {
	if done[d.FullName()] {
		return
	}
	done[d.FullName()] = true
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		if f.Message() != nil {
			fields.add(f.Message(), done)
		}
		if x := jsonFieldOf(f); x != (jsonField{}) && !f.IsList() {
			fields[string(f.Name())], fields[f.JSONName()] = x, x
		}
	}
}

func jsonFieldOf(d protoreflect.FieldDescriptor) jsonField {
	name := string(d.Name())
	f := jsonField{
		optional: strings.HasSuffix(name, "_unix_nano") || strings.HasPrefix(name, "dropped_") || name == "flags",
		note:     check.NoteBadNumber,
	}
	switch d.Kind() {
	case protoreflect.BytesKind:
		switch name {
		case "trace_id":
			return jsonField{idLen: 16}
		case "span_id", "parent_span_id":
			return jsonField{idLen: 8, parent: name == "parent_span_id"}
		}
		return jsonField{bytes: true}
	case protoreflect.EnumKind:
		f.bits, f.signed, f.names, f.optional = 32, true, d.Enum().Values(), true
		if name == "severity_number" {
			f.note = check.NoteBadLevel
		}
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		f.bits, f.signed = 32, true
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		f.bits = 32
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		f.bits, f.signed = 64, true
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		f.bits = 64
	default:
		return jsonField{}
	}
	return f
}

// maxExact is the largest whole number up to which a float has all of them.
const maxExact = 1 << 53

// whole returns the JSON value as the decoder takes it: proto3 JSON writes whole numbers as numbers or strings, also with an exponent or a fraction of zero; ok
// says whether it is one of the field's.
func (f jsonField) whole(value []byte) (text string, ok bool) {
	digits, quoted := string(value), false
	if value[0] == '"' {
		if digits, quoted = unquote(value); !quoted {
			return "", false
		}
		if f.names != nil && f.names.ByName(protoreflect.Name(digits)) != nil {
			return string(value), true
		}
	}
	if n, fits := f.fits(digits); fits {
		if quoted {
			return n, true
		}
		return digits, true
	}
	x, err := strconv.ParseFloat(digits, 64)
	if err != nil || strings.ContainsAny(digits, "xXpP_") || x != math.Trunc(x) || math.Abs(x) > maxExact {
		return "", false
	}
	return f.fits(strconv.FormatInt(int64(x), 10))
}

// fits returns the number in its shortest form.
func (f jsonField) fits(digits string) (string, bool) {
	if f.signed {
		n, err := strconv.ParseInt(digits, 10, f.bits)
		return strconv.FormatInt(n, 10), err == nil
	}
	n, err := strconv.ParseUint(digits, 10, f.bits)
	return strconv.FormatUint(n, 10), err == nil
}

// unquote returns the text of a JSON string; ok says whether the value is one.
func unquote(value []byte) (text string, ok bool) {
	if len(value) < 2 || value[0] != '"' || value[len(value)-1] != '"' {
		return "", false
	}
	if bytes.IndexByte(value, '\\') < 0 {
		return string(value[1 : len(value)-1]), true
	}
	err := json.Unmarshal(value, &text)
	return text, err == nil
}

// validID says whether text is an id of size bytes, or none.
func validID(text string, size int) bool {
	if text == "" {
		return true
	}
	id, err := hex.DecodeString(text)
	return err == nil && len(id) == size
}

// isBase64 says whether text is made of the characters of base64.
func isBase64(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '+' && r != '/' && r != '='
	}) < 0
}
