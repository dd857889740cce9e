// SPDX-License-Identifier: Apache-2.0

// Package remotewrite receives Prometheus remote write 1.0 and 2.0.
//
// Prometheus's own handler decodes and validates; what it would append is collected and put on the bus as one remote write 2.0 request.
// That form is lossless where OTLP is not (float and custom-bucket histograms, label sets as they are), so it has a topic of its own.
package remotewrite
