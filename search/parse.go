// SPDX-License-Identifier: Apache-2.0

package search

import "github.com/strata-apm/strata/signal"

const (
	// maxLength bounds a query; more than anybody types, less than what hurts.
	maxLength = 16 << 10
	// maxDepth bounds nesting, so that no input can exhaust the stack here or in an engine.
	maxDepth = 50
	// maxTerms bounds how much an engine has to evaluate for each record.
	maxTerms = 500
)

// Parse reads a query for one signal. The empty query is the nil filter, which holds for every record. Every error is an *Error.
func Parse(of signal.Signal, query string) (Filter, error) {
	if len(query) > maxLength {
		return nil, errorAt(maxLength, "the query is longer than %d bytes", maxLength)
	}
	p := &parser{of: of, lex: lexer{s: query}}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.tok.kind == tokenEnd {
		return nil, nil // documented: nil is the filter that holds for everything
	}
	f, err := p.or(0)
	if err != nil {
		return nil, err
	}
	switch p.tok.kind {
	case tokenEnd:
		return f, nil
	case tokenClose:
		return nil, errorAt(p.tok.position, "a closing parenthesis has no opening one")
	default:
		return nil, errorAt(p.tok.position, "unexpected text")
	}
}

type parser struct {
	of    signal.Signal
	lex   lexer
	tok   token
	terms int
}

func (p *parser) advance() error {
	tok, err := p.lex.next()
	p.tok = tok
	return err
}

// or reads parts joined by OR.
func (p *parser) or(depth int) (Filter, error) {
	first, err := p.and(depth)
	if err != nil || p.tok.kind != tokenOr {
		return first, err
	}
	parts := []Filter{first}
	for p.tok.kind == tokenOr {
		if err := p.advance(); err != nil {
			return nil, err
		}
		f, err := p.and(depth)
		if err != nil {
			return nil, err
		}
		parts = append(parts, f)
	}
	return Any{Of: parts}, nil
}

// and reads parts that stand beside each other or are joined by AND.
func (p *parser) and(depth int) (Filter, error) {
	first, err := p.unary(depth)
	if err != nil {
		return nil, err
	}
	parts := []Filter{first}
	for {
		switch p.tok.kind {
		case tokenAnd:
			if err := p.advance(); err != nil {
				return nil, err
			}
		case tokenEnd, tokenClose, tokenOr:
			if len(parts) == 1 {
				return first, nil
			}
			return All{Of: parts}, nil
		case tokenOpen, tokenMinus, tokenNot, tokenText, tokenTerm:
		}
		f, err := p.unary(depth)
		if err != nil {
			return nil, err
		}
		parts = append(parts, f)
	}
}

// unary reads NOT, a parenthesis or one term.
func (p *parser) unary(depth int) (Filter, error) {
	if depth > maxDepth {
		return nil, errorAt(p.tok.position, "the query is nested deeper than %d", maxDepth)
	}
	tok := p.tok
	switch tok.kind {
	case tokenMinus, tokenNot:
		if err := p.advance(); err != nil {
			return nil, err
		}
		f, err := p.unary(depth + 1)
		if err != nil {
			return nil, err
		}
		return Not{Of: f}, nil
	case tokenOpen:
		if err := p.advance(); err != nil {
			return nil, err
		}
		f, err := p.or(depth + 1)
		if err != nil {
			return nil, err
		}
		if p.tok.kind != tokenClose {
			return nil, errorAt(tok.position, "the parenthesis that opens here is not closed")
		}
		return f, p.advance()
	case tokenText, tokenTerm:
		if p.terms++; p.terms > maxTerms {
			return nil, errorAt(tok.position, "the query has more than %d terms", maxTerms)
		}
		f, err := p.term(tok)
		if err != nil {
			return nil, err
		}
		return f, p.advance()
	case tokenAnd, tokenOr, tokenEnd, tokenClose:
	}
	return nil, errorAt(tok.position, "a term is missing here")
}
