// SPDX-License-Identifier: Apache-2.0

// Package rules evaluates Prometheus rules.
//
// They come from files (globs in the configuration), from the API (kept in the catalog) and with the program; Prometheus' own rule manager
// runs them all, so ALERTS and ALERTS_FOR_STATE are written, pending time survives a restart, and every expression means what it means
// there. Their alerts go to Options.Notify.
//
// Several copies may share a catalog. takeover.go lets only those groups be evaluated whose lease this copy has, and restores their state
// when it gets one.
//
// Invariants:
//   - A rule that cannot be evaluated resolves nothing.
//   - A source of rules that does not load stops no other, and keeps the rules it had.
//   - A rule group is evaluated by one copy at a time.
package rules
