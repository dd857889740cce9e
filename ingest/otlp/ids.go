// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"bytes"

	"google.golang.org/protobuf/encoding/protowire"
)

// emptyIDs returns a copy of a scanned body without ids of the wrong length, and the number of those that are not a span's own: the decoder would refuse the
// whole request for one of them, while a span with an empty id is refused alone, which is counted there. A span whose parent's id is malformed loses its own too, so that it is refused instead of
// becoming a root.
func emptyIDs(body []byte, m *message) ([]byte, int) {
	out := bytes.Clone(body)
	return out, emptyIn(out, m)
}

func emptyIn(body []byte, m *message) (emptied int) {
	var own func() // takes the span's own id out
	badParent := false
	for len(body) > 0 {
		num, typ, tag := protowire.ConsumeTag(body)
		if tag < 0 {
			return emptied // The scan has refused such a body.
		}
		n := protowire.ConsumeFieldValue(num, typ, body[tag:])
		if n < 0 {
			return emptied
		}
		whole := body[:tag+n]
		body = body[tag+n:]
		f := m.field(num)
		if typ != protowire.BytesType || f.wire != typ {
			continue
		}
		value, _ := protowire.ConsumeBytes(whole[tag:])
		bad := f.idLen > 0 && len(value) != 0 && len(value) != f.idLen
		switch {
		case f.sub != nil:
			emptied += emptyIn(value, f.sub)
		case bad:
			hide(whole, tag, n-len(value))
			if m.kind != kindSpan {
				emptied++
			}
			badParent = badParent || m.kind == kindSpan && num == 4
		case m.kind == kindSpan && num == 2 && len(value) > 0:
			own = func() { hide(whole, tag, n-len(value)) }
		}
	}
	if badParent && own != nil {
		own()
	}
	return emptied
}

// unknownField is a number that no OTLP message has, and two bytes long as a tag.
const unknownField = 2000

// hide turns a length-delimited field whose tag and length take that many bytes into one of the same size that no decoder knows: the tag takes one byte more,
// the content one less. Its length keeps its width, which makes it a longer varint than needed; decoders take that.
func hide(field []byte, tag, length int) {
	content := len(field) - tag - length
	if tag != 1 || content < 1 { // OTLP's ids have tags of one byte.
		return
	}
	protowire.AppendTag(field[:0], unknownField, protowire.BytesType)
	rest := uint64(content - 1)
	for i := range length {
		b := byte(rest & 0x7f)
		if rest >>= 7; i < length-1 {
			b |= 0x80
		}
		field[2+i] = b
	}
}
