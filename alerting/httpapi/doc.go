// SPDX-License-Identifier: Apache-2.0

// Package httpapi serves the rule groups and notifiers of the catalog below /api/v1. It runs in processes that evaluate rules and in others:
// those that evaluate and deliver see each change within their polling interval.
package httpapi
