// SPDX-License-Identifier: Apache-2.0

// Package pgtest runs a real PostgreSQL for tests: a cluster of its own in a temporary directory, on loopback and a unix socket, with
// password authentication and a locale whose order is not that of bytes.
//
// It uses the programs of Debian's package postgresql, which `make test-deps` installs, and nothing of a cluster that the package may
// have started. PostgreSQL refuses to run as root, so there it runs as the user postgres or nobody. A machine without PostgreSQL fails
// the test: what is not run is not known to work.
package pgtest
