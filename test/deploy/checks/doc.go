// SPDX-License-Identifier: Apache-2.0

// Package checks holds the checks of deploy/ that need the libraries of Helm, Compose and BuildKit. It is a module of its own, so that the
// product does not depend on them; the tests of test/deploy run its tests.
package checks
