// SPDX-License-Identifier: Apache-2.0

package queue

import (
	"errors"
	"fmt"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
)

// metaKey is where the exporter's persistent queue keeps its account, a protobuf message PersistentMetadata of the library
// exporterhelper v0.158. The test TestAgent/Kill shows that this reading of it is the library's.
const metaKey = "qmv0"

func itemKey(index uint64) string { return strconv.FormatUint(index, 10) }

// metadata is the account of a persistent queue.
type metadata struct {
	items, bytes int64
	// read is the index of the next request to send, write that of the next one to queue.
	read, write uint64
	dispatched  []uint64 // on the way to the server
}

func (m metadata) requests() uint64 { return m.write - m.read + uint64(len(m.dispatched)) }

var errMeta = errors.New("the queue's account is not one of this version")

func parseMeta(b []byte) (metadata, error) {
	var m metadata
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return m, fmt.Errorf("%w: %w", errMeta, protowire.ParseError(n))
		}
		b = b[n:]
		if num == 5 && typ == protowire.BytesType {
			packed, n := protowire.ConsumeBytes(b)
			if n < 0 || len(packed)%8 != 0 {
				return m, errMeta
			}
			b = b[n:]
			for len(packed) > 0 {
				v, n := protowire.ConsumeFixed64(packed)
				m.dispatched, packed = append(m.dispatched, v), packed[n:]
			}
			continue
		}
		if typ != protowire.Fixed64Type {
			return m, errMeta
		}
		v, n := protowire.ConsumeFixed64(b)
		if n < 0 {
			return m, errMeta
		}
		b = b[n:]
		switch num {
		case 1:
			m.items = int64(v) //nolint:gosec // sfixed64
		case 2:
			m.bytes = int64(v) //nolint:gosec // sfixed64
		case 3:
			m.read = v
		case 4:
			m.write = v
		case 5:
			m.dispatched = append(m.dispatched, v)
		default:
			return m, errMeta
		}
	}
	return m, nil
}

func (m metadata) marshal() []byte {
	var b []byte
	for i, v := range []uint64{uint64(m.items), uint64(m.bytes), m.read, m.write} { //nolint:gosec // sfixed64
		b = protowire.AppendTag(b, protowire.Number(i+1), protowire.Fixed64Type)
		b = protowire.AppendFixed64(b, v)
	}
	for _, v := range m.dispatched {
		b = protowire.AppendTag(b, 5, protowire.Fixed64Type)
		b = protowire.AppendFixed64(b, v)
	}
	return b
}
