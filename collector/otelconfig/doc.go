// SPDX-License-Identifier: Apache-2.0

// Package otelconfig makes the OpenTelemetry Collector's configuration out of the agent's own, and hands it to the collector's loader.
package otelconfig
