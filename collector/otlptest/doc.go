// SPDX-License-Identifier: Apache-2.0

// Package otlptest is an OTLP server for tests: it keeps what it receives and can be told to refuse it.
package otlptest
