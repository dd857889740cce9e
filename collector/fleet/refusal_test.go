// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// refusing answers every request so, and is asked with the key.
func refusing(t *testing.T, code int, body string) string {
	t.Helper()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer key" {
			code, body = http.StatusTeapot, "no key"
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body) // The client's side fails.
	}))
	t.Cleanup(web.Close)
	return web.URL + "/v1/opamp"
}

func TestRefusal(t *testing.T) {
	for _, tc := range []struct {
		code       int
		body, want string
	}{
		{403, `{"error":{"code":"forbidden","message":"it needs a key of the tenant default","details":{}}}`, "refused: 403 Forbidden: it needs a key of the tenant default"},
		{401, "the key is\n  unknown\n", "refused: 401 Unauthorized: the key is unknown"},
		{503, "", "refused: 503 Service Unavailable"},
		{308, "", "refused: 308 Permanent Redirect"},
		{404, `{"error":{}}`, `refused: 404 Not Found: {"error":{}}`},
		{502, strings.Repeat("x", 2*maxRefusal), "refused: 502 Bad Gateway: " + strings.Repeat("x", maxRefusal)},
		{400, "no WebSocket", ""},
		{405, "", ""},
		{426, "", ""},
		{200, "", ""},
	} {
		err := New(options(refusing(t, tc.code, tc.body), newAgent())).refusal(t.Context())
		if tc.want == "" {
			require.NoError(t, err, tc.code)
			continue
		}
		require.EqualError(t, err, tc.want)
		require.ErrorIs(t, err, errRefused)
	}
	web := httptest.NewServer(http.NotFoundHandler())
	web.Close()
	require.NoError(t, New(options(web.URL, newAgent())).refusal(t.Context()), "a server that is away refuses nothing")
	require.NoError(t, New(options("http://[bad", newAgent())).refusal(t.Context()))
}

// TestRefusedIsTold: the words of the server are there soon after the first attempt.
func TestRefusedIsTold(t *testing.T) {
	c := New(options(refusing(t, http.StatusForbidden, `{"error":{"message":"it needs a key of the tenant default"}}`), newAgent()))
	run(t, c)
	eventually(t, func() bool { return c.Connection().Error != "" }, "the reason")
	require.Equal(t, "refused: 403 Forbidden: it needs a key of the tenant default", c.Connection().Error)
}

// TestRefusedIsLoggedOnce: until it is another, or the server was heard in between.
func TestRefusedIsLoggedOnce(t *testing.T) {
	var log bytes.Buffer
	o := options("http://server", newAgent())
	o.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	c := New(o)
	wrapped := func(text string) error { return errors.Join(errRefused, errors.New(text)) }
	for i, step := range []struct {
		do   func()
		want int
	}{
		{func() { c.tell(errors.New("no answer")) }, 0},
		{func() { c.tell(wrapped("403")) }, 1},
		{func() { c.lost(overWebSocket, wrapped("403")) }, 1},
		{func() { c.lost(overHTTP, wrapped("401")) }, 2},
		{func() { (&session{Client: c, transport: overHTTP}).hear() }, 2},
		{func() { c.lost(overHTTP, wrapped("401")) }, 3},
	} {
		step.do()
		require.Equal(t, step.want, strings.Count(log.String(), "turns the agent away"), i)
	}
	require.NotContains(t, log.String(), "not heard", "a refusal is an answer")
}
