// SPDX-License-Identifier: Apache-2.0

package check

import (
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// AttrTruncated names, on a record, resource, scope, event or link, what of it was cut because it is longer than a limit, each with its length in bytes
// before that: "body=300012 stack=5000".
const AttrTruncated = "strata.truncated"

// maxTruncated bounds the names in AttrTruncated.
const maxTruncated = 8

// truncated gathers what was cut. The zero value is nothing.
type truncated struct {
	names []string
	bytes int
}

// add notes a value that had so many bytes before it was cut; 0 is one that was not.
func (c *truncated) add(name string, before int) {
	if before == 0 {
		return
	}
	if c.bytes += before; len(c.names) < maxTruncated {
		c.names = append(c.names, clip(name, maxTruncatedName)+"="+strconv.Itoa(before))
	}
}

// maxTruncatedName is how many bytes of a name are told.
const maxTruncatedName = 128

// put adds what was cut to what m names already.
func (c *truncated) put(m pcommon.Map) {
	if len(c.names) == 0 {
		return
	}
	text := strings.Join(c.names, " ")
	if v, ok := m.Get(AttrTruncated); ok && v.Type() == pcommon.ValueTypeStr {
		text = v.Str() + " " + text
	}
	m.PutStr(AttrTruncated, clip(text, 2*maxTruncated*maxTruncatedName))
}
