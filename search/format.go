// SPDX-License-Identifier: Apache-2.0

package search

import (
	"fmt"
	"strconv"
	"strings"
)

// Describe writes a filter out in full, for tests and for people who wonder how their query was understood.
func Describe(f Filter) string {
	switch f := f.(type) {
	case nil:
		return "everything"
	case All:
		return joined("all", f.Of)
	case Any:
		return joined("any", f.Of)
	case Not:
		return "not(" + Describe(f.Of) + ")"
	case Contains:
		return "contains " + strconv.Quote(f.Text)
	case Exists:
		return describeField(f.Field) + " exists"
	case Compare:
		if f.Integer != "" {
			return describeField(f.Field) + " " + string(f.Op) + " " + f.Integer
		}
		return describeField(f.Field) + " " + string(f.Op) + " " + strconv.FormatFloat(f.Value, 'g', -1, 64)
	case Equals:
		values := make([]string, len(f.Values))
		for i, p := range f.Values {
			parts := make([]string, len(p))
			for j, s := range p {
				parts[j] = strconv.Quote(s)
			}
			values[i] = strings.Join(parts, "*")
		}
		return describeField(f.Field) + " = " + strings.Join(values, "|")
	default:
		return fmt.Sprintf("%T", f)
	}
}

func joined(name string, parts []Filter) string {
	out := make([]string, len(parts))
	for i, p := range parts {
		out[i] = Describe(p)
	}
	return name + "(" + strings.Join(out, ", ") + ")"
}

func describeField(f Field) string {
	switch f.Kind {
	case FieldAttribute:
		return "attr[" + f.Name + "]"
	case FieldResource:
		return "resource[" + f.Name + "]"
	case FieldAnywhere:
		return "any[" + f.Name + "]"
	case FieldBuiltin:
		return f.Name
	default:
		return f.Name
	}
}
