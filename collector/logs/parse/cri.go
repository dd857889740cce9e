// SPDX-License-Identifier: Apache-2.0

package parse

import (
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/strata-apm/strata/collector/logs/cri"
	"github.com/strata-apm/strata/collector/logs/when"
)

// container takes the frame of a container's runtime off, and what is in it apart.
func (p *Parser) container(text string, lr plog.LogRecord) bool {
	if !cri.May(text) {
		return false
	}
	var b strings.Builder
	var first cri.Line
	newline := false
	for line := range strings.SplitSeq(text, "\n") {
		c, ok := cri.Parse([]byte(strings.TrimRight(line, "\r")))
		if !ok {
			return false
		}
		if first.When == nil {
			first = c
		}
		if newline {
			b.WriteByte('\n')
		}
		b.Write(c.Text)
		newline = !c.Part
	}
	if first.When == nil {
		return false
	}
	at, err := time.Parse(time.RFC3339Nano, string(first.When))
	if err != nil {
		return false
	}
	body := b.String()
	if !p.parsePlain(body, lr) || lr.Body().Type() == pcommon.ValueTypeEmpty {
		lr.Body().SetStr(body)
	}
	if lr.Timestamp() == 0 {
		when.SetTime(lr, at)
	}
	lr.Attributes().PutStr(cri.AttrStream, string(first.Stream))
	return true
}
