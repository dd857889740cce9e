// SPDX-License-Identifier: Apache-2.0

package queue

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"google.golang.org/protobuf/encoding/protowire"
)

func TestMetadata(t *testing.T) {
	for name, m := range map[string]metadata{
		"zero":       {},
		"queued":     {items: 3, bytes: 300, read: 1, write: 4},
		"on the way": {items: 3, bytes: 300, read: 5, write: 5, dispatched: []uint64{0, 2, 4}},
		"large":      {items: math.MaxInt64, bytes: math.MaxInt64, read: math.MaxUint64, write: math.MaxUint64, dispatched: []uint64{math.MaxUint64}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseMeta(m.marshal())
			require.NoError(t, err)
			require.Equal(t, m, got)
		})
	}
	require.Equal(t, uint64(5), metadata{read: 2, write: 5, dispatched: []uint64{0, 1}}.requests())
	require.Zero(t, metadata{read: 2, write: 2}.requests())
}

// TestMetadataPacked: the library may write the indexes of what is on the way as one field.
func TestMetadataPacked(t *testing.T) {
	var packed []byte
	for _, v := range []uint64{7, 9} {
		packed = protowire.AppendFixed64(packed, v)
	}
	b := metadata{read: 10, write: 12}.marshal()
	b = protowire.AppendTag(b, 5, protowire.BytesType)
	b = protowire.AppendBytes(b, packed)
	got, err := parseMeta(b)
	require.NoError(t, err)
	require.Equal(t, metadata{read: 10, write: 12, dispatched: []uint64{7, 9}}, got)
	b = protowire.AppendTag(metadata{}.marshal(), 6, protowire.Fixed64Type)
	_, err = parseMeta(protowire.AppendFixed64(b, 1))
	require.ErrorIs(t, err, errMeta, "a field that is not known")
}

func FuzzParseMeta(f *testing.F) {
	f.Add(metadata{items: 1, bytes: 2, read: 3, write: 4, dispatched: []uint64{5}}.marshal())
	f.Add([]byte("\x2a\x08\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parseMeta(b)
		if err != nil {
			require.ErrorIs(t, err, errMeta)
			return
		}
		again, err := parseMeta(m.marshal())
		require.NoError(t, err)
		require.Equal(t, m, again)
	})
}

// TestRecoverNothing: a queue without requests on the way is left as it is.
func TestRecoverNothing(t *testing.T) {
	for name, account := range map[string][]byte{"new": nil, "at rest": metadata{read: 1, write: 2}.marshal()} {
		t.Run(name, func(t *testing.T) {
			c := &memoryClient{values: map[string][]byte{}}
			if account != nil {
				require.NoError(t, c.Set(t.Context(), metaKey, account))
				require.NoError(t, c.Set(t.Context(), "1", []byte("request")))
			}
			before := len(c.values)
			_, err := recoverDispatched(t.Context(), c)
			require.NoError(t, err)
			require.Len(t, c.values, before)
			require.Equal(t, account, c.values[metaKey])
		})
	}
}

// TestRecoverLeavesGaps: a request that was accepted, but whose place in the account was not cleared, is not there any more.
func TestRecoverLeavesGaps(t *testing.T) {
	q := newTestQueue(t)
	for range 3 {
		q.put(t, nil)
	}
	q.meta.read, q.meta.dispatched = 3, []uint64{0, 1, 2}
	require.NoError(t, q.client.Batch(t.Context(), storage.SetOperation(metaKey, q.meta.marshal()), storage.DeleteOperation("1")))
	q.client.flush()
	got, err := recoverDispatched(t.Context(), q.memory)
	require.NoError(t, err)
	require.Equal(t, uint64(2), got.requests())
	require.Equal(t, "request 0", string(q.memory.values["3"]))
	require.Equal(t, "request 2", string(q.memory.values["4"]))
	require.Contains(t, q.memory.values, timesPrefix+"4")
	require.NotContains(t, q.memory.values, timesPrefix+"2")
}
