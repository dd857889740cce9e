// SPDX-License-Identifier: Apache-2.0

// Package alerting evaluates Prometheus rules and tells people.
//
// Rules come from files (globs in the configuration) and from the API (kept in the catalog); Prometheus' own rule manager runs both, so
// ALERTS and ALERTS_FOR_STATE are written, pending time survives a restart, and every expression means what it means there.
//
// What fires passes three steps, one file each: dispatcher.go gathers alerts into groups and decides which notifier has to hear of
// which; the decision is stored in the catalog, queue and log in one transaction; delivery.go sends what is queued, one worker for
// each notifier, until the receiver has taken it.
//
// Invariants:
//   - Once a notification is decided it is on disk before the rule's evaluation goes on. A kill at any moment leads to at least one
//     delivery, and every attempt carries the same webhook-id.
//   - A rule that cannot be evaluated resolves nothing.
//   - A notifier that hangs delays nobody else.
package alerting
