// SPDX-License-Identifier: Apache-2.0

// Package hoststate is the receiver of what the collector's host metrics leave out and is cheap to read: TCP's states and troubles, the clock's
// distance from the time servers', file systems that became read-only or count errors. It opens a few files of /proc and /sys per scrape and
// no process's descriptors. What a kernel does not have is left out.
package hoststate
