// SPDX-License-Identifier: Apache-2.0

package match

import (
	"regexp"
	"slices"
	"strings"

	"github.com/strata-apm/strata/search"
	"github.com/strata-apm/strata/search/text"
)

type testKind int

const (
	testExact      testKind = iota // one of exact, or fits one of wildcards or folded
	testContains                   // whole
	testExpression                 // expression
	testBound                      // a number within the node's bound
)

// test is a condition on a text.
type test struct {
	kind       testKind
	exact      []string
	wildcards  []search.Pattern
	folded     []search.Pattern // in whatever case of ASCII's letters
	whole      text.Whole
	expression *regexp.Regexp // of whole and testExpression; nil where none is needed
}

// holdsText decides on a text of the record.
func (n *node) holdsText(s string) bool {
	if n.test.expression == nil {
		return n.holdsShort(s)
	}
	if n.test.kind == testExpression {
		return n.test.expression.MatchString(s)
	}
	w := &n.test.whole
	if !hasWords(s, w.Words) {
		return false
	}
	if w.Plain != text.PlainExpression && text.IsPlain(s) {
		return w.Plain == text.PlainNothing || text.IndexFold(s, w.Within.Text) >= 0
	}
	return n.test.expression.MatchString(s)
}

// holdsMade decides on a text that was made for the question and may lie on the stack.
func (n *node) holdsMade(s string) bool {
	if n.test.expression == nil {
		return n.holdsShort(s)
	}
	return n.holdsText(strings.Clone(s))
}

// holdsShort decides where there is no regular expression. It keeps nothing of s.
func (n *node) holdsShort(s string) bool {
	t := &n.test
	switch t.kind {
	case testExact:
		for i := range t.wildcards { // Not slices.ContainsFunc: s would escape.
			if t.wildcards[i].Match(s) {
				return true
			}
		}
		for i := range t.folded {
			if fitsFolded(t.folded[i], s) {
				return true
			}
		}
		return slices.Contains(t.exact, s)
	case testContains:
		if !hasWords(s, t.whole.Words) {
			return false
		}
		if t.whole.Within.Comparison == text.Exact {
			return strings.Contains(s, t.whole.Within.Text)
		}
		return text.IndexFold(s, t.whole.Within.Text) >= 0
	case testBound:
		return n.bound.holdsText(s)
	case testExpression:
	}
	return false
}

// fitsFolded is search.Pattern.Match, ignoring the case of ASCII's letters, for patterns of two parts or more.
func fitsFolded(p search.Pattern, s string) bool {
	first, last := p[0], p[len(p)-1]
	if len(s) < len(first)+len(last) || text.IndexFold(s[:len(first)], first) != 0 || text.IndexFold(s[len(s)-len(last):], last) != 0 {
		return false
	}
	s = s[len(first) : len(s)-len(last)]
	for _, part := range p[1 : len(p)-1] {
		i := text.IndexFold(s, part)
		if i < 0 {
			return false
		}
		s = s[i+len(part):]
	}
	return true
}

func hasWords(s string, words []string) bool {
	for _, w := range words {
		if !text.HasWord(s, w) {
			return false
		}
	}
	return true
}
