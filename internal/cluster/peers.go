// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/strata-apm/strata/internal/config"
	"github.com/strata-apm/strata/storage"
)

const (
	peerTimeout  = 3 * time.Second
	maxPeerBytes = 16 << 20
	// GoneAfter is how long a process may say nothing before it counts as gone.
	GoneAfter = 20 * time.Second
)

// Peers are the processes that share a catalog, known from its registry. Safe for concurrent use.
type Peers struct {
	registry storage.InstanceStore
	self     string
	key      string
	client   *http.Client
}

// NewPeers returns the processes of a registry. self is the name of this one, key what the others let it read with; tlsConfig may be nil.
func NewPeers(registry storage.InstanceStore, self, key string, tlsConfig *tls.Config) *Peers {
	transport := &http.Transport{Proxy: nil, TLSClientConfig: tlsConfig, MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute}
	return &Peers{registry: registry, self: self, key: key, client: &http.Client{Transport: transport, Timeout: peerTimeout}}
}

// Peer is a known process.
type Peer struct {
	storage.Instance
	// Live says that it was seen lately, by the registry's clock.
	Live bool
}

// Key is what the other processes let this one read with.
func (p *Peers) Key() string { return p.key }

// List returns every known process, this one too.
func (p *Peers) List(ctx context.Context) ([]Peer, error) {
	all, err := p.registry.ListInstances(ctx, 0)
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	live, err := p.registry.ListInstances(ctx, GoneAfter)
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	seen := map[string]bool{}
	for _, in := range live {
		seen[in.ID] = true
	}
	out := make([]Peer, 0, len(all))
	for _, in := range all {
		out = append(out, Peer{in, seen[in.ID]})
	}
	return out, nil
}

// With returns those of the processes that have one of the roles.
func With(all []Peer, roles ...config.Role) []Peer {
	var out []Peer
	for _, in := range all {
		if slices.ContainsFunc(roles, config.Role(in.Role).Is) {
			out = append(out, in)
		}
	}
	return out
}

// Answer is what one process said. Body is the zero value where Err is set.
type Answer[T any] struct {
	From Peer
	Body T
	Err  error
}

// AskAll gets path from every process at once and returns their answers in the same order. A process that was not seen for long is not waited for.
func AskAll[T any](ctx context.Context, p *Peers, to []Peer, path string, q url.Values) []Answer[T] {
	out := make([]Answer[T], len(to))
	var wg sync.WaitGroup
	for i, in := range to {
		out[i].From = in
		if !in.Live {
			out[i].Err = fmt.Errorf("not seen since %s", in.SeenAt.Format(time.RFC3339))
			continue
		}
		wg.Go(func() { out[i].Err = p.Get(ctx, in.URL+path+"?"+q.Encode(), &out[i].Body) })
	}
	wg.Wait()
	return out
}

// Get reads the JSON answer of one process.
func (p *Peers) Get(ctx context.Context, address string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil) //nolint:gosec // From the registry, which only our own processes write.
	if err != nil {
		return fmt.Errorf("ask %s: %w", address, err)
	}
	req.Header.Set("Authorization", "Bearer "+p.key)
	resp, err := p.client.Do(req) //nolint:gosec // As above.
	if err != nil {
		return fmt.Errorf("ask: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxPeerBytes))
	if err != nil {
		return fmt.Errorf("read the answer of %s: %w", address, err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s: %.200s", address, resp.Status, body)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("read the answer of %s: %w", address, err)
	}
	return nil
}
