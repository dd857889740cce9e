// SPDX-License-Identifier: Apache-2.0

// Package notify tells people of what the rules report.
//
// An alert that fires passes three steps: dispatcher.go gathers the alerts of a rule group by their name and decide.go which notifier has to hear
// of them; the decision is stored in the catalog, queue and log in one transaction; delivery.go sends what is queued, one worker for
// each notifier, until the receiver has taken it. Package receiver says what a notifier is.
//
// Invariants:
//   - Once a notification is decided it is on disk before the rule's evaluation goes on. A kill at any moment leads to at least one
//     delivery, and every attempt carries the same id.
//   - A notifier that hangs delays nobody else.
//   - A notifier is served by one copy at a time, and the catalog takes a decision only from who has the rule group's lease by the
//     catalog's clock.
package notify
