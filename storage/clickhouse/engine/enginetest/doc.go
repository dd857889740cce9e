// SPDX-License-Identifier: Apache-2.0

// Package enginetest starts the embedded engine in tests.
//
// The test binary itself is the child process: a package that uses Start calls Main in its TestMain. Tests need the library; when it
// is missing they fail and name the command that fetches it.
package enginetest
