// SPDX-License-Identifier: Apache-2.0

// Package clickhousetest is for the tests of the parts of storage/clickhouse: a connection to a fresh engine with its tables, made-up data,
// and a meter for benchmarks.
package clickhousetest
