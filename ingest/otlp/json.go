// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"encoding/hex"
	"fmt"
	"unicode/utf8"

	"github.com/strata-apm/strata/ingest/intake"
)

// maxJSONDepth is deeper than any OTLP message can be: an attribute value takes three levels of JSON.
const maxJSONDepth = 3*maxDepth + 32

// cleanJSON refuses what the decoder must not see (nesting past maxJSONDepth, text that is not UTF-8) or would pass over (whatever follows the object). It
// returns the body with malformed ids emptied, and their number: the decoder would refuse the whole request for one of them, while a record
// with an empty id is refused alone. Only the ids' values are looked at; that the rest is JSON the decoder finds out.
func cleanJSON(body []byte) (clean []byte, emptied int, err error) {
	if !utf8.Valid(body) {
		return nil, 0, fmt.Errorf("%w: JSON is not UTF-8", intake.ErrMalformed)
	}
	s := jsonScan{body: body}
	if err := s.run(); err != nil {
		return nil, 0, err
	}
	return s.edited(), s.bad, nil
}

// jsonScan walks the tokens of a body once.
type jsonScan struct {
	body  []byte
	at    int
	stack []jsonFrame
	begun bool
	edits []jsonRange
	bad   int
}

// jsonRange is where a value stands.
type jsonRange struct{ from, to int }

// jsonFrame is an object or array that is open.
type jsonFrame struct {
	object bool
	// inKey says that the next string is a key; key is the last one.
	inKey bool
	key   string
	// own is the object's span id. An object whose parent id is malformed loses it, so that it is refused instead of becoming a root.
	own       jsonRange
	badParent bool
}

func (s *jsonScan) run() error {
	for s.at < len(s.body) {
		c := s.body[s.at]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			s.at++
		case len(s.stack) == 0 && (s.begun || c != '{'):
			if s.begun {
				return fmt.Errorf("%w: something follows the JSON object, at byte %d", intake.ErrMalformed, s.at)
			}
			return fmt.Errorf("%w: the JSON is no object", intake.ErrMalformed)
		default:
			if err := s.token(c); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *jsonScan) token(c byte) error {
	switch c {
	case '{', '[':
		s.begun = true
		if len(s.stack) == maxJSONDepth {
			return fmt.Errorf("%w: JSON is nested more than %d deep", intake.ErrMalformed, maxJSONDepth)
		}
		s.stack = append(s.stack, jsonFrame{object: c == '{', inKey: c == '{'})
		s.at++
	case '}', ']':
		s.close()
		s.at++
	case ',':
		top := &s.stack[len(s.stack)-1]
		top.inKey = top.object
		s.at++
	case ':':
		s.at++
	case '"':
		s.text()
	default:
		s.scalar()
	}
	return nil
}

// close ends the innermost object or array.
func (s *jsonScan) close() {
	top := s.stack[len(s.stack)-1]
	s.stack = s.stack[:len(s.stack)-1]
	if top.badParent && top.own.to > 0 {
		s.edits = append(s.edits, top.own)
	}
}

func (s *jsonScan) text() {
	from := s.at
	for s.at++; s.at < len(s.body) && s.body[s.at] != '"'; s.at++ {
		if s.body[s.at] == '\\' {
			s.at++
		}
	}
	s.at = min(s.at+1, len(s.body))
	top := &s.stack[len(s.stack)-1]
	if top.inKey {
		top.key, top.inKey = string(s.body[from+1:max(from+1, s.at-1)]), false
		return
	}
	s.value(top, from)
}

// scalar is a number, true, false, null, or what is no JSON.
func (s *jsonScan) scalar() {
	from := s.at
	for s.at++; s.at < len(s.body); s.at++ {
		switch s.body[s.at] {
		case ' ', '\t', '\n', '\r', ',', ':', '}', ']', '{', '[', '"':
			s.value(&s.stack[len(s.stack)-1], from)
			return
		}
	}
}

// value looks at a value that ends before s.at.
func (s *jsonScan) value(top *jsonFrame, from int) {
	if !top.object {
		return
	}
	size := 8
	switch top.key {
	case "traceId", "trace_id":
		size = 16
	case "spanId", "span_id", "parentSpanId", "parent_span_id":
	default:
		return
	}
	at := jsonRange{from, s.at}
	bad := !validID(s.body[from:s.at], size)
	if bad {
		s.edits, s.bad = append(s.edits, at), s.bad+1
	}
	switch {
	case top.key == "parentSpanId" || top.key == "parent_span_id":
		top.badParent = top.badParent || bad
	case size == 8 && !bad:
		top.own = at
	}
}

// validID says whether a JSON value is an id of size bytes, or none.
func validID(value []byte, size int) bool {
	if string(value) == `""` {
		return true
	}
	if len(value) != 2*size+2 || value[0] != '"' {
		return false
	}
	var id [16]byte
	_, err := hex.Decode(id[:], value[1:len(value)-1])
	return err == nil
}

// edited is the body with the ranges replaced by empty strings.
func (s *jsonScan) edited() []byte {
	if len(s.edits) == 0 {
		return s.body
	}
	cut := make(map[int]int, len(s.edits))
	for _, e := range s.edits {
		cut[e.from] = e.to
	}
	out := make([]byte, 0, len(s.body))
	for i := 0; i < len(s.body); {
		if to, ok := cut[i]; ok {
			out, i = append(out, `""`...), to
			continue
		}
		out, i = append(out, s.body[i]), i+1
	}
	return out
}
