// SPDX-License-Identifier: Apache-2.0

package match

import (
	"fmt"
	"regexp"
	"slices"
	"unicode/utf8"

	"github.com/strata-apm/strata/search"
	"github.com/strata-apm/strata/search/text"
	"github.com/strata-apm/strata/severity"
	"github.com/strata-apm/strata/signal"
)

// maxDepth bounds nesting, as it does for a store.
const maxDepth = 100

func compile(f search.Filter, of signal.Signal, depth int) (node, error) {
	if depth > maxDepth {
		return node{}, fmt.Errorf("%w: the search is nested deeper than %d", search.ErrBadQuery, maxDepth)
	}
	switch f := f.(type) {
	case nil:
		return node{op: opAll}, nil
	case search.All:
		return compileParts(opAll, f.Of, of, depth)
	case search.Any:
		return compileParts(opAny, f.Of, of, depth)
	case search.Not:
		return compileParts(opNot, []search.Filter{f.Of}, of, depth)
	case search.Contains:
		return compileContains(f.Text, of)
	case search.Equals:
		return compileEquals(f, of)
	case search.Exists:
		return node{op: opExists, field: f.Field}, check(f.Field, of)
	case search.Compare:
		return compileCompare(f, of)
	default:
		return node{}, fmt.Errorf("%w: unknown condition %T", search.ErrBadQuery, f)
	}
}

func compileParts(op operation, parts []search.Filter, of signal.Signal, depth int) (node, error) {
	n := node{op: op, of: make([]node, len(parts))}
	for i, p := range parts {
		var err error
		if n.of[i], err = compile(p, of, depth+1); err != nil {
			return node{}, err
		}
	}
	return n, nil
}

// check returns an error for a field that records of a of do not have.
func check(f search.Field, of signal.Signal) error {
	switch f.Kind {
	case search.FieldAttribute, search.FieldResource, search.FieldAnywhere:
		return nil
	case search.FieldBuiltin:
		known := slices.ContainsFunc(search.Fields(of), func(i search.FieldInfo) bool { return i.Name == f.Name })
		if !known || f.Name == "error" { // The parser makes a status of it.
			return fmt.Errorf("%w: there is no field %q here", search.ErrBadQuery, f.Name)
		}
		return nil
	default:
		return fmt.Errorf("%w: unknown kind of field", search.ErrBadQuery)
	}
}

func compileContains(s string, of signal.Signal) (node, error) {
	n := node{op: opText, field: search.Field{Name: search.FieldBody}}
	whole := text.NewWhole(s)
	if of == signal.Traces {
		n.field.Name = search.FieldName
		whole = text.Whole{Within: text.NewWithin(s)}
	}
	n.test.kind, n.test.whole = testContains, whole
	source := whole.Within.Expression
	if whole.Expression != "" {
		source = whole.Expression
	}
	if source == "" {
		return n, nil
	}
	var err error
	n.test.expression, err = expression(source)
	return n, err
}

func expression(source string) (*regexp.Regexp, error) {
	e, err := regexp.Compile(source)
	if err != nil {
		return nil, fmt.Errorf("%w: compile a regular expression: %v", search.ErrBadQuery, err) //nolint:errorlint // The error is the query's.
	}
	return e, nil
}

func compileEquals(f search.Equals, of signal.Signal) (node, error) {
	if err := check(f.Field, of); err != nil {
		return node{}, err
	}
	n := node{op: opText, field: f.Field}
	if f.Field.Kind == search.FieldBuiltin && f.Field.Name == search.FieldLevel {
		n.test.kind, n.test.exact = testExact, levels(f.Values)
		return n, nil
	}
	digits := 0
	if f.Field.Kind == search.FieldBuiltin {
		switch f.Field.Name {
		case search.FieldTrace:
			digits = search.TraceIDDigits
		case search.FieldSpan:
			digits = search.SpanIDDigits
		}
	}
	n.test.kind = testExact
	var folded []node
	for _, p := range f.Values {
		switch {
		case len(p) == 1 && digits > 0:
			id, _ := search.NormalID(p[0], digits)
			n.test.exact = append(n.test.exact, id)
		case len(p) == 1:
			n.test.exact = append(n.test.exact, p[0])
		case len(p) > 1 && f.Fold && foldsBytes(p):
			n.test.folded = append(n.test.folded, slices.Clone(p))
		case len(p) > 1 && f.Fold:
			source, _ := text.Wildcards(p)
			e, err := expression(source)
			if err != nil {
				return node{}, err
			}
			folded = append(folded, node{op: opText, field: f.Field, test: test{kind: testExpression, expression: e}})
		case len(p) > 1:
			n.test.wildcards = append(n.test.wildcards, slices.Clone(p))
		}
	}
	if len(folded) == 0 {
		return n, nil
	}
	return node{op: opAny, of: append(folded, n)}, nil
}

// foldsBytes reports whether the letters of a pattern that have a case are ASCII's, or it is no text that a regular expression can hold.
func foldsBytes(p search.Pattern) bool {
	ascii := true
	for _, part := range p {
		if !utf8.ValidString(part) {
			return true
		}
		ascii = ascii && len(part) == utf8.RuneCountInString(part)
	}
	return ascii
}

// levels are the names of levels that patterns fit.
func levels(values []search.Pattern) []string {
	var out []string
	for i := severity.Trace; i <= severity.Fatal; i += 4 {
		name := severity.Name(i)
		if slices.ContainsFunc(values, func(p search.Pattern) bool { return p.MatchLevel(name) }) {
			out = append(out, name)
		}
	}
	return out
}

func compileCompare(f search.Compare, of signal.Signal) (node, error) {
	b, err := newBound(f)
	if err != nil {
		return node{}, err
	}
	n := node{op: opText, field: f.Field, bound: b, test: test{kind: testBound}}
	if f.Field.Kind == search.FieldBuiltin && isNumber(f.Field.Name) {
		n.op = opNumber
	}
	return n, check(f.Field, of)
}
