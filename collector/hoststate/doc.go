// SPDX-License-Identifier: Apache-2.0

// Package hoststate is the receiver of what the collector's host metrics leave out and is cheap to read: TCP's states and troubles, the clock's
// distance from the time servers', file systems that became read-only or count errors, the states of systemd's units, and containers by their
// control groups. It opens a few files of /proc and /sys per scrape and no process's descriptors. A source that a kernel or a host does not have is left out
// without an error. Each of the three sources (kernel, systemd, control groups) has a loop of its own, so that one that hangs holds up no other.
package hoststate
