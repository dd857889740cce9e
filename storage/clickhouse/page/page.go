// SPDX-License-Identifier: Apache-2.0

// Package page has what the pages of a result share: the opaque cursor from which the next page goes on, and the bound on a page's
// text.
package page

import (
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/strata-apm/strata/storage"
)

// MaxBytes bounds the text of one page of records, so that a page of large records fits into memory: the page ends early then, and
// the next one goes on.
const MaxBytes = 32 << 20

// TextBytes is how many bytes of text the attributes hold, keys and values.
func TextBytes(attributes map[string]string) int {
	n := 0
	for k, v := range attributes {
		n += len(k) + len(v)
	}
	return n
}

// EncodeCursor makes the opaque text of a position, a struct of numbers and strings.
func EncodeCursor(position any) string {
	b, err := json.Marshal(position)
	if err != nil {
		return "" // Positions are numbers and strings; this cannot happen.
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// DecodeCursor reads the position back into the struct that position points to. A text that EncodeCursor did not make is the caller's
// mistake: the error wraps storage.ErrBadQuery.
func DecodeCursor(cursor string, position any) error {
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err == nil {
		err = json.Unmarshal(b, position)
	}
	if err != nil {
		return fmt.Errorf("%w: the cursor is malformed; start again without one", storage.ErrBadQuery)
	}
	return nil
}
