// SPDX-License-Identifier: Apache-2.0

// Package demo is a shop that does not exist: six services on three hosts whose traces, logs and metrics are made up but correlated,
// and sent by the real OpenTelemetry SDK over OTLP.
//
// Time inside a trace is simulated: a request is computed in microseconds and its spans carry the times they would have had. So any
// rate can be produced on a small machine, and a seed makes a run repeatable. The summary counts what the server acknowledged, to be
// compared with what it stored.
package demo
