// SPDX-License-Identifier: Apache-2.0

// Package wire reads requests of OTLP for log records and spans as they lie on the wire, in protobuf, without decoding them and without
// allocating.
//
// Check takes exactly the bodies that pdata's ProtoUnmarshaler takes, and Fields reads them as it does: the last of a scalar counts, messages
// that are there twice are one, of a value the alternative that was set last. It follows that decoder to the letter rather than protowire,
// which refuses numbers past 64 bits and reads groups, so that a body never has one meaning here and another in the store.
package wire
