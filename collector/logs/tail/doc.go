// SPDX-License-Identifier: Apache-2.0

// Package tail follows files that others write, rotate, truncate and remove, and hands over their records.
//
// A file is known by its device and inode, not by its name or its beginning: files that begin alike are two, and a file that was renamed is
// read on. Its open handle is read to its end, for some time after the name has gone. That it was truncated is known by its size and by the
// bytes before the place that was read to, so that one which grows past that place at once is noticed too. A copy of a followed file
// under a rotation's name, compressed or not, is read from where the original had been read to.
//
// A record that is not whole yet stays unread in its file, so that a kill cannot lose it; it is kept in memory besides for the case that the
// file is truncated. The place that was read to moves only when the records were handed over.
package tail
