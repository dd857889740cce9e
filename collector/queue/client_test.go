// SPDX-License-Identifier: Apache-2.0

package queue

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// countingClient counts the transactions, and refuses them while full is set.
type countingClient struct {
	memoryClient
	writes int
	full   bool
}

var errNoSpace = errors.New("no space left")

func (c *countingClient) Batch(ctx context.Context, ops ...*storage.Operation) error {
	if c.full {
		return errNoSpace
	}
	c.writes++
	return c.memoryClient.Batch(ctx, ops...)
}

// life is a queue whose transactions are counted.
type life struct {
	inner *countingClient
	queue *testQueue
}

func newLife() life {
	inner := &countingClient{memoryClient: memoryClient{values: map[string][]byte{}}}
	q := &testQueue{state: NewState(), memory: &inner.memoryClient}
	q.client = newSignalClient(inner, LogsSignal, q.state)
	q.state.opened(q.client, q.meta)
	return life{inner, q}
}

// send does what the library does with the next request before it is sent, and returns its bytes.
func (l life) send(t *testing.T) []byte {
	t.Helper()
	q := l.queue
	index := q.meta.read
	q.meta.read++
	q.meta.dispatched = append(q.meta.dispatched, index)
	get := storage.GetOperation(itemKey(index))
	require.NoError(t, q.client.Batch(t.Context(), storage.SetOperation(metaKey, q.meta.marshal()), get))
	return get.Value
}

// sent does what the library does when the server has taken the request that was sent first.
func (l life) sent(t *testing.T) {
	t.Helper()
	q := l.queue
	index := q.meta.dispatched[0]
	q.meta.dispatched = q.meta.dispatched[1:]
	require.NoError(t, q.client.Batch(t.Context(), storage.SetOperation(metaKey, q.meta.marshal()), storage.DeleteOperation(itemKey(index))))
}

// writes is how many transactions there were.
func (l life) writes() int {
	l.queue.client.mu.Lock()
	defer l.queue.client.mu.Unlock()
	return l.inner.writes
}

// fill makes the disk full, or gives it space again.
func (l life) fill(full bool) {
	l.queue.client.mu.Lock()
	defer l.queue.client.mu.Unlock()
	l.inner.full = full
}

// after is what is queued for an agent that starts after a kill: the requests that wait, with their bytes.
func (l life) after(t *testing.T) []string {
	t.Helper()
	l.queue.client.mu.Lock()
	defer l.queue.client.mu.Unlock()
	meta, err := recoverDispatched(t.Context(), &l.inner.memoryClient)
	require.NoError(t, err)
	out := []string{}
	for i := meta.read; i < meta.write; i++ {
		out = append(out, string(l.inner.values[itemKey(i)]))
	}
	return out
}

// TestOneTransactionForEachRequest: of the library's three, those after the first go into the next request's, or are written after a while.
func TestOneTransactionForEachRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLife()
		for i := range 5 {
			l.queue.put(t, map[string][]byte{"/a.log": []byte("mark")})
			require.Equal(t, "request "+itemKey(uint64(i)), string(l.send(t)))
			l.sent(t)
		}
		require.Equal(t, 5, l.writes())
		require.Equal(t, []string{"request 4"}, l.after(t), "a kill now sends the last one again")
		require.Empty(t, l.queue.state.Status(t.Context(), 0, time.Now())[0].Requests, "what is told does not wait")
		time.Sleep(sentDelay)
		synctest.Wait()
		require.Equal(t, 6, l.writes())
		require.Empty(t, l.after(t))
		require.NotContains(t, l.inner.values, timesPrefix+"4")
		time.Sleep(10 * sentDelay)
		require.Equal(t, 6, l.writes(), "nothing is left to write")
		require.NoError(t, l.queue.client.Close(t.Context()))
	})
}

// TestKilledOnTheWay: what was on the way at a kill is queued, however much of its way was written.
func TestKilledOnTheWay(t *testing.T) {
	l := newLife()
	for range 3 {
		l.queue.put(t, nil)
	}
	l.send(t)
	l.send(t)
	require.Equal(t, []string{"request 0", "request 1", "request 2"}, l.after(t))
	l.sent(t)
	require.Equal(t, []string{"request 0", "request 1", "request 2"}, l.after(t))
	l.queue.put(t, nil)
	require.Equal(t, []string{"request 2", "request 3", "request 1"}, l.after(t))
	require.NoError(t, l.queue.client.Close(t.Context()))
}

// TestSentIsWrittenAtTheStop: an orderly stop leaves nothing to be sent twice.
func TestSentIsWrittenAtTheStop(t *testing.T) {
	l := newLife()
	l.queue.put(t, nil)
	l.send(t)
	l.sent(t)
	require.NoError(t, l.queue.client.Close(t.Context()))
	require.Empty(t, l.after(t))
	l.queue.client.flush()
	require.Equal(t, 2, l.writes(), "not after the stop")
}

// TestSentOnAFullDisk: what cannot be written is tried again, and a request that cannot be queued is an error.
func TestSentOnAFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLife()
		l.queue.put(t, nil)
		l.send(t)
		l.sent(t)
		l.fill(true)
		meta := l.queue.meta
		meta.write++
		err := l.queue.client.Batch(t.Context(), storage.SetOperation(metaKey, meta.marshal()), storage.SetOperation("1", []byte("x")))
		require.ErrorIs(t, err, errNoSpace)
		time.Sleep(5 * sentDelay)
		synctest.Wait()
		require.Equal(t, []string{"request 0"}, l.after(t))
		l.fill(false)
		time.Sleep(sentDelay)
		synctest.Wait()
		require.Empty(t, l.after(t))
		require.NoError(t, l.queue.client.Close(t.Context()))
	})
}

// TestFreshIsBounded: requests that wait for the server are read from the file.
func TestFreshIsBounded(t *testing.T) {
	l := newLife()
	big := bytes.Repeat([]byte("x"), freshBytes/2)
	for range 4 {
		q := l.queue
		key := itemKey(q.meta.write)
		q.meta.write++
		require.NoError(t, q.client.Batch(t.Context(), storage.SetOperation(metaKey, q.meta.marshal()), storage.SetOperation(key, big)))
	}
	require.Equal(t, freshBytes, l.queue.client.freshSize)
	for range 4 {
		require.Equal(t, big, l.send(t))
	}
	require.Equal(t, 6, l.writes(), "two were read")
	require.Zero(t, l.queue.client.freshSize)
	require.NoError(t, l.queue.client.Close(t.Context()))
}

// BenchmarkRequest is the way of a request of 300 KiB through the queue on a disk that costs nothing.
func BenchmarkRequest(b *testing.B) {
	client := newSignalClient(&memoryClient{values: map[string][]byte{}}, LogsSignal, NewState())
	value := make([]byte, 300<<10)
	var meta metadata
	b.ReportAllocs()
	for b.Loop() {
		key := itemKey(meta.write)
		meta.write++
		put := client.Batch(b.Context(), storage.SetOperation(metaKey, meta.marshal()), storage.SetOperation(key, value))
		meta.read++
		get := client.Batch(b.Context(), storage.SetOperation(metaKey, meta.marshal()), storage.GetOperation(key))
		done := client.Batch(b.Context(), storage.SetOperation(metaKey, meta.marshal()), storage.DeleteOperation(key))
		if err := errors.Join(put, get, done); err != nil {
			b.Fatal(err)
		}
	}
	if err := client.Close(b.Context()); err != nil {
		b.Fatal(err)
	}
}
