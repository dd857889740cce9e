// SPDX-License-Identifier: Apache-2.0

// Package reader reads middleware: one file per kind, each with the protocol's cheapest question that answers everything, over a
// connection that is kept. A reader changes nothing in what it reads and runs no command.
//
// A reading tells each part that is missing with the exact lines that would give it; errors never hold a password.
package reader
