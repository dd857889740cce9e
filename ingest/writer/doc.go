// SPDX-License-Identifier: Apache-2.0

// Package writer moves records from the bus into the stores.
//
// Spans and log records are stored exactly once: a batch is a contiguous range of offsets whose end is committed beside the position
// before the insert, so that after a crash the same range is cut again and the store recognises its id. Samples are idempotent: the
// position moves only past what the tsdb has fsynced, and a replay writes what is there already.
package writer
