// SPDX-License-Identifier: Apache-2.0

package check

import (
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// clip cuts s to at most n bytes on a character boundary.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// text puts a text right that is not UTF-8, which Protocol Buffers demand: what is no character becomes U+FFFD.
func text(s string, set func(string), t *Tally) {
	if !utf8.ValidString(s) {
		set(strings.ToValidUTF8(s, string(utf8.RuneError)))
		t.Note(NoteNotUTF8, 1)
	}
}

// attributes keeps the first l.Attributes of m and cuts long values, which it names in AttrTruncated. It returns how many it dropped.
func (l Limits) attributes(m pcommon.Map, t *Tally) int {
	dropped, cut := l.limitMap(m, 0, t)
	cut.put(m)
	return dropped
}

func (l Limits) limitMap(m pcommon.Map, depth int, t *Tally) (dropped int, cut truncated) {
	if m.Len() > l.Attributes {
		kept := 0
		m.RemoveIf(func(string, pcommon.Value) bool {
			kept++
			return kept > l.Attributes
		})
		dropped = kept - l.Attributes
		t.Note(NoteDropped, dropped)
	}
	valid := true
	for k, v := range m.All() {
		valid = valid && utf8.ValidString(k)
		cut.add(k, l.value(v, l.AttributeBytes, depth, t))
	}
	if !valid {
		mendKeys(m, t)
	}
	return dropped, cut
}

// mendKeys puts keys right that are not UTF-8.
func mendKeys(m pcommon.Map, t *Tally) {
	mended := pcommon.NewMap()
	mended.EnsureCapacity(m.Len())
	for k, v := range m.All() {
		text(k, func(s string) { k = s }, t)
		v.CopyTo(mended.PutEmpty(k))
	}
	mended.MoveTo(m)
}

// value cuts long texts and bytes in v, and returns how many bytes the ones it cut had: 0 when there are none. depth is how many lists and maps v is in.
func (l Limits) value(v pcommon.Value, maxBytes, depth int, t *Tally) (before int) {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		text(v.Str(), v.SetStr, t)
		if len(v.Str()) > maxBytes {
			before = len(v.Str())
			v.SetStr(clip(v.Str(), maxBytes))
			t.Note(NoteCut, 1)
		}
	case pcommon.ValueTypeBytes:
		if v.Bytes().Len() > maxBytes {
			before = v.Bytes().Len()
			v.Bytes().FromRaw(v.Bytes().AsRaw()[:maxBytes])
			t.Note(NoteCut, 1)
		}
	case pcommon.ValueTypeMap, pcommon.ValueTypeSlice:
		if depth == MaxDepth {
			pcommon.NewValueEmpty().CopyTo(v)
			t.Note(NoteDeep, 1)
			return 0
		}
		if v.Type() == pcommon.ValueTypeMap {
			_, cut := l.limitMap(v.Map(), depth+1, t)
			return cut.bytes
		}
		for _, e := range v.Slice().All() {
			before += l.value(e, maxBytes, depth+1, t)
		}
	default: // Numbers, booleans and the empty value are small.
	}
	return before
}

// labelReason says why the attributes of a data point cannot be labels, "" when they can.
func (l Limits) labelReason(m pcommon.Map) string {
	if m.Len() > l.Attributes {
		return ReasonTooMany
	}
	for k, v := range m.All() {
		if len(k) > l.AttributeBytes || v.Type() == pcommon.ValueTypeStr && len(v.Str()) > l.AttributeBytes {
			return ReasonTooLong
		}
		if !utf8.ValidString(k) || !validUTF8(v, 0) {
			return ReasonNotUTF8
		}
	}
	return ""
}

// validUTF8 says whether all texts in v are UTF-8, as far as MaxDepth.
func validUTF8(v pcommon.Value, depth int) bool {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return utf8.ValidString(v.Str())
	case pcommon.ValueTypeMap:
		for k, e := range v.Map().All() {
			if depth == MaxDepth || !utf8.ValidString(k) || !validUTF8(e, depth+1) {
				return false
			}
		}
	case pcommon.ValueTypeSlice:
		for _, e := range v.Slice().All() {
			if depth == MaxDepth || !validUTF8(e, depth+1) {
				return false
			}
		}
	default: // Nothing else is text.
	}
	return true
}
