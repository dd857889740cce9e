// SPDX-License-Identifier: Apache-2.0

// Package middleware is the receiver strata_middleware: it finds the middleware of this host (package discover), reads it (package
// reader), names the values (package packs) and says on the status board what it found, what it collects and what is missing.
//
// Invariants:
//   - An instance that was found is reported until it was away for a long time: strata.middleware.up is 0, not absent.
//   - One instance never holds up another for longer than one read may take, and its errors are its own.
//   - An instance has at most its pack's budget of series; what is over it is dropped by whole label sets, counted and told.
//   - Passwords are read from a file that only its owner can read, and are in no log, no metric and no message.
package middleware
