// SPDX-License-Identifier: Apache-2.0

package reader

import (
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	esRoot      = `{"name":"web-1","cluster_name":"shop","version":{"number":"8.15.1","build_flavor":"default"},"tagline":"You Know, for Search"}`
	esNodeStats = `{"nodes":{"n1":{"indices":{"docs":{"count":12,"deleted":1}},"process":{"cpu":{"percent":5}},
		"jvm":{"mem":{"heap_used_in_bytes":100,"pools":{"old":{"used_in_bytes":60}}},"gc":{"collectors":{"young":{"collection_count":7}}}},
		"thread_pool":{"search":{"threads":4,"active":1,"largest":4,"rejected":2},"never":{"threads":0,"active":0,"largest":0,"rejected":0}},
		"fs":{"total":{"free_in_bytes":1000}},"breakers":{"parent":{"tripped":3,"limit_size":"1gb"}}}}}`
	esHealthText  = `{"cluster_name":"shop","status":"yellow","timed_out":false,"number_of_nodes":2,"active_shards":4,"unassigned_shards":1}`
	esIndicesText = `{"indices":{"small":{"primaries":{"docs":{"count":1}},"total":{"store":{"size_in_bytes":10}}},
		"large":{"primaries":{"docs":{"count":9}},"total":{"store":{"size_in_bytes":1000}}}}}`
)

// esServer answers paths, without their parameters, by texts; a text that begins with a number has that status.
type esServer struct {
	mu    sync.Mutex
	texts map[string]string // guarded by mu
}

func esTexts(change map[string]string) *esServer {
	texts := map[string]string{
		"/": esRoot, "/_nodes/_local/stats": esNodeStats, "/_cluster/state/master_node,cluster_manager_node": `{"cluster_name":"shop","master_node":"n1"}`,
		"/_cluster/health": esHealthText, "/_stats/docs,store,indexing,search": esIndicesText,
	}
	maps.Copy(texts, change)
	return &esServer{texts: texts}
}

func (s *esServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	text, ok := s.texts[r.URL.Path]
	s.mu.Unlock()
	code := http.StatusNotFound
	if ok {
		code = http.StatusOK
		if _, err := fmt.Sscanf(text, "%d ", &code); err == nil {
			_, text, _ = strings.Cut(text, " ")
		}
	}
	w.WriteHeader(code)
	_, _ = io.WriteString(w, text)
}

func (s *esServer) target(t *testing.T) Target {
	t.Helper()
	return target("elasticsearch", page(t, s.ServeHTTP), nil)
}

func esNodeValues() map[string]float64 {
	return map[string]float64{
		"indices.docs.count": 12, "indices.docs.deleted": 1, "process.cpu.percent": 5, "jvm.mem.heap_used_in_bytes": 100, "jvm.mem.pools.old.used_in_bytes": 60,
		"jvm.gc.collectors.young.collection_count": 7, "thread_pool.search.threads": 4, "thread_pool.search.active": 1, "thread_pool.search.largest": 4,
		"thread_pool.search.rejected": 2, "thread_pool.search.idle": 3, "fs.total.free_in_bytes": 1000, "breakers.parent.tripped": 3,
		"pool.threads{thread_pool_name=search}": 4, "pool.active{thread_pool_name=search}": 1, "pool.largest{thread_pool_name=search}": 4,
		"pool.rejected{thread_pool_name=search}": 2, "pool.idle{thread_pool_name=search}": 3, "breaker.tripped{name=parent}": 3,
		"memory.used_in_bytes{name=old}": 60, "gc.collection_count{name=young}": 7,
	}
}

func esHealthValues() map[string]float64 {
	return map[string]float64{
		"health{cluster=shop,status=green}": 0, "health{cluster=shop,status=yellow}": 1, "health{cluster=shop,status=red}": 0,
		"health.number_of_nodes{cluster=shop}": 2, "health.active_shards{cluster=shop}": 4, "health.unassigned_shards{cluster=shop}": 1,
	}
}

func esIndexValues() map[string]float64 {
	return map[string]float64{
		"index.primaries.docs.count{index=small}": 1, "index.total.store.size_in_bytes{index=small}": 10,
		"index.primaries.docs.count{index=large}": 9, "index.total.store.size_in_bytes{index=large}": 1000,
	}
}

func merged(all ...map[string]float64) map[string]float64 {
	out := make(map[string]float64)
	for _, m := range all {
		maps.Copy(out, m)
	}
	return out
}

// TestElasticsearchCluster: the elected master tells of the cluster, others of themselves, and a node without one of what it is left with.
func TestElasticsearchCluster(t *testing.T) {
	const state = "/_cluster/state/master_node,cluster_manager_node"
	for name, c := range map[string]struct {
		change map[string]string
		want   map[string]float64
	}{
		"the master":           {nil, merged(esNodeValues(), esHealthValues(), esIndexValues())},
		"OpenSearch's manager": {map[string]string{state: `{"cluster_name":"shop","cluster_manager_node":"n1"}`}, merged(esNodeValues(), esHealthValues(), esIndexValues())},
		"another node":         {map[string]string{state: `{"cluster_name":"shop","master_node":"n2"}`}, esNodeValues()},
		"no master":            {map[string]string{state: `{"cluster_name":"shop"}`}, merged(esNodeValues(), esHealthValues())},
		"an older version":     {map[string]string{"/_stats/docs,store,indexing,search": "400 {}"}, merged(esNodeValues(), esHealthValues())},
	} {
		r := open(t, esTexts(c.change).target(t))
		for range 2 {
			got, err := read(t, r)
			require.NoError(t, err, name)
			require.Equal(t, "8.15.1", got.Version, name)
			require.Empty(t, got.Missing, name)
			require.Equal(t, c.want, values(got), name)
		}
	}
	got, err := read(t, open(t, esTexts(nil).target(t)))
	require.NoError(t, err)
	require.Equal(t, "small", got.Samples[len(got.Samples)-1].Tags["index"], "the largest index comes first")
}

// TestElasticsearchIndices: indices that are too many, or that the user may not see, are told as missing.
func TestElasticsearchIndices(t *testing.T) {
	for name, c := range map[string]struct {
		change map[string]string
		why    string
	}{
		"too many shards": {map[string]string{"/_cluster/health": `{"status":"green","active_shards":2001}`}, "the cluster has 2001 shards"},
		"no privilege":    {map[string]string{"/_stats/docs,store,indexing,search": `403 {}`}, "privilege monitor on the indices"},
	} {
		got, err := read(t, open(t, esTexts(c.change).target(t)))
		require.NoError(t, err, name)
		require.Len(t, got.Missing, 1, name)
		require.Equal(t, esEachIndex, got.Missing[0].What, name)
		require.Contains(t, got.Missing[0].Why, c.why, name)
		for _, s := range got.Samples {
			require.NotContains(t, s.Tags, "index", name)
		}
	}
}

func TestElasticsearchRefuses(t *testing.T) {
	for status, c := range map[string]struct{ why, how string }{
		"401": {"it wants a user and a password", "/_security/user/strata"},
		"403": {"lacks the cluster privilege monitor", "/_security/role/strata"},
		"429": {"the REST API answers 429", "its log says why"},
		"503": {"the REST API answers 503", "its log says why"},
	} {
		for _, path := range []string{"/", "/_nodes/_local/stats", "/_cluster/state/master_node,cluster_manager_node", "/_cluster/health"} {
			_, err := read(t, open(t, esTexts(map[string]string{path: status + " {}"}).target(t)))
			missing := refusal(t, err)
			require.Equal(t, esEverything, missing.What)
			require.Contains(t, missing.Why, c.why, path)
			require.Contains(t, missing.How, c.how, path)
		}
	}
	// A node without a master says its version with 503.
	got, err := read(t, open(t, esTexts(map[string]string{"/": "503 " + esRoot}).target(t)))
	require.NoError(t, err)
	require.Equal(t, "8.15.1", got.Version)
}

func TestElasticsearchBroken(t *testing.T) {
	for _, text := range []string{"", "<html>", esRoot[:30], `{"version":{}}`, `[1]`} {
		_, err := read(t, open(t, esTexts(map[string]string{"/": text}).target(t)))
		unanswered(t, err, "neither Elasticsearch nor OpenSearch")
	}
	for _, path := range []string{"/_nodes/_local/stats", "/_cluster/state/master_node,cluster_manager_node", "/_cluster/health", "/_stats/docs,store,indexing,search"} {
		for _, text := range []string{"", "<html>", `{"nodes":`, `[1]`} {
			_, err := read(t, open(t, esTexts(map[string]string{path: text}).target(t)))
			unanswered(t, err, "read "+path)
		}
	}
	unanswered(t, hurried(t, open(t, target("elasticsearch", serve(t, silent).addr, nil))), "deadline exceeded")
}

// TestElasticsearchTLS: a port that wants TLS and one that does not are told apart from one that does not answer.
func TestElasticsearchTLS(t *testing.T) {
	s := secure(t, esTexts(nil).ServeHTTP)
	got, err := read(t, open(t, target("elasticsearch", s, &Credential{Username: "strata", Password: "x", TLS: true})))
	require.NoError(t, err)
	require.Equal(t, "8.15.1", got.Version)

	closes := serve(t, func(c net.Conn) { _, _ = c.Read(make([]byte, 1)) })
	_, err = read(t, open(t, target("elasticsearch", closes.addr, nil)))
	missing := refusal(t, err)
	require.Equal(t, "the port ends a connection without TLS", missing.Why)
	require.Contains(t, missing.How, "curl -k -u elastic -X PUT 'https://"+closes.addr.String())
	require.Contains(t, missing.How, ", tls: true}")

	_, err = read(t, open(t, target("elasticsearch", page(t, esTexts(nil).ServeHTTP), &Credential{TLS: true})))
	missing = refusal(t, err)
	require.Contains(t, missing.Why, "does not speak TLS")
	require.NotContains(t, missing.How, "https://")
}

// TestElasticsearchAddresses: the transport's port is told from the API's, which is kept, and looked for again after a fault.
func TestElasticsearchAddresses(t *testing.T) {
	s := esTexts(nil)
	to := s.target(t)
	api := to.Address
	to.Address = serve(t, func(c net.Conn) {
		_, _ = c.Read(make([]byte, 1))
		_, _ = io.WriteString(c, "This is not an HTTP port")
	}).addr
	to.Addresses = []netip.AddrPort{to.Address, nobody(t), api}
	r := newElasticsearch(to)
	defer func() { _ = r.Close() }()
	_, err := read(t, r)
	require.NoError(t, err)
	require.Equal(t, api, r.at)
	s.mu.Lock()
	s.texts["/_nodes/_local/stats"] = "<html>"
	s.mu.Unlock()
	_, err = read(t, r)
	require.Error(t, err)
	require.False(t, r.at.IsValid(), "another version may stand there next")
	// When nothing answers, the main address's fault is the one that is told.
	to.Addresses = []netip.AddrPort{to.Address, nobody(t)}
	_, err = read(t, open(t, to))
	unanswered(t, err, to.Address.String(), "malformed HTTP")
}
