// SPDX-License-Identifier: Apache-2.0

// Package vulture writes known traces, log records and samples through an OTLP endpoint without pause, reads them back through the query
// API and says what is missing, doubled, wrong or late. It watches production from outside, and it judges the fault tests.
//
// Everything that is written carries a run id and a sequence number, and what each number must look like is computed, not remembered. What
// was sent in one window of time is read back together once the window is old enough, again and again until it is complete or the patience
// ends. A request that was refused, or whose answer was lost, may be there once or not at all; one that was acknowledged must be there once.
package vulture
