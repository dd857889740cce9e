// SPDX-License-Identifier: Apache-2.0

// Package alerting evaluates Prometheus rules and tells people.
//
// Rules come from files (globs in the configuration) and from the API (kept in the catalog); Prometheus' own rule manager runs both, so
// ALERTS and ALERTS_FOR_STATE are written, pending time survives a restart, and every expression means what it means there.
//
// What fires passes three steps: dispatcher.go gathers the alerts of a rule group by their name and decide.go which notifier has to hear
// of them; the decision is stored in the catalog, queue and log in one transaction; delivery.go sends what is queued, one worker for
// each notifier, until the receiver has taken it.
//
// Several copies may share a catalog. internal/lease keeps this copy's share of the leases, one for each rule group and each notifier;
// gate.go lets only the groups be evaluated whose lease it has, and restores their state when it gets one. A
// process that evaluates nothing serves the same API with NewAPI. See docs/design/0009-catalog.md.
//
// Invariants:
//   - Once a notification is decided it is on disk before the rule's evaluation goes on. A kill at any moment leads to at least one
//     delivery, and every attempt carries the same webhook-id.
//   - A rule that cannot be evaluated resolves nothing.
//   - A notifier that hangs delays nobody else.
//   - A rule group is evaluated, and a notifier served, by one copy at a time. A copy counts its leases from before it asked for them,
//     and the catalog takes a decision only from who has the lease by the catalog's clock.
package alerting
