// SPDX-License-Identifier: Apache-2.0

package app

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
)

// peers are the other processes, known from the registry.
type peers struct {
	registry storage.InstanceStore
	self     string
	key      string
	client   *http.Client
}

func newPeers(registry storage.InstanceStore, self, key string, tlsConfig *tls.Config) *peers {
	transport := &http.Transport{Proxy: nil, TLSClientConfig: tlsConfig, MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute}
	return &peers{registry: registry, self: self, key: key, client: &http.Client{Transport: transport, Timeout: peerTimeout}}
}

// peer is a known process.
type peer struct {
	storage.Instance
	// live says that it was seen lately, by the registry's clock.
	live bool
}

// list returns every known process, this one too.
func (p *peers) list(ctx context.Context) ([]peer, error) {
	all, err := p.registry.ListInstances(ctx, 0)
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	live, err := p.registry.ListInstances(ctx, goneAfter)
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	seen := map[string]bool{}
	for _, in := range live {
		seen[in.ID] = true
	}
	out := make([]peer, 0, len(all))
	for _, in := range all {
		out = append(out, peer{in, seen[in.ID]})
	}
	return out, nil
}

// with returns those of the processes that have one of the roles.
func with(all []peer, roles ...config.Role) []peer {
	var out []peer
	for _, in := range all {
		if slices.ContainsFunc(roles, config.Role(in.Role).Is) {
			out = append(out, in)
		}
	}
	return out
}

// answer is what one process said.
type answer[T any] struct {
	from peer
	body T
	err  error
}

// askAll gets path from every process at once. A process that was not seen for long is not waited for.
func askAll[T any](ctx context.Context, p *peers, to []peer, path string, q url.Values) []answer[T] {
	out := make([]answer[T], len(to))
	var wg sync.WaitGroup
	for i, in := range to {
		out[i].from = in
		if !in.live {
			out[i].err = fmt.Errorf("not seen since %s", in.SeenAt.Format(time.RFC3339))
			continue
		}
		wg.Go(func() { out[i].err = p.get(ctx, in.URL+path+"?"+q.Encode(), &out[i].body) })
	}
	wg.Wait()
	return out
}

func (p *peers) get(ctx context.Context, address string, into any) error {
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
