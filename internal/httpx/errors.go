// SPDX-License-Identifier: Apache-2.0

package httpx

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/strata-apm/strata/storage"
)

// Code names the kind of an error, as docs/reference/api.md lists them.
type Code string

// The codes.
const (
	CodeBadRequest       Code = "bad_request"
	CodeBadQuery         Code = "bad_query"
	CodeTooLarge         Code = "too_large"
	CodeUnauthenticated  Code = "unauthenticated"
	CodeForbidden        Code = "forbidden"
	CodeNotFound         Code = "not_found"
	CodeMethodNotAllowed Code = "method_not_allowed"
	CodeConflict         Code = "conflict"
	CodeLimitExceeded    Code = "limit_exceeded"
	CodeTooManyRequests  Code = "too_many_requests"
	CodeInternal         Code = "internal"
	CodeUnavailable      Code = "unavailable"
	CodeTimeout          Code = "timeout"
)

// Error is an answer that a handler chose itself. Its message is for the client.
type Error struct {
	Status  int
	Code    Code
	Message string
	// Details is nil for none.
	Details map[string]any
	// RetryAfter is how long the client shall wait; 0 is two seconds where the status asks for a wait.
	RetryAfter time.Duration
	// Challenge is the WWW-Authenticate header (RFC 6750, section 3); empty for none.
	Challenge string
}

func (e *Error) Error() string { return e.Message }

// BadRequest refuses a request that can never succeed.
func BadRequest(format string, args ...any) *Error {
	return &Error{Status: http.StatusBadRequest, Code: CodeBadRequest, Message: fmt.Sprintf(format, args...)}
}

// NotFound says that a thing is not there.
func NotFound(message string) *Error {
	return &Error{Status: http.StatusNotFound, Code: CodeNotFound, Message: message}
}

// Conflict refuses what the present state does not allow.
func Conflict(message string) *Error {
	return &Error{Status: http.StatusConflict, Code: CodeConflict, Message: message}
}

// Unavailable refuses what may succeed in a moment.
func Unavailable(message string) *Error {
	return &Error{Status: http.StatusServiceUnavailable, Code: CodeUnavailable, Message: message}
}

// Detailed is an error that tells more than its text: the answer's details.
type Detailed interface {
	error
	// Details are plain JSON values by name; they are not changed after the call.
	Details() map[string]any
}

// Waiting is an error that knows when another attempt makes sense.
type Waiting interface {
	error
	// RetryAfter is positive.
	RetryAfter() time.Duration
}

const (
	// statusClientClosed is what proxies log for a client that left; nobody reads it.
	statusClientClosed = 499
	// defaultRetryAfter is what a store that is overloaded or restarts asks clients to wait.
	defaultRetryAfter = 2 * time.Second
)

// Classify is the one table from errors to answers. An error that no row knows is internal: its words stay with the server.
func Classify(err error) *Error {
	if own, ok := errors.AsType[*Error](err); ok {
		return own
	}
	out := &Error{Status: http.StatusInternalServerError, Code: CodeInternal, Message: "internal error; the server's log says more"}
	for _, row := range []struct {
		is     error
		status int
		code   Code
	}{
		{storage.ErrInvalid, http.StatusBadRequest, CodeBadRequest},
		{storage.ErrBadQuery, http.StatusBadRequest, CodeBadQuery},
		{storage.ErrNotFound, http.StatusNotFound, CodeNotFound},
		{storage.ErrConflict, http.StatusConflict, CodeConflict},
		{storage.ErrLimit, http.StatusUnprocessableEntity, CodeLimitExceeded},
		{storage.ErrUnavailable, http.StatusServiceUnavailable, CodeUnavailable},
		{context.DeadlineExceeded, http.StatusGatewayTimeout, CodeTimeout},
		{context.Canceled, statusClientClosed, CodeTimeout},
	} {
		if errors.Is(err, row.is) {
			out.Status, out.Code, out.Message = row.status, row.code, err.Error()
			break
		}
	}
	if out.Code == CodeInternal {
		return out
	}
	if d, ok := errors.AsType[Detailed](err); ok {
		out.Message, out.Details = d.Error(), d.Details()
	}
	if w, ok := errors.AsType[Waiting](err); ok {
		out.RetryAfter = w.RetryAfter()
	}
	return out
}

// ErrorAnswer is the envelope of every error below /api/v1.
type ErrorAnswer struct {
	Error ErrorBody `json:"error"`
}

// ErrorBody is what went wrong: a code for programs, a message for people, details by name.
type ErrorBody struct {
	Code    Code           `json:"code"`
	Message string         `json:"message"`
	Details map[string]any `json:"details"`
}

// WriteError answers err in the API's form.
func WriteError(w http.ResponseWriter, err error) {
	e := Classify(err)
	body := ErrorBody{Code: e.Code, Message: e.Message, Details: e.Details}
	if body.Details == nil {
		body.Details = map[string]any{}
	}
	e.SetHeaders(w.Header())
	WriteJSON(w, e.Status, ErrorAnswer{Error: body})
}

// SetHeaders sets what an answer with this error has beside its body.
func (e *Error) SetHeaders(h http.Header) {
	if e.Challenge != "" {
		h.Set("WWW-Authenticate", e.Challenge)
	}
	if e.Status == http.StatusServiceUnavailable || e.Status == http.StatusTooManyRequests {
		SetRetryAfter(h, e.RetryAfter)
	}
}

// SetRetryAfter says when the next attempt makes sense, in whole seconds and at least one (RFC 9110, section 10.2.3). 0 is two seconds.
func SetRetryAfter(h http.Header, d time.Duration) {
	if d <= 0 {
		d = defaultRetryAfter
	}
	h.Set("Retry-After", strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10))
}
