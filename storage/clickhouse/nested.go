// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"slices"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/strata-apm/strata/storage/clickhouse/native"
)

const (
	// maxNested bounds how many values of one record are found by path; what is beyond is shown, and found as text alone.
	maxNested = 1000
	// maxNestedDepth bounds the length of such a path.
	maxNestedDepth = 16
)

// nest is a walk over the maps among a record's attributes.
type nest struct {
	to   *native.Map
	left int
}

// appendNested appends a row: what is within the maps of the record's attributes and of its resource's, by path.
func appendNested(c *native.Map, record, resource pcommon.Map) {
	n := nest{to: c, left: maxNested}
	n.walk("attr.", record, 0)
	n.walk("resource.", resource, 0)
	c.EndRow(maxNested - n.left)
}

// walk goes backwards: of a key that is there twice the last one counts, and the first of a column's is found.
func (n *nest) walk(prefix string, m pcommon.Map, depth int) {
	if depth == 0 && !hasMap(m) {
		return
	}
	type entry struct {
		key   string
		value pcommon.Value
	}
	entries := make([]entry, 0, m.Len())
	for k, v := range m.All() {
		entries = append(entries, entry{k, v})
	}
	for _, e := range slices.Backward(entries) {
		isMap := e.value.Type() == pcommon.ValueTypeMap
		if depth > 0 && n.left > 0 {
			n.left--
			if isMap && depth > 1 { // The text of a map within maps would be written once more at each depth.
				n.to.PutText(prefix+e.key, "")
			} else {
				n.to.PutValue(prefix+e.key, e.value)
			}
		}
		if isMap && depth < maxNestedDepth && n.left > 0 {
			n.walk(prefix+e.key+".", e.value.Map(), depth+1)
		}
	}
}

func hasMap(m pcommon.Map) bool {
	for _, v := range m.All() {
		if v.Type() == pcommon.ValueTypeMap {
			return true
		}
	}
	return false
}
