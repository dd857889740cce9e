// SPDX-License-Identifier: Apache-2.0

// Package link is the agent's connection to its server: which answers are tried again, what is logged when the server goes away and comes
// back, how far its clock is from this host's, and the question whether data have arrived.
package link
