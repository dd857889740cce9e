// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// Reasons why a notification was given up.
const (
	dropGone       = "gone"       // The receiver wants nothing any more.
	dropExpired    = "expired"    // It could not be delivered for a day.
	dropDisabled   = "disabled"   // Its notifier was switched off.
	dropUnreadable = "unreadable" // The queued text cannot be read.
)

// counts are the pipeline's own metrics.
type counts struct {
	enqueued, delivered, failures *prometheus.CounterVec // by notifier
	dropped                       *prometheus.CounterVec // by notifier and reason
	lost                          prometheus.Counter
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
	}
	for _, col := range []prometheus.Collector{c.enqueued, c.delivered, c.failures, c.dropped, c.lost} {
		if err := reg.Register(col); err != nil {
			return nil, fmt.Errorf("register metrics of notifications: %w", err)
		}
	}
	return c, nil
}
