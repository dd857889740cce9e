// SPDX-License-Identifier: Apache-2.0

package httpx

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage"
)

// TestClassify is the table from errors to answers; an error that no row knows keeps its words from the client.
func TestClassify(t *testing.T) {
	for _, tc := range []struct {
		err    error
		status int
		code   Code
	}{
		{storage.ErrInvalid, 400, CodeBadRequest},
		{storage.ErrBadQuery, 400, CodeBadQuery},
		{storage.ErrNotFound, 404, CodeNotFound},
		{storage.ErrConflict, 409, CodeConflict},
		{storage.ErrLimit, 422, CodeLimitExceeded},
		{storage.ErrUnavailable, 503, CodeUnavailable},
		{context.DeadlineExceeded, 504, CodeTimeout},
		{context.Canceled, 499, CodeTimeout},
		{errors.New("password"), 500, CodeInternal},
		{BadRequest("field %d", 7), 400, CodeBadRequest},
		{NotFound("x"), 404, CodeNotFound},
		{Conflict("x"), 409, CodeConflict},
		{Unavailable("x"), 503, CodeUnavailable},
	} {
		t.Run(tc.err.Error(), func(t *testing.T) {
			got := Classify(fmt.Errorf("list things: %w", tc.err))
			require.Equal(t, []any{tc.status, tc.code}, []any{got.Status, got.Code})
			require.NotContains(t, got.Message, "password")
		})
	}
}

// telling is an error with details and a time to wait.
type telling struct{}

func (telling) Error() string             { return "unexpected (" }
func (telling) Unwrap() error             { return storage.ErrUnavailable }
func (telling) Details() map[string]any   { return map[string]any{"position": 3} }
func (telling) RetryAfter() time.Duration { return 1500 * time.Millisecond }

func TestWriteError(t *testing.T) {
	for _, tc := range []struct {
		err              error
		body, retryAfter string
	}{
		{fmt.Errorf("search: %w", telling{}), `{"error":{"code":"unavailable","message":"unexpected (","details":{"position":3}}}`, "2"},
		{storage.ErrUnavailable, `{"error":{"code":"unavailable","message":"store unavailable","details":{}}}`, "2"},
		{&Error{Status: 429, Code: CodeTooManyRequests, Message: "m", RetryAfter: time.Minute}, `{"error":{"code":"too_many_requests","message":"m","details":{}}}`, "60"},
		{NotFound("x"), `{"error":{"code":"not_found","message":"x","details":{}}}`, ""},
	} {
		w := httptest.NewRecorder()
		WriteError(w, tc.err)
		require.JSONEq(t, tc.body, w.Body.String())
		require.Equal(t, tc.retryAfter, w.Header().Get("Retry-After"))
		require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
		require.True(t, json.Valid(w.Body.Bytes()))
	}
	w := httptest.NewRecorder()
	WriteError(w, &Error{Status: http.StatusUnauthorized, Code: CodeUnauthenticated, Message: "m", Challenge: "Bearer"})
	require.Equal(t, []string{"Bearer", ""}, []string{w.Header().Get("WWW-Authenticate"), w.Header().Get("Retry-After")})
}
