// SPDX-License-Identifier: Apache-2.0

package kafka

import "encoding/binary"

// PartitionOf is the partition of a key among partitions many, by the hash of Kafka's Java client (murmur2), so that other programs
// put the same key into the same partition. It is 0 when partitions is not positive.
func PartitionOf(key []byte, partitions int) int {
	if partitions <= 0 {
		return 0
	}
	return int(murmur2(key)&0x7fffffff) % partitions
}

// murmur2 is the 32-bit hash of org.apache.kafka.common.utils.Utils.
func murmur2(b []byte) uint32 {
	const seed, m = 0x9747b28c, 0x5bd1e995
	h := uint32(seed) ^ uint32(len(b)) //nolint:gosec // The hash is defined on the low 32 bits.
	for ; len(b) >= 4; b = b[4:] {
		k := binary.LittleEndian.Uint32(b) * m
		k = (k ^ k>>24) * m
		h = h*m ^ k
	}
	switch len(b) {
	case 3:
		h ^= uint32(b[2]) << 16
		fallthrough
	case 2:
		h ^= uint32(b[1]) << 8
		fallthrough
	case 1:
		h = (h ^ uint32(b[0])) * m
	}
	h = (h ^ h>>13) * m
	return h ^ h>>15
}
