// SPDX-License-Identifier: Apache-2.0

// Package queue is the queue on disk that keeps what the server has not taken yet: the store below the exporter's persistent queue, the
// marks of files that are committed with their records, and how much is queued.
package queue
