// SPDX-License-Identifier: Apache-2.0

// Package httpx is the ground that every HTTP API of the product stands on: the table of routes and their mounting, JSON bodies and answers, the error envelope
// and the one table from errors to statuses, and the parameters that many routes share. Prometheus's own envelope stands beside ours in prometheus.go.
package httpx
