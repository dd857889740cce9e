// SPDX-License-Identifier: Apache-2.0

// Package alerting evaluates Prometheus rules and tells people.
//
// Package rules evaluates, package notify decides who has to hear of what fires and delivers it, package receiver holds the types of
// notifiers, and package httpapi serves rules and notifiers to people. This package runs them together.
//
// Several copies may share a catalog. internal/lease keeps this copy's share of the leases, one for each rule group and each notifier: a
// group is evaluated, and a notifier served, by one copy at a time. A copy counts its leases from before it asked for them, and the
// catalog takes a decision only from who has the lease by the catalog's clock. A process that evaluates nothing serves the API by
// httpapi.New. See docs/design/0009-catalog.md.
package alerting
