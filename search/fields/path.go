// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

const (
	// MaxPaths bounds how many values within maps of one record, and then of its resource, are found by path; what is beyond is shown, and
	// found as text alone. They are counted from the last attribute on, a map before what is in it.
	MaxPaths = 1000
	// MaxDepth bounds how many maps a path leads through.
	MaxDepth = 16
)

// Nested is a value within maps.
type Nested struct {
	Value pcommon.Value
	// Untold says that the value is a map which has no text of its own, being within a map within an attribute.
	Untold bool

	before int // values that come first
}

// ByPath returns the value at a path within the attributes of a record, or with resource within those of its resource. The last
// attribute that has the path counts.
func ByPath(record, res pcommon.Map, resource bool, path string) (Nested, bool) {
	before, in := 0, record
	if resource {
		in = res
	}
	n, ok := byPath(in, path, 0)
	if ok && resource {
		before = count(record, 0)
	}
	return n, ok && before+n.before < MaxPaths
}

func byPath(m pcommon.Map, path string, depth int) (out Nested, found bool) {
	for k, v := range m.All() {
		isMap := v.Type() == pcommon.ValueTypeMap
		if depth > 0 && k == path {
			out, found = Nested{Value: v, Untold: isMap && depth > 1}, true
			continue
		}
		if isMap && depth < MaxDepth && len(path) > len(k) && path[len(k)] == '.' && strings.HasPrefix(path, k) {
			if n, ok := byPath(v.Map(), path[len(k)+1:], depth+1); ok {
				if depth > 0 {
					n.before++
				}
				out, found = n, true
				continue
			}
		}
		if found {
			out.before += countOf(v, depth)
		}
	}
	return out, found
}

// count is how many values within maps there are.
func count(m pcommon.Map, depth int) int {
	n := 0
	for _, v := range m.All() {
		n += countOf(v, depth)
	}
	return n
}

func countOf(v pcommon.Value, depth int) int {
	n := 0
	if depth > 0 {
		n = 1
	}
	if v.Type() == pcommon.ValueTypeMap && depth < MaxDepth {
		n += count(v.Map(), depth+1)
	}
	return n
}
