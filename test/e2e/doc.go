// SPDX-License-Identifier: Apache-2.0

// Package e2e starts the built binaries on free loopback ports and speaks only public protocols to them: OTLP and remote write in, the
// HTTP APIs and a browser out. The binaries are those of $STRATA_TEST_BIN, or built once here. STRATA_TEST_LONG=1 runs the long forms.
package e2e
