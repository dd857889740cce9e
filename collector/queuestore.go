// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/xextension/storage"
)

const (
	// marksPrefix begins the keys of the marks that are committed with a queued request, timesPrefix those of when a request was queued.
	marksPrefix = "strata/mark/"
	timesPrefix = "strata/time/"
	logsSignal  = "logs"
	// fullMargin is more than a request of a source that cannot wait has.
	fullMargin = 1 << 20
)

type marksKey struct{}

// withMarks hands marks to the store of the queue: they are committed with the request that is queued with this context.
func withMarks(ctx context.Context, marks map[string][]byte) context.Context {
	return context.WithValue(ctx, marksKey{}, marks)
}

// queueStore is the file storage of the queue with three things added: the offsets of files are committed in the transaction that
// queues their lines, requests that were on the way at a kill go back into the queue in one transaction (the library deletes them first
// and queues them after, and a kill in between would lose them), and what is queued can be told.
type queueStore struct {
	storage.Extension
	state *queueState
}

func newQueueStoreFactory(state *queueState) (extension.Factory, error) {
	typ, err := component.NewType(typeQueueStore)
	if err != nil {
		return nil, err
	}
	inner := filestorage.NewFactory()
	return extension.NewFactory(typ, inner.CreateDefaultConfig,
		func(ctx context.Context, set extension.Settings, cfg component.Config) (extension.Extension, error) {
			set.ID = component.MustNewIDWithName("file_storage", set.ID.Name())
			ext, err := inner.Create(ctx, set, cfg)
			if err != nil {
				return nil, err
			}
			store, ok := ext.(storage.Extension)
			if !ok {
				return nil, fmt.Errorf("%T is no storage", ext)
			}
			return &queueStore{Extension: store, state: state}, nil
		}, component.StabilityLevelStable), nil
}

// GetClient implements storage.Extension.
func (s *queueStore) GetClient(ctx context.Context, kind component.Kind, id component.ID, name string) (storage.Client, error) {
	client, err := s.Extension.GetClient(ctx, kind, id, name)
	if err != nil {
		return nil, err
	}
	meta, err := recoverDispatched(ctx, client)
	if err != nil && !errors.Is(err, errQueueMeta) { // An account of another version is the library's to read.
		return nil, fmt.Errorf("put %s that were on the way back into the queue: %w", name, err)
	}
	c := &queueClient{Client: client, signal: name, state: s.state}
	s.state.opened(c, meta)
	return c, nil
}

// recoverDispatched queues the requests again that were on the way when the agent was killed. They keep their bytes, so that the server
// recognises those it had taken.
func recoverDispatched(ctx context.Context, client storage.Client) (queueMeta, error) {
	buf, err := client.Get(ctx, queueMetaKey)
	if err != nil || len(buf) == 0 {
		return queueMeta{}, err
	}
	meta, err := parseQueueMeta(buf)
	if err != nil || len(meta.dispatched) == 0 {
		return meta, err
	}
	var ops []*storage.Operation
	now := timeBytes(time.Now())
	for _, index := range meta.dispatched {
		value, err := client.Get(ctx, queueItemKey(index))
		if err != nil {
			return meta, err
		}
		ops = append(ops, storage.DeleteOperation(queueItemKey(index)), storage.DeleteOperation(timesPrefix+queueItemKey(index)))
		if value == nil {
			continue
		}
		key := queueItemKey(meta.write)
		ops = append(ops, storage.SetOperation(key, value), storage.SetOperation(timesPrefix+key, now))
		meta.write++
	}
	meta.dispatched = nil
	ops = append(ops, storage.SetOperation(queueMetaKey, meta.marshal()))
	return meta, client.Batch(ctx, ops...)
}

// queueClient is the store of one signal's queue.
type queueClient struct {
	storage.Client
	signal string
	state  *queueState
}

// Batch implements storage.Client. The queue changes only by batches.
func (c *queueClient) Batch(ctx context.Context, ops ...*storage.Operation) error {
	all := ops
	put := false
	var meta queueMeta
	known := false
	for _, op := range ops {
		switch {
		case op.Key == queueMetaKey && op.Type == storage.Set:
			m, err := parseQueueMeta(op.Value)
			meta, known = m, err == nil
		case op.Type == storage.Set:
			put = true
			all = append(slices.Clip(all), storage.SetOperation(timesPrefix+op.Key, timeBytes(time.Now())))
		case op.Type == storage.Delete:
			all = append(slices.Clip(all), storage.DeleteOperation(timesPrefix+op.Key))
		}
	}
	if marks, _ := ctx.Value(marksKey{}).(map[string][]byte); put {
		for path, mark := range marks {
			all = append(all, storage.SetOperation(marksPrefix+path, mark))
		}
	}
	if err := c.Client.Batch(ctx, all...); err != nil {
		return fmt.Errorf("write queue of %s: %w", c.signal, err)
	}
	if known {
		c.state.changed(c.signal, meta)
	}
	return nil
}

// Close implements storage.Client.
func (c *queueClient) Close(ctx context.Context) error {
	c.state.closed(c)
	return c.Client.Close(ctx)
}

// oldest is when the oldest queued request was queued, the zero time when there is none.
func (c *queueClient) oldest(ctx context.Context, meta queueMeta) time.Time {
	var oldest time.Time
	for _, index := range append([]uint64{meta.read}, meta.dispatched...) {
		b, err := c.Get(ctx, timesPrefix+queueItemKey(index))
		if err != nil || len(b) != 8 {
			continue
		}
		if at := time.Unix(0, int64(binary.BigEndian.Uint64(b))); oldest.IsZero() || at.Before(oldest) { //nolint:gosec // Written by timeBytes.
			oldest = at
		}
	}
	return oldest
}

func timeBytes(t time.Time) []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(t.UnixNano()))
}

// queueState is what the parts of the agent share about the queue. Safe for concurrent use.
type queueState struct {
	mu      sync.Mutex
	clients map[string]*queueClient // by signal; guarded by mu
	metas   map[string]queueMeta    // guarded by mu
}

func newQueueState() *queueState {
	return &queueState{clients: make(map[string]*queueClient), metas: make(map[string]queueMeta)}
}

func (s *queueState) opened(c *queueClient, meta queueMeta) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clients[c.signal], s.metas[c.signal] = c, meta
}

func (s *queueState) closed(c *queueClient) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.clients[c.signal] == c {
		delete(s.clients, c.signal)
		delete(s.metas, c.signal)
	}
}

func (s *queueState) changed(signal string, meta queueMeta) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.clients[signal]; ok {
		s.metas[signal] = meta
	}
}

// full says whether the queue of a signal is so near its limit that a request may have to wait.
func (s *queueState) full(signal string, limit int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return limit > 0 && s.metas[signal].bytes > limit-fullMargin
}

// mark returns the mark of a file, nil when there is none.
func (s *queueState) mark(ctx context.Context, path string) []byte {
	s.mu.Lock()
	c := s.clients[logsSignal]
	s.mu.Unlock()
	if c == nil {
		return nil
	}
	b, err := c.Get(ctx, marksPrefix+path)
	if err != nil {
		return nil
	}
	return b
}

// forget removes the marks that old names.
func (s *queueState) forget(ctx context.Context, old func(value []byte) bool) error {
	s.mu.Lock()
	c := s.clients[logsSignal]
	s.mu.Unlock()
	if c == nil {
		return nil
	}
	walker, ok := c.Client.(storage.Walker)
	if !ok {
		return nil
	}
	return walker.Walk(ctx, func(key string, value []byte) ([]*storage.Operation, error) {
		if strings.HasPrefix(key, marksPrefix) && old(value) {
			return []*storage.Operation{storage.DeleteOperation(key)}, nil
		}
		return nil, nil
	})
}

// QueueStatus is the queue of one signal, as the status board shows it.
type QueueStatus struct {
	Signal   string `json:"signal"`
	Requests uint64 `json:"requests"`
	Bytes    int64  `json:"bytes"`
	Limit    int64  `json:"limit_bytes"`
	// OldestSeconds is the age of the oldest request.
	OldestSeconds float64 `json:"oldest_seconds"`
}

// status describes the queues. limit is the most bytes one may hold.
func (s *queueState) status(ctx context.Context, limit int64, now time.Time) []QueueStatus {
	s.mu.Lock()
	type queue struct {
		client *queueClient
		meta   queueMeta
	}
	queues := make([]queue, 0, len(s.clients))
	for _, signal := range []string{"logs", "metrics", "traces"} {
		if c := s.clients[signal]; c != nil {
			queues = append(queues, queue{c, s.metas[signal]})
		}
	}
	s.mu.Unlock()
	out := make([]QueueStatus, 0, len(queues))
	for _, q := range queues {
		st := QueueStatus{Signal: q.client.signal, Requests: q.meta.requests(), Limit: limit}
		if st.Requests > 0 {
			st.Bytes = q.meta.bytes
			if at := q.client.oldest(ctx, q.meta); !at.IsZero() {
				st.OldestSeconds = max(0, now.Sub(at).Seconds())
			}
		}
		out = append(out, st)
	}
	return out
}
