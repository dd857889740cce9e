// SPDX-License-Identifier: Apache-2.0

// Package listen opens the sockets of a process by a table of rows, bounds their connections, serves, announces and closes them. A row has whatever network it needs; nothing
// here knows what is served.
package listen
