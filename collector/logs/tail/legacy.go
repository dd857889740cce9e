// SPDX-License-Identifier: Apache-2.0

package tail

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"go.uber.org/zap"
	"google.golang.org/protobuf/encoding/protowire"
)

// legacyKey is where the collector's file consumer kept its places: the message MetadataList of its checkpoint.proto, and before that a number and so
// many objects of JSON.
const legacyKey = "knownFiles"

// loadLegacy takes over the places of the collector's file consumer, so that an upgrade reads nothing again.
func (t *Follower) loadLegacy(ctx context.Context) error {
	text, err := t.store.Get(ctx, legacyKey)
	if err != nil {
		return fmt.Errorf("read places of files: %w", err)
	}
	if text == nil {
		return nil
	}
	if t.legacy, err = legacyMessage(text); err != nil {
		t.legacy, err = legacyJSON(text)
	}
	if err != nil {
		t.opts.Logger.Error("places of files of an earlier release cannot be read", zap.Error(err))
	}
	t.known = len(t.legacy) > 0
	// Several rounds were kept; of one file the furthest counts.
	slices.SortStableFunc(t.legacy, func(a, b *place) int { return int(b.Offset - a.Offset) })
	return nil
}

func legacyPlace(first []byte, offset int64, attributes map[string]any) *place {
	path, _ := attributes["log.file.path"].(string)
	return &place{Path: path, Offset: offset, Head: sumOf(first)}
}

func legacyJSON(text []byte) ([]*place, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	var count int
	if err := dec.Decode(&count); err != nil {
		return nil, fmt.Errorf("count: %w", err)
	}
	var out []*place
	for range count {
		var old struct {
			Fingerprint struct {
				FirstBytes []byte `json:"first_bytes"`
			}
			Offset         int64
			FileAttributes map[string]any
		}
		if err := dec.Decode(&old); err != nil {
			return out, fmt.Errorf("place: %w", err)
		}
		out = append(out, legacyPlace(old.Fingerprint.FirstBytes, old.Offset, old.FileAttributes))
	}
	return out, nil
}

var errNoMessage = errors.New("no message of the file consumer")

// legacyMessage reads repeated field 1, of which 1 is the fingerprint (1: its bytes), 2 the offset and 4 the attributes as JSON.
func legacyMessage(text []byte) ([]*place, error) {
	var out []*place
	err := fields(text, func(number protowire.Number, value []byte, _ uint64) error {
		if number != 1 {
			return errNoMessage
		}
		var first []byte
		var offset int64
		var attributes map[string]any
		err := fields(value, func(number protowire.Number, value []byte, n uint64) error {
			switch number {
			case 1:
				return fields(value, func(_ protowire.Number, value []byte, _ uint64) error { first = value; return nil })
			case 2:
				offset = int64(n) //nolint:gosec // An offset that was written as one.
			case 4:
				return json.Unmarshal(value, &attributes) // Told by the caller.
			default:
			}
			return nil
		})
		out = append(out, legacyPlace(first, offset, attributes))
		return err
	})
	return out, err
}

// fields calls each for the fields of a message.
func fields(b []byte, each func(number protowire.Number, value []byte, n uint64) error) error {
	for len(b) > 0 {
		number, typ, size := protowire.ConsumeTag(b)
		if size < 0 {
			return errNoMessage
		}
		b = b[size:]
		var value []byte
		var n uint64
		switch typ {
		case protowire.BytesType:
			value, size = protowire.ConsumeBytes(b)
		case protowire.VarintType:
			n, size = protowire.ConsumeVarint(b)
		default:
			size = protowire.ConsumeFieldValue(number, typ, b)
		}
		if size < 0 {
			return errNoMessage
		}
		b = b[size:]
		if err := each(number, value, n); err != nil {
			return err
		}
	}
	return nil
}
