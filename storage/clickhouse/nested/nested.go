// SPDX-License-Identifier: Apache-2.0

// Package nested makes what is within maps among attributes findable by path: the column NestedAttributes has such a value at
// "attr.<path>" or "resource.<path>", where the path joins the keys with dots.
package nested

import (
	"slices"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/strata-apm/strata/search/fields"
	"github.com/strata-apm/strata/storage/clickhouse/native"
)

// Column is the column of the tables of logs and traces, a Map(LowCardinality(String), String).
const Column = "NestedAttributes"

const (
	// RecordPrefix precedes the path of an attribute of a record.
	RecordPrefix = "attr."
	// ResourcePrefix precedes the path of an attribute of the record's resource.
	ResourcePrefix = "resource."
)

// nest is a walk over the maps among a record's attributes.
type nest struct {
	to   *native.Map
	left int // values that are still looked at
	// paths are those of the row, nil before the first. Of a path that is there twice the engine finds sometimes one, sometimes the other.
	paths map[string]struct{}
}

// Append appends a row to c: what is within the maps of the record's attributes and of its resource's, by path. A row has a thousand values
// at most.
func Append(c *native.Map, record, resource pcommon.Map) {
	n := nest{to: c, left: fields.MaxPaths}
	n.walk(RecordPrefix, record, 0)
	n.walk(ResourcePrefix, resource, 0)
	c.EndRow(len(n.paths))
}

// walk goes backwards: of a path that is there twice the last one counts, which comes first.
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
			n.put(prefix+e.key, e.value, isMap && depth > 1)
		}
		if isMap && depth < fields.MaxDepth && n.left > 0 {
			n.walk(prefix+e.key+".", e.value.Map(), depth+1)
		}
	}
}

// put puts a value into the row unless its path is there. The text of a map within maps would be written once more at each depth, so it
// is empty.
func (n *nest) put(path string, v pcommon.Value, untold bool) {
	if _, there := n.paths[path]; there {
		return
	}
	if n.paths == nil {
		n.paths = make(map[string]struct{})
	}
	n.paths[path] = struct{}{}
	if untold {
		n.to.PutText(path, "")
	} else {
		n.to.PutValue(path, v)
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
