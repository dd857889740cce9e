// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/internal/testutil/middlewaretest"
)

// TestMiddlewareIsFoundAndItsDeathTold: a Redis that nobody configured is charted by the server's own dashboard; a kill is an alert
// within 30 s, without a rule that anybody wrote.
func TestMiddlewareIsFoundAndItsDeathTold(t *testing.T) {
	t.Parallel()
	s := start(t, quiet()...)
	redis := middlewaretest.Redis(t)
	startMember(t, s, "web-1", s.run.HTTP, "host: {enabled: false}")
	instance := fmt.Sprintf("web-1:%d", redis.Port)
	var pack struct {
		Dashboard struct {
			Panels []struct {
				Title   string
				Queries []struct{ Expr string }
			}
		}
	}
	require.NoError(t, s.getJSON("/api/v1/packs/redis", &pack))
	require.NotEmpty(t, pack.Dashboard.Panels)
	eventually(t, 60*time.Second, "every panel has data", func() error {
		for _, p := range pack.Dashboard.Panels {
			n := 0
			for _, q := range p.Queries {
				series, err := s.countSeries(strings.NewReplacer("$instance", instance, "$window", "1m").Replace(q.Expr))
				if err != nil {
					return err
				}
				n += series
			}
			if n == 0 {
				return fmt.Errorf("panel %q is empty", p.Title)
			}
		}
		return nil
	})
	redis.Kill()
	killed := time.Now()
	eventually(t, 30*time.Second, "RedisDown fires", func() error {
		n, err := s.countSeries(fmt.Sprintf("ALERTS{alertname=%q, alertstate=%q, instance=%q}", "RedisDown", "firing", instance))
		if err == nil && n == 0 {
			err = errors.New("no alert")
		}
		return err
	})
	t.Logf("the alert fired %s after the kill", time.Since(killed).Round(100*time.Millisecond))
}

// countSeries returns how many series an instant query gives.
func (s *server) countSeries(expr string) (int, error) {
	var answer struct{ Data struct{ Result []any } }
	err := s.getJSON("/prometheus/api/v1/query?query="+url.QueryEscape(expr), &answer)
	return len(answer.Data.Result), err
}
