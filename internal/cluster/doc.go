// SPDX-License-Identifier: Apache-2.0

// Package cluster knows the processes that share a catalog: who they are, what each says of itself, and what all of them counted and evaluate together. A process that
// does not answer is named in the answer's warnings; nothing is left out without a word.
package cluster
