// SPDX-License-Identifier: Apache-2.0

package queue

import (
	"context"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// memoryClient is a storage.Client whose contents a test can look at, and that can fail after a number of writes, as a kill does.
type memoryClient struct {
	values map[string][]byte
}

func (c *memoryClient) Get(_ context.Context, key string) ([]byte, error) { return c.values[key], nil }

func (c *memoryClient) Set(ctx context.Context, key string, v []byte) error {
	return c.Batch(ctx, storage.SetOperation(key, v))
}

func (c *memoryClient) Delete(ctx context.Context, key string) error {
	return c.Batch(ctx, storage.DeleteOperation(key))
}

func (c *memoryClient) Close(context.Context) error { return nil }

func (c *memoryClient) Batch(_ context.Context, ops ...*storage.Operation) error {
	for _, op := range ops {
		switch op.Type {
		case storage.Get:
			op.Value = c.values[op.Key]
		case storage.Set:
			c.values[op.Key] = op.Value
		case storage.Delete:
			delete(c.values, op.Key)
		}
	}
	return nil
}

func (c *memoryClient) Walk(ctx context.Context, fn storage.WalkFunc) error {
	for k, v := range maps.Clone(c.values) {
		ops, err := fn(k, v)
		if err != nil {
			return err
		}
		if err := c.Batch(ctx, ops...); err != nil {
			return err
		}
	}
	return nil
}

type testQueue struct {
	state  *State
	client *signalClient
	memory *memoryClient
	meta   metadata
}

func newTestQueue(t *testing.T) *testQueue {
	t.Helper()
	q := &testQueue{state: NewState(), memory: &memoryClient{values: map[string][]byte{}}}
	q.client = newSignalClient(q.memory, LogsSignal, q.state)
	q.state.opened(q.client, q.meta)
	return q
}

// put does what the persistent queue does with a request.
func (q *testQueue) put(t *testing.T, marks map[string][]byte) {
	t.Helper()
	key := itemKey(q.meta.write)
	q.meta.write++
	q.meta.bytes += 100
	require.NoError(t, q.client.Batch(WithMarks(t.Context(), marks), storage.SetOperation(metaKey, q.meta.marshal()), storage.SetOperation(key, []byte("request "+key))))
}

func TestQueueStatus(t *testing.T) {
	q := newTestQueue(t)
	q.put(t, nil)
	q.put(t, nil)
	st := q.state.Status(t.Context(), 1000, time.Now().Add(time.Minute))
	require.Len(t, st, 1)
	require.Equal(t, uint64(2), st[0].Requests)
	require.Equal(t, int64(200), st[0].Bytes)
	require.InDelta(t, 60, st[0].OldestSeconds, 5)
	q.meta.read++
	q.meta.dispatched = []uint64{0}
	require.NoError(t, q.client.Batch(t.Context(), storage.SetOperation(metaKey, q.meta.marshal()), storage.GetOperation("0")))
	require.Equal(t, uint64(2), q.state.Status(t.Context(), 1000, time.Now())[0].Requests, "what is on the way is still queued")
	q.meta.dispatched, q.meta.bytes = nil, 100
	require.NoError(t, q.client.Batch(t.Context(), storage.SetOperation(metaKey, q.meta.marshal()), storage.DeleteOperation("0")))
	require.Equal(t, uint64(1), q.state.Status(t.Context(), 1000, time.Now())[0].Requests)
	q.client.flush()
	for key := range q.memory.values {
		require.False(t, strings.HasSuffix(key, "/0"), "the time goes with its request")
	}
	require.NoError(t, q.client.Close(t.Context()))
	require.Empty(t, q.state.Status(t.Context(), 1000, time.Now()))
}

// TestRecoverDispatched: what was on the way at a kill is in the queue again, with its bytes, after one transaction.
func TestRecoverDispatched(t *testing.T) {
	q := newTestQueue(t)
	for range 4 {
		q.put(t, nil)
	}
	q.meta.read, q.meta.dispatched = 3, []uint64{0, 2} // 1 was accepted.
	require.NoError(t, q.client.Batch(t.Context(), storage.SetOperation(metaKey, q.meta.marshal()), storage.DeleteOperation("1")))
	q.client.flush()
	meta, err := recoverDispatched(t.Context(), q.memory)
	require.NoError(t, err)
	require.Equal(t, metadata{bytes: 400, read: 3, write: 6}, meta)
	require.Equal(t, "request 3", string(q.memory.values["3"]))
	require.Equal(t, "request 0", string(q.memory.values["4"]))
	require.Equal(t, "request 2", string(q.memory.values["5"]))
	require.NotContains(t, q.memory.values, "0")
	require.NotContains(t, q.memory.values, "2")
	again, err := parseMeta(q.memory.values[metaKey])
	require.NoError(t, err)
	require.Equal(t, meta, again)
}

func TestQueueMetaRefusesWhatItDoesNotKnow(t *testing.T) {
	for _, b := range []string{"\x01", "\x08\x01", "\x31\x01\x02\x03\x04\x05\x06\x07\x08", "\x2a\x01\x00", "\x09\x01"} {
		_, err := parseMeta([]byte(b))
		require.ErrorIs(t, err, errMeta, "%x", b)
	}
}
