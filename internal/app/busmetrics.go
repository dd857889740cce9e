// SPDX-License-Identifier: Apache-2.0

package app

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/strata-apm/strata/ingest/bus"
)

// busMetrics exposes lag and watermark of each partition. It implements prometheus.Collector.
type busMetrics struct {
	bus                       bus.Inspector
	up, lag, watermark, bytes *prometheus.Desc
	lost                      *prometheus.Desc
}

func newBusMetrics(b bus.Inspector) *busMetrics {
	labels := []string{"topic", "partition"}
	return &busMetrics{
		bus:       b,
		up:        prometheus.NewDesc("strata_bus_up", "1 while the bus takes records.", nil, nil),
		lag:       prometheus.NewDesc("strata_bus_lag_records", "Records that are not stored yet.", labels, nil),
		watermark: prometheus.NewDesc("strata_bus_watermark_seconds", "Unix time up to which everything the bus took has been stored.", labels, nil),
		bytes:     prometheus.NewDesc("strata_bus_bytes", "Bytes held on disk by the embedded log.", labels, nil),
		lost:      prometheus.NewDesc("strata_bus_lost_offsets_total", "Offsets that Kafka deleted before they were stored.", labels[:1], nil),
	}
}

// Describe implements prometheus.Collector.
func (m *busMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.up, m.lag, m.watermark, m.bytes, m.lost} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (m *busMetrics) Collect(ch chan<- prometheus.Metric) {
	up := 1.0
	if m.bus.Err() != nil {
		up = 0
	}
	ch <- prometheus.MustNewConstMetric(m.up, prometheus.GaugeValue, up)
	if k, ok := m.bus.(interface{ Lost() map[string]int64 }); ok {
		for topic, n := range k.Lost() {
			ch <- prometheus.MustNewConstMetric(m.lost, prometheus.CounterValue, float64(n), topic)
		}
	}
	now := time.Now()
	for _, st := range m.bus.Stats() {
		labels := []string{st.Topic, strconv.Itoa(st.Partition)}
		ch <- prometheus.MustNewConstMetric(m.lag, prometheus.GaugeValue, float64(st.Next-st.Committed), labels...)
		if at := watermark(st, now); !at.IsZero() {
			ch <- prometheus.MustNewConstMetric(m.watermark, prometheus.GaugeValue, float64(at.UnixMilli())/1000, labels...)
		}
		if st.LimitBytes > 0 {
			ch <- prometheus.MustNewConstMetric(m.bytes, prometheus.GaugeValue, float64(st.Bytes), labels...)
		}
	}
}

// watermark is the time up to which everything the bus took into the partition has been stored, zero when that is not known.
func watermark(st bus.TopicStats, now time.Time) time.Time {
	if st.Next <= st.Committed {
		return now
	}
	return st.Oldest
}
