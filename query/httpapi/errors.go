// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"errors"
	"net/http"

	"github.com/strata-apm/strata/query/guard"
	"github.com/strata-apm/strata/query/search"
	"github.com/strata-apm/strata/storage"
)

// Codes of the answers, as docs/reference/api.md lists them.
const (
	CodeBadRequest      = "bad_request"
	CodeBadQuery        = "bad_query"
	CodeUnauthenticated = "unauthenticated"
	CodeForbidden       = "forbidden"
	CodeNotFound        = "not_found"
	CodeConflict        = "conflict"
	CodeLimitExceeded   = "limit_exceeded"
	CodeTooManyRequests = "too_many_requests"
	CodeInternal        = "internal"
	CodeUnavailable     = "unavailable"
	CodeTimeout         = "timeout"
)

// Error is an answer that a handler chose itself.
type Error struct {
	Status  int
	Code    string
	Message string
	Details map[string]any
}

func (e *Error) Error() string { return e.Message }

func badRequest(message string) error {
	return &Error{Status: http.StatusBadRequest, Code: CodeBadRequest, Message: message}
}

// kind is what an error becomes.
type kind struct {
	status int
	code   string
}

// classify is the one table from errors to answers.
func classify(err error) kind {
	if own, ok := errors.AsType[*Error](err); ok {
		return kind{own.Status, own.Code}
	}
	if _, busy := errors.AsType[*guard.BusyError](err); busy {
		return kind{http.StatusServiceUnavailable, CodeUnavailable}
	}
	for _, row := range []struct {
		is error
		kind
	}{
		{storage.ErrBadQuery, kind{http.StatusBadRequest, CodeBadQuery}},
		{storage.ErrNotFound, kind{http.StatusNotFound, CodeNotFound}},
		{storage.ErrConflict, kind{http.StatusConflict, CodeConflict}},
		{storage.ErrLimit, kind{http.StatusUnprocessableEntity, CodeLimitExceeded}},
		{storage.ErrUnavailable, kind{http.StatusServiceUnavailable, CodeUnavailable}},
		{context.DeadlineExceeded, kind{http.StatusGatewayTimeout, CodeTimeout}},
		{context.Canceled, kind{statusClientClosed, CodeTimeout}},
	} {
		if errors.Is(err, row.is) {
			return row.kind
		}
	}
	return kind{http.StatusInternalServerError, CodeInternal}
}

// statusClientClosed is what proxies log for a client that left; nobody reads it.
const statusClientClosed = 499

// retryAfter is what an overloaded or restarting store asks clients to wait, in seconds.
const retryAfter = "2"

type errorAnswer struct {
	Error errorBody `json:"error"`
}

type errorBody struct {
	Code    string         `json:"code"`
	Message string         `json:"message"`
	Details map[string]any `json:"details"`
}

// WriteError answers err in the API's form. The words of an internal error stay with us.
func WriteError(w http.ResponseWriter, err error) {
	k := classify(err)
	body := errorBody{Code: k.code, Message: err.Error(), Details: map[string]any{}}
	var own *Error
	var query *search.Error
	switch {
	case errors.As(err, &own) && own.Details != nil:
		body.Details = own.Details
	case errors.As(err, &query):
		body.Message = query.Error()
		body.Details["position"] = query.Position
	case k.code == CodeInternal:
		body.Message = "internal error; the server's log says more"
	}
	if k.status == http.StatusServiceUnavailable || k.status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", retryAfter)
	}
	WriteJSON(w, k.status, errorAnswer{Error: body})
}
