// SPDX-License-Identifier: Apache-2.0

package alerting

import (
	"fmt"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// Reasons why a notification was given up.
const (
	dropGone     = "gone"     // The receiver answered 410.
	dropExpired  = "expired"  // It could not be delivered for a day.
	dropDisabled = "disabled" // Its notifier was switched off.
)

// counts are the pipeline's own metrics.
type counts struct {
	enqueued, delivered, failures *prometheus.CounterVec // by notifier
	dropped                       *prometheus.CounterVec // by notifier and reason
	lost, takeovers               prometheus.Counter
	ruleProblems                  prometheus.Gauge
	leases                        *prometheus.GaugeVec // by kind
}

func newCounts(reg prometheus.Registerer) (*counts, error) {
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "strata", Subsystem: "alerting", Name: name, Help: help}, labels)
	}
	c := &counts{
		enqueued:  vec("notifications_enqueued_total", "Notifications that were decided and stored.", "notifier"),
		delivered: vec("notifications_delivered_total", "Notifications that their receiver has taken.", "notifier"),
		failures:  vec("notification_attempts_failed_total", "Attempts to deliver that failed.", "notifier"),
		dropped:   vec("notifications_dropped_total", "Notifications that were given up.", "notifier", "reason"),
		lost: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: "strata", Subsystem: "alerting", Name: "decisions_failed_total", Help: "Decisions that could not be stored; they are made again within a minute.",
		}),
		takeovers: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: "strata", Subsystem: "alerting", Name: "takeovers_total", Help: "Rule groups taken over from another copy, or after a gap.",
		}),
		leases: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: "strata", Subsystem: "alerting", Name: "leases_held", Help: "Rule groups and notifiers that this copy acts for.",
		}, []string{"kind"}),
		ruleProblems: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: "strata", Subsystem: "alerting", Name: "rule_sources_broken", Help: "Rule files and groups that do not load.",
		}),
	}
	for _, col := range []prometheus.Collector{c.enqueued, c.delivered, c.failures, c.dropped, c.lost, c.takeovers, c.leases, c.ruleProblems} {
		if err := reg.Register(col); err != nil {
			return nil, fmt.Errorf("register metrics of alerting: %w", err)
		}
	}
	return c, nil
}

// held counts the leases by kind.
func (c *counts) held(names []string) {
	for _, prefix := range []string{rulesPrefix, notifierPrefix} {
		n := 0
		for _, name := range names {
			if strings.HasPrefix(name, prefix) {
				n++
			}
		}
		c.leases.WithLabelValues(strings.TrimSuffix(prefix, "/")).Set(float64(n))
	}
}
