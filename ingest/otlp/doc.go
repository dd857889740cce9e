// SPDX-License-Identifier: Apache-2.0

// Package otlp receives OTLP over gRPC and HTTP (https://opentelemetry.io/docs/specs/otlp/, version 1.9) and puts what it accepts on
// the bus. A request is answered after the bus holds it durably.
//
// Bodies travel as they came whenever the checks change nothing: they are decoded once to be checked and never encoded again.
package otlp
