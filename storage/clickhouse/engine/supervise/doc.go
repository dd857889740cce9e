// SPDX-License-Identifier: Apache-2.0

// Package supervise runs the engine as a child process: it starts it, restarts it when it dies, dials its socket and says how it is.
//
// The child's standard input is a pipe whose other end the parent holds: when the parent ends, however it ends, the child does too.
package supervise
