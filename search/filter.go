// SPDX-License-Identifier: Apache-2.0

package search

import "strings"

// Filter is a condition on a span or log record: one of All, Any, Not, Contains, Equals, Exists, Compare. A nil Filter holds for
// every record. Parse makes it from text; an engine compiles it to its own language, with every value bound, and search/match to what decides on records.
type Filter interface{ isFilter() }

// All holds when every part does.
type All struct{ Of []Filter }

// Any holds when one part does.
type Any struct{ Of []Filter }

// Not holds when Of does not.
type Not struct{ Of Filter }

// Contains holds when the log's body, or the span's name, contains the text, ignoring case in every script. In a body, text that
// begins or ends with a letter or digit begins or ends at a word's edge. Where one script meets another is an edge; texts of scripts
// that write without spaces (Han, kana, Hangul, Thai …) are found everywhere.
type Contains struct{ Text string }

// Equals holds when the field matches one of the patterns. A field that is absent equals the empty string.
type Equals struct {
	Field  Field
	Values []Pattern
	// Fold ignores case in patterns with wildcards, as Contains does.
	Fold bool
}

// Exists holds when the attribute is there, also an empty one, or the builtin field is not empty.
type Exists struct{ Field Field }

// Compare holds when the field is a number for which Op holds. Durations are in nanoseconds, levels are severity numbers.
type Compare struct {
	Field Field
	Op    CompareOp
	Value float64
	// Integer is the bound for values that are whole numbers, in decimal digits, where Value may be too coarse for them (beyond 2^53).
	// It is such that a whole number compares with it as with the value that was meant. Empty: Value is exact enough.
	Integer string
}

func (All) isFilter()      {}
func (Any) isFilter()      {}
func (Not) isFilter()      {}
func (Contains) isFilter() {}
func (Equals) isFilter()   {}
func (Exists) isFilter()   {}
func (Compare) isFilter()  {}

// CompareOp is an order relation.
type CompareOp string

// The order relations.
const (
	Less           CompareOp = "<"
	LessOrEqual    CompareOp = "<="
	Greater        CompareOp = ">"
	GreaterOrEqual CompareOp = ">="
)

// Pattern is a text with wildcards between its parts: one part is an exact text, "a*b" is {"a", "b"}, "a*" is {"a", ""}.
type Pattern []string

// Match reports whether the pattern fits s. A pattern without parts fits nothing.
func (p Pattern) Match(s string) bool {
	switch len(p) {
	case 0:
		return false
	case 1:
		return p[0] == s
	}
	if !strings.HasPrefix(s, p[0]) {
		return false
	}
	s = s[len(p[0]):]
	for _, part := range p[1 : len(p)-1] {
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s = s[i+len(part):]
	}
	return strings.HasSuffix(s, p[len(p)-1])
}

// MatchLevel reports whether the pattern fits the name of a level, in whatever case where it has no wildcard.
func (p Pattern) MatchLevel(name string) bool {
	if len(p) == 1 {
		return strings.EqualFold(p[0], name) //nolint:gosec // There is one.
	}
	return p.Match(name)
}

// FieldKind says where a field's value is.
type FieldKind int

const (
	// FieldBuiltin is one of the names below.
	FieldBuiltin FieldKind = iota
	// FieldAttribute is an attribute of the record itself.
	FieldAttribute
	// FieldResource is an attribute of the record's resource.
	FieldResource
	// FieldAnywhere is an attribute of the record or, when it has none, of its resource.
	FieldAnywhere
)

// Field names what a condition looks at.
type Field struct {
	Kind FieldKind
	// Name is a builtin's name or an attribute's key.
	Name string
}

// Builtin fields. Not every signal has every one; Parse checks that.
const (
	FieldService     = "service"
	FieldHost        = "host"
	FieldEnvironment = "env"
	FieldTrace       = "trace"
	FieldSpan        = "span"
	FieldScope       = "scope"

	FieldName       = "name"
	FieldKindOfSpan = "kind"
	FieldDuration   = "duration"
	FieldStatus     = "status"      // unset, ok, error
	FieldHTTPStatus = "http_status" // a number; 0 when there is none
	FieldMethod     = "method"
	FieldRoute      = "route"
	FieldURL        = "url"
	FieldDB         = "db"
	FieldRPC        = "rpc"
	FieldMessaging  = "messaging"
	FieldPeer       = "peer"
	FieldRoot       = "root" // "true" or "false"

	FieldLevel = "level" // trace, debug, info, warn, error, fatal
	FieldBody  = "body"

	FieldEvent = "event" // a log record's event name; of spans, the name of one of their events
)
