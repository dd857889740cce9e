// SPDX-License-Identifier: Apache-2.0

// Package storage holds the contracts every store of Strata keeps: what is appended, what is read back and which errors say why not.
//
// The engines live below it (metrics, clickhouse, catalog) and never import query, ingest or alerting. Only internal/app names an
// engine; everything else is written against this package.
package storage
