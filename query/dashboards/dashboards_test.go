// SPDX-License-Identifier: Apache-2.0

package dashboards_test

import (
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/dashboard"
	"github.com/strata-apm/strata/query/dashboards"
	"github.com/strata-apm/strata/storage"
)

// TestBuiltIn: every dashboard has a name of its own, and its queries are PromQL or figures of a service.
func TestBuiltIn(t *testing.T) {
	all, err := dashboards.BuiltIn()
	require.NoError(t, err)
	p := parser.NewParser(parser.Options{})
	var names []string
	for _, d := range all {
		names = append(names, d.Name)
		require.NoError(t, d.Validate())
		for _, panel := range d.Panels {
			for _, q := range panel.Queries {
				if q.Source == dashboard.SourceService {
					continue
				}
				_, err := p.ParseExpr(strings.NewReplacer("$host", `we\"b`, "$instance", "web-1:80", "$window", "1m").Replace(q.Expr))
				require.NoError(t, err, "%s: %s", d.Name, panel.ID)
			}
		}
	}
	require.IsIncreasing(t, names)
	require.Subset(t, names, []string{"host", "service", "redis", "kafka"})
}

func TestGet(t *testing.T) {
	host, err := dashboards.Get("host")
	require.NoError(t, err)
	require.Equal(t, "cpu", host.Panels[0].ID)
	for _, panel := range host.Panels {
		for _, q := range panel.Queries {
			require.Contains(t, q.Expr, `host_name="$host"`, panel.ID)
		}
	}
	service, err := dashboards.Get("service")
	require.NoError(t, err)
	require.Equal(t, dashboard.Query{Source: "service", Expr: "errors", Service: "$service", Legend: "errors", Color: "error"}, service.Panels[1].Queries[0])
	_, err = dashboards.Get("none")
	require.ErrorIs(t, err, storage.ErrNotFound)
}
