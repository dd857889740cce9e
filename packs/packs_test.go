// SPDX-License-Identifier: Apache-2.0

package packs_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/packs"
)

// TestPacks: every pack is whole, its queries and rules are PromQL, and it has a rule that tells of a kill within 30 s.
func TestPacks(t *testing.T) {
	all, err := packs.All()
	require.NoError(t, err)
	require.NotEmpty(t, all)
	p := parser.NewParser(parser.Options{})
	for _, pack := range all {
		t.Run(pack.Name, func(t *testing.T) {
			require.NoError(t, pack.Validate())
			require.Equal(t, pack.Title, pack.Dashboard.Title)
			for _, panel := range pack.Dashboard.Panels {
				for _, q := range panel.Queries {
					require.Contains(t, q.Expr, `instance="$instance"`)
					_, err := p.ParseExpr(strings.NewReplacer("$instance", "web-1:80", "$window", "1m").Replace(q.Expr))
					require.NoError(t, err, panel.Title)
				}
			}
			for _, f := range pack.Dashboard.Figures {
				_, err := p.ParseExpr(f.Expr)
				require.NoError(t, err, f.Title)
			}
			groups, errs := rulefmt.Parse([]byte(pack.Rules), false, model.UTF8Validation, p, slog.New(slog.DiscardHandler))
			require.Empty(t, errs)
			require.Len(t, groups.Groups, 1)
			down := groups.Groups[0].Rules[0]
			require.True(t, strings.HasSuffix(down.Alert, "Down"))
			require.Equal(t, `strata_middleware_up{middleware="`+pack.Name+`"} == 0`, down.Expr)
			require.LessOrEqual(t, down.For+2*groups.Groups[0].Interval, model.Duration(20e9))
		})
	}
	_, err = packs.Get("none")
	require.ErrorIs(t, err, packs.ErrNotFound)
}
