// SPDX-License-Identifier: Apache-2.0

// Package storagetest holds the conformance suites that every storage engine passes.
//
// An engine's own test calls RunTraces and RunLogs, or RunCatalog, with a function that opens it. The cases for telemetry share one
// store and stay apart by time: each has a day of its own.
package storagetest
