// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"encoding/binary"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// field is one field of an encoded message: where its value starts in the whole body and how long it is.
type field struct {
	num        protowire.Number
	start, end int
}

// fields lists the fields of the message body[start:end].
func fields(body []byte, start, end int) ([]field, error) {
	var out []field
	for at := start; at < end; {
		num, typ, n := protowire.ConsumeTag(body[at:end])
		if n < 0 {
			return nil, fmt.Errorf("tag at %d: %w", at, protowire.ParseError(n))
		}
		at += n
		size := protowire.ConsumeFieldValue(num, typ, body[at:end])
		if size < 0 {
			return nil, fmt.Errorf("field %d at %d: %w", num, at, protowire.ParseError(size))
		}
		f := field{num: num, start: at, end: at + size}
		if typ == protowire.BytesType {
			_, prefix := binary.Uvarint(body[at:])
			f.start += prefix
		}
		out = append(out, f)
		at += size
	}
	return out, nil
}

// walk calls each for every message found by following path from the top, in the order of the bytes.
func walk(body []byte, start, end int, path []protowire.Number, each func(start, end int) error) error {
	if len(path) == 0 {
		return each(start, end)
	}
	next, rest := path[0], path[1:]
	list, err := fields(body, start, end)
	if err != nil {
		return err
	}
	for _, f := range list {
		if f.num == next {
			if err := walk(body, f.start, f.end, rest, each); err != nil {
				return err
			}
		}
	}
	return nil
}

// stamp is a fixed64 time in a body and its distance from the body's base time.
type stamp struct {
	at    int
	delta int64
}

func putStamps(body []byte, stamps []stamp, base int64) {
	for _, s := range stamps {
		binary.LittleEndian.PutUint64(body[s.at:], uint64(base+s.delta)) //nolint:gosec // Times after 1970.
	}
}
