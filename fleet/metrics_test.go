// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage"
)

// collected is what a scrape shows: values by name and, with the labels state or agent_host, by their value.
func collected(t *testing.T, m *metrics) map[string]float64 {
	t.Helper()
	reg := prometheus.NewPedanticRegistry()
	require.NoError(t, reg.Register(m))
	families, err := reg.Gather()
	require.NoError(t, err)
	out := map[string]float64{}
	for _, f := range families {
		for _, x := range f.GetMetric() {
			key := []string{f.GetName()}
			for _, l := range x.GetLabel() {
				if l.GetName() != "agent_id" {
					key = append(key, l.GetValue())
				}
			}
			out[strings.Join(key, " ")] = x.GetGauge().GetValue()
		}
	}
	return out
}

func TestMetrics(t *testing.T) {
	m := newMetrics()
	require.Empty(t, collected(t, m), "a process that does not drive says nothing")
	all := []storage.Agent{
		{ID: "1", HostName: "on"},
		{ID: "2", HostName: "late", Silent: 18 * time.Second},
		{ID: "3", HostName: "off", Silent: 50 * time.Second},
		{ID: "4", HostName: "left", Left: true, Silent: 30 * time.Second},
		{ID: "5", HostName: "long off", Silent: time.Hour},
	}
	m.set(all, 55*time.Second)
	require.Equal(t, map[string]float64{
		"strata_agent_up on": 1, "strata_agent_up late": 1, "strata_agent_up off": 0, "strata_agent_up left": 0,
		"strata_agent_silent_seconds on": 0, "strata_agent_silent_seconds late": 18, "strata_agent_silent_seconds off": 50, "strata_agent_silent_seconds left": 30,
		"strata_agents online": 1, "strata_agents late": 1, "strata_agents offline": 1, "strata_agents stopped": 1,
	}, collected(t, m), "nothing of who was silent before anybody looked")
	m.set(all, grace)
	got := collected(t, m)
	require.InDelta(t, 2, got["strata_agents offline"], 0, "after a minute it is the agent")
	require.InDelta(t, 0, got["strata_agent_up long off"], 0)
	require.Contains(t, got, "strata_agent_up long off")
	m.set(nil, time.Hour)
	require.Equal(t, map[string]float64{"strata_agents online": 0, "strata_agents late": 0, "strata_agents offline": 0, "strata_agents stopped": 0}, collected(t, m))
	m.clear()
	require.Empty(t, collected(t, m))
}

// TestMetricsAreBounded: a large fleet is counted whole and listed up to a bound.
func TestMetricsAreBounded(t *testing.T) {
	all := make([]storage.Agent, maxUpSeries+7)
	for i := range all {
		all[i] = storage.Agent{ID: fmt.Sprint("id ", i), HostName: fmt.Sprint("host ", i)}
	}
	all[len(all)-1].Silent = time.Hour
	m := newMetrics()
	m.set(all, time.Hour)
	got := collected(t, m)
	require.InDelta(t, maxUpSeries+6, got["strata_agents online"], 0)
	require.Contains(t, got, "strata_agent_up "+all[len(all)-1].HostName, "one that is not heard is among them")
	require.Equal(t, all[0].ID, m.agents[0].ID, "what the driver keeps stays as it is")
	require.Len(t, got, 2*maxUpSeries+4)
}

func TestMetricsAreRegisteredOnce(t *testing.T) {
	opts := Options{Store: newMemory(), Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry()}
	_, err := New(opts)
	require.NoError(t, err)
	_, err = New(opts)
	require.ErrorContains(t, err, "register metrics of the agents")
	for _, missing := range []Options{{Logger: opts.Logger}, {Store: opts.Store}} {
		_, err = New(missing)
		require.EqualError(t, err, "fleet: an option is missing")
	}
}

// TestRules: what comes with the program loads, and asks for series that there are.
func TestRules(t *testing.T) {
	groups, errs := rulefmt.Parse([]byte(Rules()), false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	require.Empty(t, errs)
	require.Len(t, groups.Groups, 1)
	rule := groups.Groups[0].Rules[0]
	require.Equal(t, "AgentSilent", rule.Alert)
	descs := make(chan *prometheus.Desc, 3)
	newMetrics().Describe(descs)
	require.Contains(t, (<-descs).String(), `"strata_agent_up"`)
	require.Contains(t, rule.Expr, "strata_agent_up")
}
