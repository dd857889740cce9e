// SPDX-License-Identifier: Apache-2.0

// Package rollup counts the records of batches for the rollups that are in force, and makes the blocks that are stored behind them (docs/design/0029-rollups.md).
package rollup
