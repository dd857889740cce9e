// SPDX-License-Identifier: Apache-2.0

// Package logs follows log files and makes records of their lines: lines of a stack trace are joined, secrets are masked, well-known
// formats are taken apart, and a source that writes too much is read more slowly.
//
// Finding files, rotation, truncation and checkpoints are the collector's file consumer. What is ours is where a record ends and what
// becomes of it. Nothing is held in memory between two calls: a record that is not whole yet stays unread in its file, so that a kill
// cannot lose it.
package logs
