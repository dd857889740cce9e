// SPDX-License-Identifier: Apache-2.0

package httpx

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// ReadJSON reads one JSON value of at most limit bytes into into. It returns an *Error for a body that is too large, is not JSON, has a field that into
// lacks, or goes on after the value.
func ReadJSON(r *http.Request, limit int64, into any) error {
	dec := json.NewDecoder(http.MaxBytesReader(nil, r.Body, limit))
	dec.DisallowUnknownFields()
	err := dec.Decode(into)
	if err == nil {
		if _, err = dec.Token(); errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil || !isTooLarge(err) {
			err = errors.New("something follows the JSON value")
		}
	}
	if isTooLarge(err) {
		return &Error{Status: http.StatusRequestEntityTooLarge, Code: CodeTooLarge, Message: fmt.Sprintf("body: more than %d bytes", limit)}
	}
	return BadRequest("body: %v", err)
}

func isTooLarge(err error) bool {
	_, ok := errors.AsType[*http.MaxBytesError](err)
	return ok
}

// WriteJSON answers with v. A client that has left is no error worth a word.
func WriteJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
