// SPDX-License-Identifier: Apache-2.0

package match

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/strata-apm/strata/search"
)

// maxDigits bounds the digits of whole numbers that compare exactly; more are compared as a float64.
const maxDigits = 76

// bound is what a number is compared with.
type bound struct {
	op      search.CompareOp
	value   float64
	integer string // the bound of whole numbers, empty where value is exact enough
}

func newBound(f search.Compare) (bound, error) {
	switch f.Op {
	case search.Less, search.LessOrEqual, search.Greater, search.GreaterOrEqual:
	default:
		return bound{}, fmt.Errorf("%w: unknown comparison %q", search.ErrBadQuery, f.Op)
	}
	if f.Integer != "" && !isInteger(f.Integer) {
		return bound{}, fmt.Errorf("%w: %q is no whole number", search.ErrBadQuery, f.Integer)
	}
	return bound{op: f.Op, value: f.Value, integer: f.Integer}, nil
}

// ordered reports whether the relation holds for a difference: negative for less, 0 for equal.
func (b *bound) ordered(difference int) bool {
	switch b.op {
	case search.Less:
		return difference < 0
	case search.LessOrEqual:
		return difference <= 0
	case search.Greater:
		return difference > 0
	case search.GreaterOrEqual:
		return difference >= 0
	}
	return false
}

// holdsNumber compares a whole number exactly.
func (b *bound) holdsNumber(n uint64) bool {
	switch v := b.value; {
	case v != v:
		return false
	case v < 0:
		return b.ordered(1)
	case v >= 1<<64:
		return b.ordered(-1)
	default:
		whole := uint64(v)
		switch {
		case n < whole || n == whole && v > float64(whole):
			return b.ordered(-1)
		case n > whole:
			return b.ordered(1)
		}
		return b.ordered(0)
	}
}

// holdsText compares the number that a text is; a text that is none fulfils nothing.
func (b *bound) holdsText(s string) bool {
	if b.integer != "" && isInteger(s) {
		return b.ordered(compareIntegers(s, b.integer))
	}
	n, ok := parseNumber(s)
	return ok && b.holdsFloat(n)
}

// holdsFloat compares a fraction; NaN fulfils nothing.
func (b *bound) holdsFloat(n float64) bool {
	if n != n || b.value != b.value {
		return false
	}
	switch {
	case n < b.value:
		return b.ordered(-1)
	case n > b.value:
		return b.ordered(1)
	}
	return b.ordered(0)
}

func isInteger(s string) bool {
	if s != "" && (s[0] == '-' || s[0] == '+') {
		s = s[1:]
	}
	return s != "" && len(s) <= maxDigits && digits(s) == len(s)
}

// digits is how many digits s begins with.
func digits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

// compareIntegers compares two texts for which isInteger holds.
func compareIntegers(a, b string) int {
	a, aNegative := magnitude(a)
	b, bNegative := magnitude(b)
	if aNegative != bNegative {
		if aNegative {
			return -1
		}
		return 1
	}
	difference := len(a) - len(b)
	switch { // Not strings.Compare: a would escape.
	case difference != 0:
	case a < b:
		difference = -1
	case a > b:
		difference = 1
	}
	if aNegative {
		return -difference
	}
	return difference
}

// magnitude is a whole number without sign and zeros before it; zero is empty and not negative.
func magnitude(s string) (digits string, negative bool) {
	negative = s[0] == '-'
	digits = strings.TrimLeft(strings.TrimLeft(s, "+-"), "0")
	return digits, negative && digits != ""
}

// parseNumber reads a number as ClickHouse does: decimal, infinite or none.
func parseNumber(s string) (float64, bool) {
	if !isDecimal(s) && !isInfinite(s) {
		return 0, false
	}
	n, err := strconv.ParseFloat(s, 64)
	return n, err == nil || math.IsInf(n, 0)
}

func isInfinite(s string) bool {
	if s != "" && (s[0] == '-' || s[0] == '+') {
		s = s[1:]
	}
	return strings.EqualFold(s, "inf") || strings.EqualFold(s, "infinity")
}

func isDecimal(s string) bool {
	if s != "" && (s[0] == '-' || s[0] == '+') {
		s = s[1:]
	}
	whole := digits(s)
	s = s[whole:]
	fraction := 0
	if s != "" && s[0] == '.' {
		fraction = digits(s[1:])
		s = s[1+fraction:]
	}
	if whole+fraction == 0 {
		return false
	}
	if s == "" {
		return true
	}
	if s[0] != 'e' && s[0] != 'E' {
		return false
	}
	s = s[1:]
	if s != "" && (s[0] == '-' || s[0] == '+') {
		s = s[1:]
	}
	return s != "" && digits(s) == len(s)
}
