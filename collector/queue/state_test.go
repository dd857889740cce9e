// SPDX-License-Identifier: Apache-2.0

package queue

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// openQueue opens the queue of a signal in a state.
func openQueue(state *State, signal string, meta metadata) *signalClient {
	c := newSignalClient(&memoryClient{values: map[string][]byte{}}, signal, state)
	state.opened(c, meta)
	return c
}

// TestFull: a queue is full when a request of the largest size may not fit any more.
func TestFull(t *testing.T) {
	const limit = 8 << 20
	for name, tc := range map[string]struct {
		bytes, limit int64
		want         bool
	}{
		"empty":              {0, limit, false},
		"just enough space":  {limit - fullMargin, limit, false},
		"one byte too much":  {limit - fullMargin + 1, limit, true},
		"over its limit":     {limit + 1, limit, true},
		"no limit":           {1 << 40, 0, false},
		"smaller than space": {1, fullMargin, true},
	} {
		t.Run(name, func(t *testing.T) {
			state := NewState()
			openQueue(state, LogsSignal, metadata{bytes: tc.bytes})
			require.Equal(t, tc.want, state.Full(LogsSignal, tc.limit))
			require.False(t, state.Full("traces", limit), "another signal has its own")
		})
	}
}

// TestFullFollowsTheQueue: what is accepted by the server makes room.
func TestFullFollowsTheQueue(t *testing.T) {
	state := NewState()
	c := openQueue(state, LogsSignal, metadata{})
	account := func(bytes int64) {
		require.NoError(t, c.Batch(t.Context(), storage.SetOperation(metaKey, metadata{bytes: bytes, write: 1}.marshal())))
	}
	account(4 << 20)
	require.True(t, state.Full(LogsSignal, 4<<20))
	account(1 << 20)
	require.False(t, state.Full(LogsSignal, 4<<20))
	require.NoError(t, c.Batch(t.Context(), storage.SetOperation(metaKey, []byte("\x01"))))
	require.False(t, state.Full(LogsSignal, 4<<20), "an account of another version tells nothing new")
}

// TestCollectorsOneAfterTheOther: the next collector opens its queue before the one before has closed its own.
func TestCollectorsOneAfterTheOther(t *testing.T) {
	state := NewState()
	before := openQueue(state, LogsSignal, metadata{write: 1, bytes: 10})
	after := openQueue(state, LogsSignal, metadata{write: 2, bytes: 20})
	require.NoError(t, before.Close(t.Context()))
	require.Equal(t, uint64(2), state.Status(t.Context(), 0, time.Now())[0].Requests, "the one that is open is told")
	require.NoError(t, after.Close(t.Context()))
	require.Empty(t, state.Status(t.Context(), 0, time.Now()))
	state.changed(LogsSignal, metadata{write: 9, bytes: 1 << 30})
	require.False(t, state.Full(LogsSignal, 1<<20), "a queue that is closed is not told of")
}

func TestStatusOfAllSignals(t *testing.T) {
	state := NewState()
	openQueue(state, "traces", metadata{read: 3, write: 5, bytes: 50})
	openQueue(state, LogsSignal, metadata{read: 7, write: 7, bytes: 3})
	openQueue(state, "metrics", metadata{read: 1, write: 1, bytes: 9, dispatched: []uint64{0}})
	require.Equal(t, []Status{
		{Signal: LogsSignal, Limit: 100},
		{Signal: "metrics", Requests: 1, Bytes: 9, Limit: 100},
		{Signal: "traces", Requests: 2, Bytes: 50, Limit: 100},
	}, state.Status(t.Context(), 100, time.Now()), "an empty queue has no bytes, whatever its account says")
}

// TestOldest: the age is that of the request that waits longest, also when it is on the way.
func TestOldest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newTestQueue(t)
		age := func() float64 { return q.state.Status(t.Context(), 0, time.Now())[0].OldestSeconds }
		require.Zero(t, age())
		q.put(t, nil)
		time.Sleep(time.Minute) // The clock of the bubble.
		q.put(t, nil)
		time.Sleep(time.Second)
		require.InDelta(t, 61, age(), 0.001)
		q.meta.read, q.meta.dispatched = 1, []uint64{0}
		require.NoError(t, q.client.Batch(t.Context(), storage.SetOperation(metaKey, q.meta.marshal())))
		require.InDelta(t, 61, age(), 0.001, "on the way")
		q.meta.dispatched = nil
		require.NoError(t, q.client.Batch(t.Context(), storage.SetOperation(metaKey, q.meta.marshal()), storage.DeleteOperation("0")))
		require.InDelta(t, 1, age(), 0.001, "the first one was accepted")
		require.Zero(t, q.state.Status(t.Context(), 0, time.Now().Add(-time.Hour))[0].OldestSeconds, "a clock that was set back makes no negative age")
		q.memory.values[timesPrefix+"1"] = []byte("short")
		require.Zero(t, age(), "a time that cannot be read is none")
	})
}

// TestMarksGoWithTheirRecords: a mark says neither more nor less than the queue holds.
func TestMarksGoWithTheirRecords(t *testing.T) {
	q := newTestQueue(t)
	marks := map[string][]byte{"a": []byte("1"), "b": []byte("2")}
	require.Nil(t, q.state.mark(t.Context(), "a"))
	ctx := WithMarks(t.Context(), marks)
	require.NoError(t, q.client.Batch(ctx, storage.GetOperation("0"), storage.DeleteOperation("0"), storage.SetOperation(metaKey, q.meta.marshal())))
	require.Nil(t, q.state.mark(t.Context(), "a"), "nothing was queued")
	q.put(t, marks)
	require.Equal(t, "1", string(q.state.mark(t.Context(), "a")))
	require.Equal(t, "2", string(q.state.mark(t.Context(), "b")))
	q.put(t, nil)
	require.Equal(t, "1", string(q.state.mark(t.Context(), "a")), "what others queue leaves it")
	require.NoError(t, q.client.Close(t.Context()))
	require.Nil(t, q.state.mark(t.Context(), "a"), "a closed queue has none")
	require.NoError(t, q.state.forget(t.Context(), func([]byte) bool { return true }))
	require.Contains(t, q.memory.values, marksPrefix+"a")
}

func TestForgetLooksAtMarksAlone(t *testing.T) {
	q := newTestQueue(t)
	q.put(t, map[string][]byte{"a": []byte("old"), "b": []byte("new")})
	require.NoError(t, q.state.forget(t.Context(), func(value []byte) bool { return string(value) != "new" }))
	require.Nil(t, q.state.mark(t.Context(), "a"))
	require.NotNil(t, q.state.mark(t.Context(), "b"))
	require.Contains(t, q.memory.values, "0", "requests are no marks")
	require.Contains(t, q.memory.values, metaKey)
}

var errDisk = errors.New("no space left on device")

// failingClient is a storage.Client of a broken disk. It is no storage.Walker.
type failingClient struct{ storage.Client }

func (failingClient) Get(context.Context, string) ([]byte, error) { return nil, errDisk }

func (failingClient) Batch(context.Context, ...*storage.Operation) error { return errDisk }

func TestBrokenDisk(t *testing.T) {
	state := NewState()
	c := newSignalClient(failingClient{}, LogsSignal, state)
	state.opened(c, metadata{write: 1, bytes: 5})
	err := c.Batch(t.Context(), storage.SetOperation(metaKey, metadata{write: 2, bytes: 9}.marshal()), storage.SetOperation("1", nil))
	require.ErrorIs(t, err, errDisk)
	require.ErrorContains(t, err, "write queue of logs")
	require.Equal(t, []Status{{Signal: LogsSignal, Requests: 1, Bytes: 5}}, state.Status(t.Context(), 0, time.Now()), "what was not written is not told")
	require.Nil(t, state.mark(t.Context(), "a"))
	require.NoError(t, state.forget(t.Context(), func([]byte) bool { return true }))
	_, err = recoverDispatched(t.Context(), failingClient{})
	require.ErrorIs(t, err, errDisk)
}
