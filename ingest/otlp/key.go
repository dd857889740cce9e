// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"encoding/binary"
	"hash/fnv"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// resourceKey is a hash of the attributes that does not depend on their order. It only spreads records over partitions.
func resourceKey(attrs pcommon.Map) []byte {
	var sum uint64
	for k, v := range attrs.All() {
		h := fnv.New64a()
		_, _ = h.Write([]byte(k))
		_, _ = h.Write([]byte{0})
		if v.Type() == pcommon.ValueTypeStr {
			_, _ = h.Write([]byte(v.Str()))
		} else {
			_, _ = h.Write([]byte(v.AsString()))
		}
		sum += h.Sum64()
	}
	return binary.BigEndian.AppendUint64(nil, sum)
}
