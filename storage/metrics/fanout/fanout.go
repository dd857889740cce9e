// SPDX-License-Identifier: Apache-2.0

package fanout

import (
	"context"
	"crypto/tls"
	"errors"
	"sync"
	"time"

	promstorage "github.com/prometheus/prometheus/storage"

	"github.com/strata-apm/strata/storage"
)

// Options are what New needs.
type Options struct {
	Config   Config
	Registry Registry
	// Bearer is the key that writers are asked with; empty sends none.
	Bearer string
	// TenantHeader is the header that tells a writer for whom it is asked: the tenant of the query's context. Empty sends none.
	TenantHeader string
	// TLS is for writers with an https URL; nil is the system's trust.
	TLS *tls.Config

	clock func() time.Time // replaced in tests
}

func (o Options) now() time.Time {
	if o.clock != nil {
		return o.clock()
	}
	return time.Now()
}

// Storage reads from all writers. Safe for concurrent use.
type Storage struct {
	pool   *pool
	strict bool
}

// New returns a Storage. It connects to nothing; Close ends its idle connections.
func New(opts Options) (*Storage, error) {
	if opts.Registry == nil {
		return nil, errors.New("fanout: a registry of writers is needed")
	}
	if err := opts.Config.Validate(); err != nil {
		return nil, err
	}
	return &Storage{pool: &pool{opts: opts, clients: map[Writer]*client{}}}, nil
}

// Strict returns a view of the same storage whose partial answers are errors that wrap ErrPartial and storage.ErrUnavailable, for
// readers that act on what is missing: an alert must not be resolved because a writer is down. A writer whose group is not the only
// one may be missing while another group has answered as a whole.
func (s *Storage) Strict() *Storage { return &Storage{pool: s.pool, strict: true} }

// Close ends the connections that no query uses. It must not be called before the last query has ended.
func (s *Storage) Close() error {
	s.pool.mu.Lock()
	defer s.pool.mu.Unlock()
	for w, c := range s.pool.clients {
		c.close()
		delete(s.pool.clients, w)
	}
	return nil
}

// Querier implements promstorage.Queryable.
func (s *Storage) Querier(mint, maxt int64) (promstorage.Querier, error) {
	return &querier{base: newBase(s, mint, maxt)}, nil
}

// ChunkQuerier implements promstorage.ChunkQueryable.
func (s *Storage) ChunkQuerier(mint, maxt int64) (promstorage.ChunkQuerier, error) {
	return &chunkQuerier{base: newBase(s, mint, maxt)}, nil
}

// pool holds one client per writer for as long as the registry names the writer.
type pool struct {
	opts Options

	mu      sync.Mutex
	clients map[Writer]*client
}

// snapshot returns a client for each writer known now.
func (p *pool) snapshot(ctx context.Context) ([]*client, error) {
	writers, err := p.opts.Registry.Writers(ctx)
	if err != nil {
		if end := ended(ctx); end != nil {
			return nil, end
		}
		return nil, &unavailable{storage.ErrUnavailable, "read the list of writers: " + err.Error()}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	known := make(map[Writer]bool, len(writers))
	out := make([]*client, 0, len(writers))
	for _, w := range writers {
		if known[w] {
			continue
		}
		known[w] = true
		c := p.clients[w]
		if c == nil {
			if c, err = newClient(w, p.opts); err != nil {
				return nil, err
			}
			p.clients[w] = c
		}
		out = append(out, c)
	}
	for w, c := range p.clients {
		if !known[w] {
			c.close()
			delete(p.clients, w)
		}
	}
	return out, nil
}
