// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/strata-apm/strata/storage"
)

// maxUpSeries bounds strata_agent_up and strata_agent_silent_seconds.
const maxUpSeries = 5000

// metrics says of every agent whether it is heard. Only the process that drives has any. It implements prometheus.Collector.
type metrics struct {
	up, silent, state *prometheus.Desc

	mu     sync.Mutex
	agents []storage.Agent // guarded by mu
	known  time.Duration   // how long this process has looked; guarded by mu
}

func newMetrics() *metrics {
	labels := []string{"agent_id", "agent_host"}
	return &metrics{
		up: prometheus.NewDesc("strata_agent_up", "Whether the agent is heard: 1, or 0 when it missed two heartbeats or stopped. At most 5000 agents, those with 0 first.", labels, nil),
		silent: prometheus.NewDesc("strata_agent_silent_seconds",
			"How long ago the agent was heard.", labels, nil),
		state: prometheus.NewDesc("strata_agents", "Agents by whether they are heard.", []string{"state"}, nil),
	}
}

func (m *metrics) set(all []storage.Agent, known time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.agents, m.known = all, known
}

func (m *metrics) clear() { m.set(nil, 0) }

// Describe implements prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	ch <- m.up
	ch <- m.silent
	ch <- m.state
}

// Collect implements prometheus.Collector. Nothing is said of an agent that was silent already when this process began to look: the
// server may have been away and not the agent. After a minute it is the agent.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	m.mu.Lock()
	all, known := m.agents, m.known
	m.mu.Unlock()
	if known == 0 && len(all) == 0 {
		return
	}
	states := map[State]int{Online: 0, Late: 0, Offline: 0, Stopped: 0}
	n := 0
	// Those that are not heard come first: rules must see them, however many others there are.
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b storage.Agent) int {
		switch down, other := knownDown(a, known), knownDown(b, known); {
		case down == other:
			return 0
		case down:
			return -1
		}
		return 1
	})
	for _, a := range all {
		s := StateOf(a)
		down := knownDown(a, known)
		if !down && (s == Offline || s == Stopped) {
			continue
		}
		states[s]++
		if n++; n > maxUpSeries {
			continue
		}
		up := 1.0
		if down {
			up = 0
		}
		ch <- prometheus.MustNewConstMetric(m.up, prometheus.GaugeValue, up, a.ID, a.HostName)
		ch <- prometheus.MustNewConstMetric(m.silent, prometheus.GaugeValue, a.Silent.Seconds(), a.ID, a.HostName)
	}
	for s, n := range states {
		ch <- prometheus.MustNewConstMetric(m.state, prometheus.GaugeValue, float64(n), string(s))
	}
}
