// SPDX-License-Identifier: Apache-2.0

package search

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ErrBadQuery says that the query can never succeed as it is. storage.ErrBadQuery is the same error.
var ErrBadQuery = errors.New("bad query")

// Error says what is wrong with a query and where, in bytes from its beginning.
type Error struct {
	Position int
	Message  string
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s (at position %d)", e.Message, e.Position+1)
}

// Unwrap makes the error a bad query.
func (e *Error) Unwrap() error { return ErrBadQuery }

// Details implements httpx.Detailed: position counts bytes from 0.
func (e *Error) Details() map[string]any { return map[string]any{"position": e.Position} }

func errorAt(position int, format string, args ...any) error {
	return &Error{Position: position, Message: fmt.Sprintf(format, args...)}
}

type tokenKind int

const (
	tokenEnd tokenKind = iota
	tokenOpen
	tokenClose
	tokenMinus // directly before a term
	tokenAnd
	tokenOr
	tokenNot
	tokenText // a word or phrase
	tokenTerm // field, operator, values
)

// token is one piece of a query.
type token struct {
	kind     tokenKind
	position int
	field    string
	op       string
	values   []value
}

// value is a piece of text. A quoted one has no wildcards.
type value struct {
	position int
	text     string
	quoted   bool
}

// lexer cuts a query into tokens.
type lexer struct {
	s   string
	pos int
}

func (l *lexer) next() (token, error) {
	for l.pos < len(l.s) {
		r, size := utf8.DecodeRuneInString(l.s[l.pos:])
		if !unicode.IsSpace(r) {
			break
		}
		l.pos += size
	}
	start := l.pos
	if start == len(l.s) {
		return token{kind: tokenEnd, position: start}, nil
	}
	switch l.s[start] {
	case '(':
		l.pos++
		return token{kind: tokenOpen, position: start}, nil
	case ')':
		l.pos++
		return token{kind: tokenClose, position: start}, nil
	case '-':
		if next, _ := utf8.DecodeRuneInString(l.s[start+1:]); start+1 < len(l.s) && !unicode.IsSpace(next) && next != ')' {
			l.pos++
			return token{kind: tokenMinus, position: start}, nil
		}
	case '"':
		v, err := l.quoted()
		return token{kind: tokenText, position: start, values: []value{v}}, err
	}
	if field, op, ok := l.fieldAndOperator(); ok {
		values, err := l.values(op)
		return token{kind: tokenTerm, position: start, field: field, op: op, values: values}, err
	}
	v := l.bare(false)
	switch v.text {
	case "AND":
		return token{kind: tokenAnd, position: start}, nil
	case "OR":
		return token{kind: tokenOr, position: start}, nil
	case "NOT":
		return token{kind: tokenNot, position: start}, nil
	}
	return token{kind: tokenText, position: start, values: []value{v}}, nil
}

// operators, longest first.
func operators() []string { return []string{">=", "<=", "!=", ":", ">", "<", "="} }

// fieldAndOperator reads "name:" or the like and moves behind it, or moves nowhere. A part of a name may be quoted: attr."my key".
func (l *lexer) fieldAndOperator() (field, op string, ok bool) {
	start := l.pos
	var name strings.Builder
	for l.pos < len(l.s) {
		r, size := utf8.DecodeRuneInString(l.s[l.pos:])
		if r == '"' && strings.HasSuffix(name.String(), ".") {
			v, err := l.quoted()
			if err != nil {
				l.pos = start
				return "", "", false
			}
			name.WriteString(v.text)
			continue
		}
		if !unicode.IsLetter(r) && r != '_' && (name.Len() == 0 || !unicode.IsDigit(r) && !strings.ContainsRune(".-/@", r)) {
			break
		}
		name.WriteString(l.s[l.pos : l.pos+size])
		l.pos += size
	}
	if name.Len() > 0 {
		for _, op := range operators() {
			if strings.HasPrefix(l.s[l.pos:], op) {
				l.pos += len(op)
				return name.String(), op, true
			}
		}
	}
	l.pos = start
	return "", "", false
}

// values reads the value behind an operator, after ":" several between commas.
func (l *lexer) values(op string) ([]value, error) {
	var out []value
	for {
		var v value
		if l.pos < len(l.s) && l.s[l.pos] == '"' {
			var err error
			if v, err = l.quoted(); err != nil {
				return nil, err
			}
		} else {
			v = l.bare(op == ":")
		}
		if v.text == "" && !v.quoted {
			return nil, errorAt(v.position, "a value is missing after %q", op)
		}
		out = append(out, v)
		if op != ":" || l.pos >= len(l.s) || l.s[l.pos] != ',' {
			return out, nil
		}
		l.pos++
	}
}

// quoted reads a text between quotes; \" and \\ stand for themselves.
func (l *lexer) quoted() (value, error) {
	start := l.pos
	var b strings.Builder
	for i := start + 1; i < len(l.s); i++ {
		switch c := l.s[i]; {
		case c == '"':
			l.pos = i + 1
			return value{position: start, text: b.String(), quoted: true}, nil
		case c == '\\' && i+1 < len(l.s) && (l.s[i+1] == '"' || l.s[i+1] == '\\'):
			i++
			b.WriteByte(l.s[i])
		default:
			b.WriteByte(c)
		}
	}
	return value{}, errorAt(start, "the quote that begins here is not closed")
}

// bare reads up to the next space, or the parenthesis that closes one outside. Parentheses within the value belong to it when they
// match. In a list it ends at a comma too.
func (l *lexer) bare(list bool) value {
	start, depth := l.pos, 0
	for l.pos < len(l.s) {
		r, size := utf8.DecodeRuneInString(l.s[l.pos:])
		if unicode.IsSpace(r) || list && r == ',' || r == ')' && depth == 0 {
			break
		}
		switch r {
		case '(':
			depth++
		case ')':
			depth--
		}
		l.pos += size
	}
	return value{position: start, text: l.s[start:l.pos]}
}

// pattern cuts a value at its wildcards; \* is a star.
func (v value) pattern() Pattern {
	if v.quoted {
		return Pattern{v.text}
	}
	var p Pattern
	var b strings.Builder
	for i := 0; i < len(v.text); i++ {
		switch {
		case v.text[i] == '\\' && i+1 < len(v.text) && v.text[i+1] == '*':
			i++
			b.WriteByte('*')
		case v.text[i] == '*':
			p = append(p, b.String())
			b.Reset()
		default:
			b.WriteByte(v.text[i])
		}
	}
	return append(p, b.String())
}
