// SPDX-License-Identifier: Apache-2.0

// Package storagetest holds the conformance suites that every storage engine passes.
package storagetest
