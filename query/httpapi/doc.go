// SPDX-License-Identifier: Apache-2.0

// Package httpapi serves what pages read about services, traces, logs and hosts, below /api/v1, as docs/reference/api.md describes it.
//
// Handlers hold interfaces only; they translate between HTTP and storage and decide nothing about data. Errors become answers in one
// table (errors.go). At most a fixed number of queries run at once, since each may take much of the machine. The package also holds
// the OpenAPI document of the whole API, including the routes that other packages mount beside these.
package httpapi
