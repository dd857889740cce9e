// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// collector implements prometheus.Collector.
type collector struct {
	bus                       Inspector
	up, lag, watermark, bytes *prometheus.Desc
	lost                      *prometheus.Desc
}

// NewCollector exposes lag and watermark of each partition, and what b lost where it counts that (Losing).
func NewCollector(b Inspector) prometheus.Collector {
	labels := []string{"topic", "partition"}
	return &collector{
		bus:       b,
		up:        prometheus.NewDesc("strata_bus_up", "1 while the bus takes records.", nil, nil),
		lag:       prometheus.NewDesc("strata_bus_lag_records", "Records that are not stored yet.", labels, nil),
		watermark: prometheus.NewDesc("strata_bus_watermark_seconds", "Unix time up to which everything the bus took has been stored.", labels, nil),
		bytes:     prometheus.NewDesc("strata_bus_bytes", "Bytes held on disk by the embedded log.", labels, nil),
		lost:      prometheus.NewDesc("strata_bus_lost_offsets_total", "Offsets that Kafka deleted before they were stored.", labels[:1], nil),
	}
}

// Describe implements prometheus.Collector.
func (m *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.up, m.lag, m.watermark, m.bytes, m.lost} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (m *collector) Collect(ch chan<- prometheus.Metric) {
	up := 1.0
	if m.bus.Err() != nil {
		up = 0
	}
	ch <- prometheus.MustNewConstMetric(m.up, prometheus.GaugeValue, up)
	if k, ok := m.bus.(Losing); ok {
		for topic, n := range k.Lost() {
			ch <- prometheus.MustNewConstMetric(m.lost, prometheus.CounterValue, float64(n), topic)
		}
	}
	now := time.Now()
	for _, st := range m.bus.Stats() {
		labels := []string{st.Topic, strconv.Itoa(st.Partition)}
		ch <- prometheus.MustNewConstMetric(m.lag, prometheus.GaugeValue, float64(st.Next-st.Committed), labels...)
		if at := st.Watermark(now); !at.IsZero() {
			ch <- prometheus.MustNewConstMetric(m.watermark, prometheus.GaugeValue, float64(at.UnixMilli())/1000, labels...)
		}
		if st.LimitBytes > 0 {
			ch <- prometheus.MustNewConstMetric(m.bytes, prometheus.GaugeValue, float64(st.Bytes), labels...)
		}
	}
}
