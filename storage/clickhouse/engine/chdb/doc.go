// SPDX-License-Identifier: Apache-2.0

// Package chdb calls libchdb, ClickHouse as a shared library, without cgo.
//
// It is a thin, typed layer over the C functions and nothing more: it knows no SQL, no HTTP and no schema. One process can open one
// data path; several connections to that path may be open at once, and each connection runs one statement at a time. The library
// is not unloaded before the process ends, and a fault inside it ends the process: only the engine's child process loads it.
package chdb
