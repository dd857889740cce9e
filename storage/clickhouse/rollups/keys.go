// SPDX-License-Identifier: Apache-2.0

package rollups

import "math"

// sketchKey is the key of a bucket of an input's sketch. The input is in the lowest byte, so that keys of few bits remain for every number of inputs;
// those of one input rise with the index.
func sketchKey(input int, index int32) int64 { return int64(index)<<8 | int64(input) }

// ofSketchKey takes a key apart.
func ofSketchKey(key int64) (input int, index int32) { return int(key & 0xff), int32(key >> 8) } //nolint:gosec // What sketchKey put there.

// registerKey is the key of a register of an input, made like sketchKey.
func registerKey(input int, index uint16) uint32 { return uint32(index)<<8 | uint32(input) } //nolint:gosec // Below maxInputs.

// ofRegisterKey takes a key apart.
func ofRegisterKey(key uint32) (input int, index uint16) { return int(key & 0xff), uint16(key >> 8) } //nolint:gosec // What registerKey put there.

// A last value is stored as one number of 128 bits, of which the greater one counts: the time in the upper half and the value in the lower
// one, each so that their order is that of unsigned integers.

// ordered maps signed integers to unsigned ones in the same order.
func ordered(v int64) uint64 { return uint64(v) ^ 1<<63 } //nolint:gosec // Its bits.

// ofOrdered is the inverse of ordered.
func ofOrdered(v uint64) int64 { return int64(v ^ 1<<63) } //nolint:gosec // Its bits.

// orderedFloat maps floats to integers in the same order: positive ones get the sign bit, of negative ones all bits are turned over.
func orderedFloat(v float64) uint64 {
	bits := math.Float64bits(v)
	if bits>>63 == 0 {
		return bits | 1<<63
	}
	return ^bits
}

// ofOrderedFloat is the inverse of orderedFloat.
func ofOrderedFloat(v uint64) float64 {
	if v>>63 == 1 {
		return math.Float64frombits(v &^ (1 << 63))
	}
	return math.Float64frombits(^v)
}
