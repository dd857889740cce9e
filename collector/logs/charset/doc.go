// SPDX-License-Identifier: Apache-2.0

// Package charset makes UTF-8 of the bytes that programs and devices write. The result is always valid UTF-8, because a record
// that is not cannot be sent: an encoding that was named is used, a byte-order mark is believed, and of the rest UTF-8, UTF-16, UTF-32, GB 18030
// (which GBK and GB 2312 are parts of) and Windows-1252 (Latin-1 and a little more) are told apart.
package charset
