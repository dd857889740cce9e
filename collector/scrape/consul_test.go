// SPDX-License-Identifier: Apache-2.0

package scrape_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeConsul is not Consul: it answers, by the documentation of Consul's HTTP API, the three requests that Prometheus's discovery makes
// (/v1/agent/self, /v1/catalog/services, /v1/health/service/:name), with blocking queries by index and the ACL token. Consul is neither in
// Debian nor in a registry that the build may need, and to compile it takes longer than all other tests. The client is Prometheus's own.
type fakeConsul struct {
	token string

	mu       sync.Mutex
	index    uint64
	changed  chan struct{}                        // closed at each change
	services map[string]map[string]consulInstance // by service, by id
}

type consulInstance struct {
	Port    int
	Tags    []string
	Meta    map[string]string
	Passing bool
}

func newFakeConsul(t *testing.T, token string) (c *fakeConsul, addr string) {
	t.Helper()
	c = &fakeConsul{token: token, index: 1, changed: make(chan struct{}), services: map[string]map[string]consulInstance{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/agent/self", c.query(func(*http.Request) any { return map[string]any{"Config": map[string]any{"Datacenter": "dc1"}} }))
	mux.HandleFunc("GET /v1/catalog/services", c.query(func(*http.Request) any {
		out := map[string][]string{}
		for name, instances := range c.services {
			for _, i := range instances {
				out[name] = append(out[name], i.Tags...)
			}
		}
		return out
	}))
	mux.HandleFunc("GET /v1/health/service/{name}", c.query(func(r *http.Request) any {
		out := []any{}
		for id, i := range c.services[r.PathValue("name")] {
			status := map[bool]string{true: "passing", false: "critical"}[i.Passing]
			out = append(out, map[string]any{
				"Node":    map[string]any{"Node": "node1", "Address": "127.0.0.1", "Datacenter": "dc1", "Meta": map[string]string{"rack": "r1"}},
				"Service": map[string]any{"ID": id, "Service": r.PathValue("name"), "Tags": i.Tags, "Port": i.Port, "Meta": i.Meta},
				"Checks":  []any{map[string]any{"CheckID": "serfHealth", "Status": "passing"}, map[string]any{"CheckID": "service:" + id, "Status": status}},
			})
		}
		return out
	}))
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return c, strings.TrimPrefix(srv.URL, "http://")
}

// query answers when the index is higher than the one in the request, or its time is over.
func (c *fakeConsul) query(answer func(*http.Request) any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Consul-Token") != c.token {
			http.Error(w, "Permission denied", http.StatusForbidden)
			return
		}
		have, _ := strconv.ParseUint(r.URL.Query().Get("index"), 10, 64)
		limit, _ := time.ParseDuration(r.URL.Query().Get("wait"))
		ctx, cancel := context.WithTimeout(r.Context(), limit)
		defer cancel()
		c.mu.Lock()
		for c.index <= have && ctx.Err() == nil {
			changed := c.changed
			c.mu.Unlock()
			select {
			case <-changed:
			case <-ctx.Done():
			}
			c.mu.Lock()
		}
		defer c.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Consul-Index", strconv.FormatUint(c.index, 10))
		_ = json.NewEncoder(w).Encode(answer(r))
	}
}

// set registers an instance, or removes it.
func (c *fakeConsul) set(service, id string, instance *consulInstance) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.services[service] == nil {
		c.services[service] = map[string]consulInstance{}
	}
	if instance != nil {
		c.services[service][id] = *instance
	} else if delete(c.services[service], id); len(c.services[service]) == 0 {
		delete(c.services, service)
	}
	c.index++
	close(c.changed)
	c.changed = make(chan struct{})
}

func TestConsul(t *testing.T) {
	t.Parallel()
	consul, addr := newFakeConsul(t, "secret")
	one, two, other := target(t, local(0), "one"), target(t, local(0), "two"), target(t, local(0), "other")
	consul.set("shop", "shop-1", &consulInstance{Port: one, Tags: []string{"web", "v1"}, Meta: map[string]string{"metrics-path": "/metrics"}, Passing: true})
	consul.set("db", "db-1", &consulInstance{Port: other, Passing: true})

	s, next := newStore(t)
	sd := func(more string) string {
		return `consul_sd_configs: [{server: "` + addr + `", token: secret, refresh_interval: 200ms, ` + more + `}]`
	}
	start(
		t, next,
		job(t, `{job_name: named, `+sd("services: [shop]")+`, relabel_configs: [
			{source_labels: [__meta_consul_tags], regex: ".*,(v[0-9]+),.*", target_label: version}, {source_labels: [__meta_consul_service_id], target_label: id},
			{source_labels: [__meta_consul_metadata_rack], target_label: rack}, {source_labels: [__meta_consul_dc], target_label: dc},
			{source_labels: [__meta_consul_service_metadata_metrics_path], target_label: __metrics_path__}]}`),
		job(t, `{job_name: all, `+sd("allow_stale: false")+`, relabel_configs: [
			{source_labels: [__meta_consul_health], regex: passing, action: keep}, {source_labels: [__meta_consul_service], target_label: service}]}`),
	)
	named := func(id string, port int, program, version string) string {
		return fmt.Sprintf("dc=dc1 id=%s instance=%s program=%s rack=r1 version=%s", id, local(port), program, version)
	}
	all := func(port int, program, service string) string {
		return fmt.Sprintf("instance=%s program=%s service=%s", local(port), program, service)
	}
	s.wait(t, "named", named("shop-1", one, "one", "v1"))
	s.wait(t, "all", all(one, "one", "shop"), all(other, "other", "db"))

	consul.set("shop", "shop-2", &consulInstance{Port: two, Tags: []string{"web", "v2"}, Meta: map[string]string{"metrics-path": "/metrics"}, Passing: true})
	consul.set("db", "db-1", nil)
	s.wait(t, "named", named("shop-1", one, "one", "v1"), named("shop-2", two, "two", "v2"))
	s.wait(t, "all", all(one, "one", "shop"), all(two, "two", "shop"))

	consul.set("shop", "shop-2", nil)
	consul.set("shop", "shop-1", &consulInstance{Port: one, Tags: []string{"web", "v3"}, Meta: map[string]string{"metrics-path": "/metrics"}})
	s.wait(t, "named", named("shop-1", one, "one", "v3"))
	s.wait(t, "all")
}
