// SPDX-License-Identifier: Apache-2.0

// Package signal is the one table of the kinds of telemetry, as OpenTelemetry calls them (https://opentelemetry.io/docs/concepts/signals/): their names in APIs and
// configuration, what of them is counted, where they come in and on which topic of the bus they wait. A further signal is a row here.
package signal

import "slices"

// Signal is the name of a kind of telemetry.
type Signal string

// The signals.
const (
	Metrics Signal = "metrics"
	Traces  Signal = "traces"
	Logs    Signal = "logs"
)

// row is what there is to know of a signal.
type row struct {
	signal Signal
	// noun is what is counted, in the plural.
	noun string
	// topic is that of the bus, path that of OTLP over HTTP, service that of OTLP over gRPC.
	topic, path, service string
}

func table() []row {
	const collector = "opentelemetry.proto.collector."
	return []row{
		{Metrics, "data points", "strata.metrics", "/v1/metrics", collector + "metrics.v1.MetricsService"},
		{Traces, "spans", "strata.traces", "/v1/traces", collector + "trace.v1.TraceService"},
		{Logs, "log records", "strata.logs", "/v1/logs", collector + "logs.v1.LogsService"},
	}
}

// All returns the signals, always in the same order.
func All() []Signal {
	rows := table()
	out := make([]Signal, len(rows))
	for i, r := range rows {
		out[i] = r.signal
	}
	return out
}

// Known says whether the signal is in the table.
func (s Signal) Known() bool { return slices.Contains(All(), s) }

func (s Signal) row() row {
	for _, r := range table() {
		if r.signal == s {
			return r
		}
	}
	return row{signal: s}
}

// Noun is what is counted of the signal, in the plural: "spans".
func (s Signal) Noun() string { return s.row().noun }

// Topic is the topic of the bus that carries the signal's OTLP requests.
func (s Signal) Topic() string { return s.row().topic }

// Path is the path of OTLP over HTTP (https://opentelemetry.io/docs/specs/otlp/#otlphttp-request).
func (s Signal) Path() string { return s.row().path }

// Service is the full name of the service of OTLP over gRPC.
func (s Signal) Service() string { return s.row().service }

// OfTopic returns the signal that a topic carries as OTLP requests, and whether there is one.
func OfTopic(topic string) (Signal, bool) {
	for _, r := range table() {
		if r.topic == topic {
			return r.signal, true
		}
	}
	return "", false
}
