// SPDX-License-Identifier: Apache-2.0

package search

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/strata-apm/strata/storage"
)

// Describe writes a filter out in full, for tests and for people who wonder how their query was understood.
func Describe(f storage.Filter) string {
	switch f := f.(type) {
	case nil:
		return "everything"
	case storage.All:
		return joined("all", f.Of)
	case storage.Any:
		return joined("any", f.Of)
	case storage.Not:
		return "not(" + Describe(f.Of) + ")"
	case storage.Contains:
		return "contains " + strconv.Quote(f.Text)
	case storage.Exists:
		return describeField(f.Field) + " exists"
	case storage.Compare:
		if f.Integer != "" {
			return describeField(f.Field) + " " + string(f.Op) + " " + f.Integer
		}
		return describeField(f.Field) + " " + string(f.Op) + " " + strconv.FormatFloat(f.Value, 'g', -1, 64)
	case storage.Equals:
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

func joined(name string, parts []storage.Filter) string {
	out := make([]string, len(parts))
	for i, p := range parts {
		out[i] = Describe(p)
	}
	return name + "(" + strings.Join(out, ", ") + ")"
}

func describeField(f storage.Field) string {
	switch f.Kind {
	case storage.FieldAttribute:
		return "attr[" + f.Name + "]"
	case storage.FieldResource:
		return "resource[" + f.Name + "]"
	case storage.FieldAnywhere:
		return "any[" + f.Name + "]"
	case storage.FieldBuiltin:
		return f.Name
	default:
		return f.Name
	}
}
