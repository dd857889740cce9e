// SPDX-License-Identifier: Apache-2.0

package middleware_test

import (
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/internal/testutil/middlewaretest"
	"github.com/strata-apm/strata/packs"
)

// testElasticsearch begins as a present-day installation does: HTTPS and a password.
func testElasticsearch(t *testing.T, a *agent) {
	t.Helper()
	s := middlewaretest.Elasticsearch(t)
	e := a.waitState(t, "elasticsearch", s.Addr, 20*time.Second, "failed")
	require.Contains(t, e.Error, "without TLS")
	a.addCredential(t, e.Missing[0].How, secret)
	eventually(t, 20*time.Second, "the user is not known", func() error {
		if e, _ = a.entry("elasticsearch", s.Addr); !strings.Contains(e.Error, "401") {
			return fmt.Errorf("%s: %s", e.State, e.Error)
		}
		return nil
	})
	// The lines as they are told, first without the privilege on the indices: what it would give is told.
	lines := middlewaretest.Lines(e.Missing[0].How, "curl")
	require.Len(t, lines, 2)
	curl(t, strings.Replace(lines[0], `,"indices":[{"names":["*"],"privileges":["monitor"]}]`, "", 1))
	curl(t, lines[1])
	e = a.waitState(t, "elasticsearch", s.Addr, 20*time.Second, "limited")
	require.Contains(t, e.Missing[0].What, "each index")
	curl(t, middlewaretest.Lines(e.Missing[0].How, "curl")[0])
	a.waitState(t, "elasticsearch", s.Addr, 20*time.Second, "collecting")
	use(s)
	a.charted(t, "elasticsearch", s.Port, func() { use(s) })
	e, err := a.entry("elasticsearch", s.Addr)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(e.Version, "6.8."), e.Version)
	p, err := packs.Get("elasticsearch")
	require.NoError(t, err)
	for _, m := range p.Metrics {
		if !strings.Contains(m.Name, "indexing_pressure") { // Younger than this version.
			require.Contains(t, e.Collects, m.Name)
		}
	}
	a.downAfter(t, "elasticsearch", s.Port, s.Kill)
}

// curl runs a line that was told, as the administrator of the test.
func curl(t *testing.T, line string) {
	t.Helper()
	line = strings.NewReplacer("curl ", "curl -sSf ", "-u elastic", "-u "+middlewaretest.AdminUser+":"+middlewaretest.RootPassword, "CHOOSE-A-PASSWORD", secret).Replace(line)
	out, err := exec.CommandContext(t.Context(), "sh", "-c", line).CombinedOutput()
	require.NoError(t, err, "%s: %s", line, out)
}

func use(s *middlewaretest.Server) {
	s.REST(http.MethodPut, "/shop/_doc/1", `{"a":1}`)
	s.REST(http.MethodGet, "/shop/_doc/1", "")
	s.REST(http.MethodGet, "/shop/_search", "")
}

// testOpenSearch is a cluster of two nodes, which is told once.
func testOpenSearch(t *testing.T, a *agent) {
	t.Helper()
	first := middlewaretest.OpenSearch(t, nil)
	second := middlewaretest.OpenSearch(t, first)
	a.waitState(t, "elasticsearch", first.Addr, 20*time.Second, "collecting")
	// It is known by its lowest port and read by the other.
	a.waitState(t, "elasticsearch", second.Transport, 20*time.Second, "collecting")
	use(first)
	a.charted(t, "elasticsearch", first.Port, func() { use(first) })
	e, err := a.entry("elasticsearch", first.Addr)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(e.Version, "2."), e.Version)
	p, err := packs.Get("elasticsearch")
	require.NoError(t, err)
	for _, m := range p.Metrics {
		require.Contains(t, e.Collects, m.Name)
	}
	cluster := fmt.Sprintf("cluster=%q", fmt.Sprintf("strata-%d", first.Port))
	told := func(what, expr string, want float64) {
		eventually(t, 20*time.Second, what, func() error {
			v, err := a.query(t.Context(), expr)
			if err == nil && (len(v) != 1 || v[0].F != want) {
				err = fmt.Errorf("%s is %v", expr, v)
			}
			return err
		})
	}
	// The second says that the cluster is red until it has joined, and no more from then on.
	told("both nodes are there, by one of them", "elasticsearch_cluster_nodes{"+cluster+"}", 2)
	e, err = a.entry("elasticsearch", second.Transport)
	require.NoError(t, err)
	require.Contains(t, e.Collects, "elasticsearch.node.documents")
	for _, name := range e.Collects {
		require.False(t, strings.HasPrefix(name, "elasticsearch.cluster.") || strings.HasPrefix(name, "elasticsearch.index."), name)
	}
	first.REST(http.MethodPut, "/nowhere?wait_for_active_shards=0", `{"settings":{"index.routing.allocation.require.box":"none"}}`)
	told("an index that no node takes is red", fmt.Sprintf("elasticsearch_cluster_health{%s, status=\"red\"}", cluster), 1)
	first.REST(http.MethodDelete, "/nowhere", "")
	told("it is red no more", fmt.Sprintf("elasticsearch_cluster_health{%s, status=\"red\"}", cluster), 0)
	a.downAfter(t, "elasticsearch", first.Port, first.Kill)
	_, port, _ := strings.Cut(second.Transport, ":")
	told("a node without a master says so", fmt.Sprintf(`elasticsearch_cluster_health{instance="%s:%s", status="red"}`, hostName, port), 1)
}
