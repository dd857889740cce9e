// SPDX-License-Identifier: Apache-2.0

package reader

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
)

// maxShards bounds the clusters whose indices are read: the elected master asks every node for them.
const maxShards = 2000

// Paths of the REST API. The filter takes what every version has; sections can only be asked for by name where they are known.
const (
	esStats = "/_nodes/_local/stats?filter_path=nodes.*.indices,nodes.*.process,nodes.*.jvm,nodes.*.thread_pool,nodes.*.fs.total," +
		"nodes.*.transport,nodes.*.http.current_open,nodes.*.breakers,nodes.*.ingest.total,nodes.*.indexing_pressure"
	// Local: a node without a master answers too.
	esMaster  = "/_cluster/state/master_node,cluster_manager_node?local=true"
	esHealth  = "/_cluster/health?local=true"
	esIndices = "/_stats/docs,store,indexing,search?filter_path=indices.*.primaries,indices.*.total"
)

const esEachIndex = "documents, size and operations of each index"

// elasticsearch reads Elasticsearch and OpenSearch.
type elasticsearch struct {
	*web
	at      netip.AddrPort // where the REST API answered
	version string
}

func newElasticsearch(t Target) *elasticsearch { return &elasticsearch{web: newWeb(t)} }

// Read implements Reader.
func (e *elasticsearch) Read(ctx context.Context) (Reading, error) {
	if !e.at.IsValid() {
		if err := e.find(ctx); err != nil {
			return Reading{}, err
		}
	}
	r, err := e.read(ctx)
	if err != nil {
		e.at = netip.AddrPort{} // Another version may stand there next.
	}
	return r, err
}

func (e *elasticsearch) read(ctx context.Context) (Reading, error) {
	r := Reading{Version: e.version}
	var stats struct {
		Nodes map[string]map[string]any `json:"nodes"`
	}
	if err := e.must(ctx, esStats, &stats); err != nil {
		return r, err
	}
	self := ""
	for id, node := range stats.Nodes {
		self = id
		esNode(&r, node)
	}
	var state struct {
		Cluster string `json:"cluster_name"`
		Master  string `json:"master_node"`
		Manager string `json:"cluster_manager_node"`
	}
	if err := e.must(ctx, esMaster, &state); err != nil {
		return r, err
	}
	// The elected master tells of the cluster, so that it is told once. A node that knows none tells what it is left with.
	master := cmp.Or(state.Master, state.Manager)
	if master != "" && master != self {
		return r, nil
	}
	shards, err := e.health(ctx, &r, state.Cluster)
	if err != nil || master == "" {
		return r, err
	}
	return r, e.indices(ctx, &r, shards)
}

// health reads the cluster as this node sees it and returns its active shards.
func (e *elasticsearch) health(ctx context.Context, r *Reading, cluster string) (float64, error) {
	var h map[string]any
	if err := e.must(ctx, esHealth, &h); err != nil {
		return 0, err
	}
	for _, status := range []string{"green", "yellow", "red"} {
		r.add("health", truth(h["status"] == status), "cluster", cluster, "status", status)
	}
	flatten(r, "health", h, "cluster", cluster)
	shards, _ := h["active_shards"].(float64)
	return shards, nil
}

// indices reads every index, the largest first, so that the budget keeps those.
func (e *elasticsearch) indices(ctx context.Context, r *Reading, shards float64) error {
	if shards > maxShards {
		r.Missing = append(r.Missing, Missing{
			What: esEachIndex, Why: fmt.Sprintf("the cluster has %.0f shards; indices are read up to %d", shards, maxShards),
			How: "# nothing to add: fewer and larger shards are also what the cluster works best with",
		})
		return nil
	}
	var s struct {
		Indices map[string]map[string]any `json:"indices"`
	}
	status, err := e.ask(ctx, esIndices, &s)
	switch {
	case err != nil:
		return err
	case status == http.StatusForbidden:
		r.Missing = append(r.Missing, Missing{
			What: esEachIndex, Why: "the user lacks the privilege monitor on the indices", How: e.grant(e.at, e.tls()),
		})
	case status == http.StatusOK:
		names := make([]string, 0, len(s.Indices))
		size := make(map[string]float64, len(s.Indices))
		for name, index := range s.Indices {
			names = append(names, name)
			size[name] = at(index, "total", "store", "size_in_bytes")
		}
		slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(size[b], size[a]), cmp.Compare(a, b)) })
		for _, name := range names {
			flatten(r, "index", s.Indices[name], "index", name)
		}
	}
	return nil
}

// esNode adds the numbers of a node. Parts with names of their own become tags.
func esNode(r *Reading, node map[string]any) {
	pools := object(node, "thread_pool")
	for name := range pools {
		if at(pools, name, "largest") == 0 && at(pools, name, "rejected") == 0 {
			delete(pools, name) // Never used.
			continue
		}
		object(pools, name)["idle"] = at(pools, name, "threads") - at(pools, name, "active")
	}
	flatten(r, "", node)
	for _, parts := range []struct {
		of          map[string]any
		prefix, tag string
	}{
		{pools, "pool", "thread_pool_name"},
		{object(node, "breakers"), "breaker", "name"},
		{object(node, "jvm", "mem", "pools"), "memory", "name"},
		{object(node, "jvm", "gc", "collectors"), "gc", "name"},
	} {
		for name := range parts.of {
			flatten(r, parts.prefix, object(parts.of, name), parts.tag, name)
		}
	}
}

// flatten adds every number below an object, named by its path.
func flatten(r *Reading, prefix string, of map[string]any, tags ...string) {
	for key, value := range of {
		if prefix != "" {
			key = prefix + "." + key
		}
		switch v := value.(type) {
		case float64:
			r.add(key, v, tags...)
		case map[string]any:
			flatten(r, key, v, tags...)
		}
	}
}

// object is what stands at a path, nil when there is nothing.
func object(of map[string]any, path ...string) map[string]any {
	for _, key := range path {
		of, _ = of[key].(map[string]any)
	}
	return of
}

// at is the number at a path, 0 when there is none.
func at(of map[string]any, path ...string) float64 {
	v, _ := object(of, path[:len(path)-1]...)[path[len(path)-1]].(float64)
	return v
}

// find looks for the REST API: at the main address first, then at the others, one of which is the transport's.
func (e *elasticsearch) find(ctx context.Context) error {
	var first error
	for _, addr := range e.t.ordered() {
		status, err := e.root(ctx, addr)
		switch {
		case err == nil && e.version != "":
			e.at = addr
			return nil
		case err == nil:
			return e.refused(status)
		case first == nil:
			first = e.access(err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	return first
}

// root asks an address for the version, which a node without a master tells with status 503. An address that speaks something else
// may never answer.
func (e *elasticsearch) root(ctx context.Context, addr netip.AddrPort) (int, error) {
	if len(e.t.Addresses) > 1 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, probeTimeout)
		defer cancel()
	}
	status, body, err := e.get(ctx, e.url(addr, "/"))
	if err != nil {
		return 0, err
	}
	var root struct {
		Version struct {
			Number string `json:"number"`
		} `json:"version"`
	}
	if err := json.Unmarshal(body, &root); status == http.StatusOK && (err != nil || root.Version.Number == "") {
		return 0, fmt.Errorf("read %s: neither Elasticsearch nor OpenSearch", e.url(addr, "/"))
	}
	e.version = root.Version.Number
	return status, nil
}

// must is ask, where every other status than 200 is an error.
func (e *elasticsearch) must(ctx context.Context, path string, into any) error {
	status, err := e.ask(ctx, path, into)
	if err == nil && status != http.StatusOK {
		err = e.refused(status)
	}
	return err
}

func (e *elasticsearch) ask(ctx context.Context, path string, into any) (int, error) {
	status, body, err := e.get(ctx, e.url(e.at, path))
	if err != nil {
		return 0, err
	}
	if status == http.StatusOK {
		if err := json.Unmarshal(body, into); err != nil {
			return 0, fmt.Errorf("read %s: %w", path, err)
		}
	}
	return status, nil
}
