// SPDX-License-Identifier: Apache-2.0

package search

import (
	"encoding/hex"
	"strings"
)

// Lengths of ids in hexadecimal digits.
const (
	TraceIDDigits = 32
	SpanIDDigits  = 16
)

// NormalID writes an id as the stores have it: lower case, without dashes, filled with zeros from the left to the given number of
// digits, as senders and tools do that keep 64 bits or write ids as numbers. It reports false for what is no such id.
func NormalID(id string, digits int) (string, bool) {
	s := strings.ToLower(strings.ReplaceAll(strings.TrimSpace(id), "-", ""))
	s = strings.TrimPrefix(s, "0x")
	if s == "" || len(s) > digits {
		return id, false
	}
	s = strings.Repeat("0", digits-len(s)) + s
	if _, err := hex.DecodeString(s); err != nil {
		return id, false
	}
	return s, true
}
