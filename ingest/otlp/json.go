// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"fmt"
	"unicode/utf8"

	"github.com/strata-apm/strata/ingest/intake"
)

// precheckJSON refuses JSON nested deeper than any OTLP message can be.
func precheckJSON(body []byte) error {
	const limit = 3*maxDepth + 32 // An attribute value takes three levels of JSON.
	depth, inString := 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			if depth++; depth > limit {
				return fmt.Errorf("%w: JSON is nested more than %d deep", intake.ErrMalformed, limit)
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	if !utf8.Valid(body) {
		return fmt.Errorf("%w: JSON is not UTF-8", intake.ErrMalformed)
	}
	return nil
}
