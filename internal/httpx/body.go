// SPDX-License-Identifier: Apache-2.0

// Package httpx is what the HTTP APIs share.
package httpx

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// BodyError is a body that cannot be taken; Status is the answer's.
type BodyError struct {
	Status int
	// Code is the error code of the product's own API.
	Code    string
	Message string
}

func (e *BodyError) Error() string { return e.Message }

// ReadJSON reads one JSON value of at most limit bytes into into. It returns a *BodyError for a body that is too large, is not JSON, has a field that into
// lacks, or goes on after the value.
func ReadJSON(w http.ResponseWriter, r *http.Request, limit int64, into any) error {
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, limit))
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
		return &BodyError{Status: http.StatusRequestEntityTooLarge, Code: "too_large", Message: fmt.Sprintf("body: more than %d bytes", limit)}
	}
	return &BodyError{Status: http.StatusBadRequest, Code: "bad_request", Message: "body: " + err.Error()}
}

func isTooLarge(err error) bool {
	var tooLarge *http.MaxBytesError
	return errors.As(err, &tooLarge)
}
