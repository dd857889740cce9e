// SPDX-License-Identifier: Apache-2.0

// Package rollups serves rollups: their definitions, and answers from their states, with what is hidden in other told beside every figure (docs/rollups.md).
package rollups
