// SPDX-License-Identifier: Apache-2.0

package queue

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/extension/xextension/storage"
)

const (
	// sentDelay is how long a request that the server has taken stays in the file at the most. A kill meanwhile sends it again, which the server
	// knows for an hour and counts.
	sentDelay = time.Second
	// freshBytes bounds the requests that are kept in memory from when they are queued until they are sent.
	freshBytes = 2 << 20
)

// signalClient is the store of one signal's queue. The library writes three transactions for a request: it is queued, it is on the way, it was
// taken. Only the first has to be on disk before anything else happens; with the account as it was then, a request that is on the way is one
// that waits, and after a kill it is sent with the same bytes. So the second is not written where the request is still in memory, and the
// third goes into the next one that is, after sentDelay at the latest.
type signalClient struct {
	storage.Client
	signal string
	state  *State

	mu sync.Mutex
	// fresh are requests by their keys, freshSize is how long they are; guarded by mu, as all that follows.
	fresh     map[string][]byte
	freshSize int
	// account is the newest one that is not in the file, nil when that is; sent are the keys of the requests to be removed with it.
	account []byte
	sent    []string
	timer   *time.Timer
	closed  bool
}

func newSignalClient(client storage.Client, signal string, state *State) *signalClient {
	return &signalClient{Client: client, signal: signal, state: state, fresh: make(map[string][]byte)}
}

// Batch implements storage.Client. The queue changes only by batches.
func (c *signalClient) Batch(ctx context.Context, ops ...*storage.Operation) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	account, item := split(ops)
	var err error
	switch {
	case item == nil || account == nil: // The library's repairs.
		err = c.write(ctx, ops)
	case item.Type == storage.Get && c.take(item):
		c.account = account.Value
	case item.Type == storage.Delete:
		c.account, c.sent = account.Value, append(c.sent, item.Key)
		c.later()
	default:
		err = c.write(ctx, ops)
	}
	if err != nil {
		return fmt.Errorf("write queue of %s: %w", c.signal, err)
	}
	if item != nil && item.Type == storage.Set && c.freshSize+len(item.Value) <= freshBytes {
		c.fresh[item.Key] = item.Value
		c.freshSize += len(item.Value)
	}
	if account != nil {
		if meta, err := parseMeta(account.Value); err == nil {
			c.state.changed(c.signal, meta)
		}
	}
	return nil
}

// split finds the operation on the account, and the one on a request where there is no other.
func split(ops []*storage.Operation) (account, item *storage.Operation) {
	for _, op := range ops {
		switch {
		case op.Key == metaKey && op.Type == storage.Set:
			account = op
		case len(ops) == 2:
			item = op
		}
	}
	return account, item
}

// take reads a request from memory, once; false says that it is in the file only. mu is held.
func (c *signalClient) take(item *storage.Operation) bool {
	value, ok := c.fresh[item.Key]
	if ok {
		item.Value = value
		delete(c.fresh, item.Key)
		c.freshSize -= len(value)
	}
	return ok
}

// write commits the operations, with the marks of what they queue, and what was put off; mu is held. An account among them is newer than the one
// that was put off.
func (c *signalClient) write(ctx context.Context, ops []*storage.Operation) error {
	all := make([]*storage.Operation, 0, 2*len(ops)+2*len(c.sent)+4)
	put, account := false, false
	if c.account != nil {
		all = append(all, storage.SetOperation(metaKey, c.account))
	}
	all = append(all, ops...)
	for _, op := range ops {
		switch {
		case op.Key == metaKey && op.Type == storage.Set:
			account = true
		case op.Type == storage.Set:
			put = true
			all = append(all, storage.SetOperation(timesPrefix+op.Key, timeBytes(time.Now())))
		case op.Type == storage.Delete:
			all = append(all, storage.DeleteOperation(timesPrefix+op.Key))
		}
	}
	if account && c.account != nil {
		all = all[1:]
	}
	for _, key := range c.sent {
		all = append(all, storage.DeleteOperation(key), storage.DeleteOperation(timesPrefix+key))
	}
	if marks, _ := ctx.Value(marksKey{}).(map[string][]byte); put {
		for path, mark := range marks {
			all = append(all, storage.SetOperation(marksPrefix+path, mark))
		}
	}
	if err := c.Client.Batch(ctx, all...); err != nil {
		return err
	}
	c.account, c.sent = nil, c.sent[:0]
	return nil
}

// later sees to it that what was put off is committed; mu is held.
func (c *signalClient) later() {
	if c.timer == nil && !c.closed {
		c.timer = time.AfterFunc(sentDelay, c.flush)
	}
}

// flush commits what was put off. What cannot be written now is tried again.
func (c *signalClient) flush() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.timer = nil
	if c.closed || len(c.sent) == 0 {
		return
	}
	if err := c.write(context.Background(), nil); err != nil {
		c.later()
	}
}

// Close implements storage.Client.
func (c *signalClient) Close(ctx context.Context) error {
	c.state.closed(c)
	c.mu.Lock()
	defer c.mu.Unlock()
	var err error
	if c.account != nil && !c.closed {
		err = c.write(ctx, nil)
	}
	if c.timer != nil {
		c.timer.Stop()
	}
	c.closed = true
	return errors.Join(err, c.Client.Close(ctx))
}

// oldest is when the oldest queued request was queued, the zero time when there is none.
func (c *signalClient) oldest(ctx context.Context, meta metadata) time.Time {
	var oldest time.Time
	for _, index := range append([]uint64{meta.read}, meta.dispatched...) {
		b, err := c.Get(ctx, timesPrefix+itemKey(index))
		if err != nil || len(b) != 8 {
			continue
		}
		if at := time.Unix(0, int64(binary.BigEndian.Uint64(b))); oldest.IsZero() || at.Before(oldest) { //nolint:gosec // Written by timeBytes.
			oldest = at
		}
	}
	return oldest
}
