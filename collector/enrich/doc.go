// SPDX-License-Identifier: Apache-2.0

// Package enrich is the one processor of every generated pipeline: it puts the identity of the host on what passes, keeps the busiest
// processes only, finds the severity of log records, and holds back what the queue cannot take.
package enrich
