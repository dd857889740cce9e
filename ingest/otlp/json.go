// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/strata-apm/strata/ingest/check"
	"github.com/strata-apm/strata/ingest/intake"
)

// maxJSONDepth is deeper than any OTLP message can be: an attribute value takes three levels of JSON.
const maxJSONDepth = 3*maxDepth + 32

// byteOrderMark may stand before JSON; parsers may pass over it (RFC 8259, section 8.1).
const byteOrderMark = "\xef\xbb\xbf"

// unsetKey replaces the key of a field that is left out; no OTLP message has it, so the decoder passes over its value.
const unsetKey = `"_"`

// cleanJSON refuses what the decoder must not see (nesting past maxJSONDepth, text that is not UTF-8) or would pass over (whatever follows the object). It
// returns the body as the decoder takes it: malformed ids are emptied and impossible numbers left out, because the decoder would refuse the whole
// request for one of them; fields that are null, which is proto3 JSON for unset, are left out. notes counts what a record lost by that, where the
// record itself is kept. Only the values of known fields are looked at; that the rest is JSON the decoder finds out.
func cleanJSON(body []byte, fields jsonFields) (clean []byte, notes map[string]int, err error) {
	if !utf8.Valid(body) {
		return nil, nil, fmt.Errorf("%w: JSON is not UTF-8", intake.ErrMalformed)
	}
	s := jsonScan{body: bytes.TrimPrefix(body, []byte(byteOrderMark)), fields: fields}
	if err := s.run(); err != nil {
		return nil, nil, err
	}
	clean, notes = s.edited()
	return clean, notes, nil
}

// jsonScan walks the tokens of a body once.
type jsonScan struct {
	body   []byte
	fields jsonFields
	at     int
	stack  []jsonFrame
	begun  bool
	edits  []jsonEdit
}

// jsonRange is where a value stands.
type jsonRange struct{ from, to int }

// jsonEdit replaces a value. note is the word for what the record lost by it, "" for nothing.
type jsonEdit struct {
	jsonRange
	text string
	note string
}

// jsonFrame is an object or array that is open.
type jsonFrame struct {
	object bool
	from   int
	// inKey says that the next string is a key; key is the last one, without escapes, and keyAt where it stands.
	inKey bool
	key   string
	keyAt jsonRange
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
		s.stack = append(s.stack, jsonFrame{object: c == '{', inKey: c == '{', from: s.at})
		s.at++
	case '}', ']':
		s.at++
		s.close()
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
		s.replace(top.own, `""`)
	}
	if len(s.stack) > 0 {
		s.value(&s.stack[len(s.stack)-1], top.from)
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
		top.key, top.inKey, top.keyAt = string(s.body[from+1:max(from+1, s.at-1)]), false, jsonRange{from, s.at}
		if plain, ok := unquote(s.body[from:s.at]); ok {
			top.key = plain
		}
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
	if !top.object || top.inKey {
		return
	}
	at := jsonRange{from, s.at}
	value := s.body[from:s.at]
	if string(value) == "null" {
		s.replace(top.keyAt, unsetKey)
		return
	}
	f := s.fields[top.key]
	switch {
	case f.idLen > 0:
		s.id(top, at, f)
	case f.bits > 0:
		s.number(top, at, f)
	case f.bytes && bytes.IndexByte(value, '\\') >= 0:
		if plain, ok := unquote(value); ok && isBase64(plain) {
			s.replace(at, `"`+plain+`"`) // As in ids.
		}
	}
}

// id looks at the value of a trace or span id.
func (s *jsonScan) id(top *jsonFrame, at jsonRange, f jsonField) {
	value := s.body[at.from:at.to]
	plain, isText := unquote(value)
	bad := !isText || !validID(plain, f.idLen)
	switch {
	case bad && !json.Valid(value):
		return // The decoder says what is wrong.
	case bad:
		note := check.NoteBadID
		if s.inSpan() { // The span is refused for it, which is counted there.
			note = ""
		}
		s.edits = append(s.edits, jsonEdit{at, `""`, note})
	case len(value) != len(plain)+2:
		s.replace(at, `"`+plain+`"`) // The decoder reads no escapes in ids.
	}
	if f.parent {
		top.badParent = top.badParent || bad
	} else if f.idLen == 8 && !bad {
		top.own = at
	}
}

// inSpan says whether the innermost object is a span, and not one of its links.
func (s *jsonScan) inSpan() bool {
	return len(s.stack) > 2 && s.stack[len(s.stack)-3].key == "spans"
}

// number looks at the value of a field of whole numbers.
func (s *jsonScan) number(top *jsonFrame, at jsonRange, f jsonField) {
	value := s.body[at.from:at.to]
	text, ok := f.whole(value)
	switch {
	case ok && text != string(value):
		s.replace(at, text)
	case !ok && f.optional && json.Valid(value):
		s.edits = append(s.edits, jsonEdit{top.keyAt, unsetKey, f.note})
	}
}

func (s *jsonScan) replace(at jsonRange, text string) {
	s.edits = append(s.edits, jsonEdit{at, text, ""})
}

// edited is the body with its edits made, and the number of each note. An edit inside another's range is forgotten.
func (s *jsonScan) edited() (body []byte, notes map[string]int) {
	if len(s.edits) == 0 {
		return s.body, nil
	}
	at := make(map[int]jsonEdit, len(s.edits))
	for _, e := range s.edits {
		at[e.from] = e
	}
	out := make([]byte, 0, len(s.body))
	notes = map[string]int{}
	for i := 0; i < len(s.body); {
		if e, ok := at[i]; ok {
			out, i = append(out, e.text...), e.to
			if e.note != "" {
				notes[e.note]++
			}
			continue
		}
		out, i = append(out, s.body[i]), i+1
	}
	return out, notes
}
