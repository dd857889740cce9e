// SPDX-License-Identifier: Apache-2.0

// Package otlp receives OTLP over gRPC and HTTP (https://opentelemetry.io/docs/specs/otlp/, version 1.9) and answers as it demands. Decoded telemetry goes to package
// intake, which checks it and puts it on the bus.
//
// A protobuf body is scanned before anything is decoded (scan.go). A clean body goes on as it came; only the others, and JSON, are decoded here.
package otlp
