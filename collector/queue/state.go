// SPDX-License-Identifier: Apache-2.0

package queue

import (
	"context"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// State is what the parts of the agent share about the queue. Safe for concurrent use.
type State struct {
	mu      sync.Mutex
	clients map[string]*signalClient // by signal; guarded by mu
	metas   map[string]metadata      // guarded by mu
}

// NewState returns the state of an agent whose queue is not open yet.
func NewState() *State {
	return &State{clients: make(map[string]*signalClient), metas: make(map[string]metadata)}
}

func (s *State) opened(c *signalClient, meta metadata) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clients[c.signal], s.metas[c.signal] = c, meta
}

func (s *State) closed(c *signalClient) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.clients[c.signal] == c {
		delete(s.clients, c.signal)
		delete(s.metas, c.signal)
	}
}

func (s *State) changed(signal string, meta metadata) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.clients[signal]; ok {
		s.metas[signal] = meta
	}
}

// Full says whether the queue of a signal is so near its limit that a request may have to wait. A limit of 0 is none.
func (s *State) Full(signal string, limit int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return limit > 0 && s.metas[signal].bytes > limit-fullMargin
}

// mark returns the mark of a file, nil when there is none.
func (s *State) mark(ctx context.Context, path string) []byte {
	s.mu.Lock()
	c := s.clients[LogsSignal]
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
func (s *State) forget(ctx context.Context, old func(value []byte) bool) error {
	s.mu.Lock()
	c := s.clients[LogsSignal]
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

// Status is the queue of one signal, as the status board shows it.
type Status struct {
	Signal   string `json:"signal"`
	Requests uint64 `json:"requests"`
	Bytes    int64  `json:"bytes"`
	Limit    int64  `json:"limit_bytes"`
	// OldestSeconds is the age of the oldest request.
	OldestSeconds float64 `json:"oldest_seconds"`
}

// Status describes the queues that are open. limit is the most bytes that each may hold.
func (s *State) Status(ctx context.Context, limit int64, now time.Time) []Status {
	s.mu.Lock()
	type queue struct {
		client *signalClient
		meta   metadata
	}
	queues := make([]queue, 0, len(s.clients))
	for _, signal := range []string{"logs", "metrics", "traces"} {
		if c := s.clients[signal]; c != nil {
			queues = append(queues, queue{c, s.metas[signal]})
		}
	}
	s.mu.Unlock()
	out := make([]Status, 0, len(queues))
	for _, q := range queues {
		st := Status{Signal: q.client.signal, Requests: q.meta.requests(), Limit: limit}
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
