// SPDX-License-Identifier: Apache-2.0

// Package discover finds the middleware that runs on this host: which process listens where, and what it is by its name and command
// line. It opens no connection and runs nothing.
//
// A look costs little while nothing changes: the kernel lists listening sockets before all others, and only when that list, or a
// process found before, has changed are processes looked at, and only those whose name is of interest have their descriptors read.
//
// Sockets of other network namespaces (containers that do not share the host's) are not seen.
package discover
