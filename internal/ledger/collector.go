// SPDX-License-Identifier: Apache-2.0

package ledger

import "github.com/prometheus/client_golang/prometheus"

// collector implements prometheus.Collector.
type collector struct {
	ledger *Ledger
	items  *prometheus.Desc
}

// NewCollector exposes the ledger's totals.
func NewCollector(l *Ledger) prometheus.Collector {
	return &collector{ledger: l, items: prometheus.NewDesc("strata_ledger_items_total",
		"Data points, spans and log records by what became of them; rejected ones the store did not take after they were accepted.",
		[]string{"signal", "stage", "reason"}, nil)}
}

// Describe implements prometheus.Collector.
func (m *collector) Describe(ch chan<- *prometheus.Desc) { ch <- m.items }

// Collect implements prometheus.Collector.
func (m *collector) Collect(ch chan<- prometheus.Metric) {
	for signal, c := range m.ledger.Totals() {
		emit := func(stage, reason string, n int64) {
			ch <- prometheus.MustNewConstMetric(m.items, prometheus.CounterValue, float64(n), string(signal), stage, reason)
		}
		emit("received", "", c.Received)
		emit("accepted", "", c.Accepted)
		emit("stored", "", c.Stored)
		emit("resent", "", c.Resent)
		for reason, n := range c.Refused {
			emit("refused", reason, n)
		}
		for reason, n := range c.Rejected {
			emit("rejected", reason, n)
		}
	}
}
