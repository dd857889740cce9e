// SPDX-License-Identifier: Apache-2.0

package httpsend

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/strata-apm/strata/alerting/receiver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newClient(t *testing.T) *Client {
	t.Helper()
	c := New("test")
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

func TestPost(t *testing.T) {
	var got *http.Request
	var body []byte
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		w.WriteHeader(http.StatusAccepted)
	}))
	defer srv.Close()
	h := http.Header{"Authorization": {"Bearer x"}, "User-Agent": {"mine"}}
	require.NoError(t, newClient(t).Post(t.Context(), Request{URL: srv.URL + "/p?q=1", Header: h, Body: []byte(`{"a":1}`), AllowPrivate: true}))
	require.Equal(t, http.MethodPost, got.Method)
	require.Equal(t, "/p?q=1", got.URL.String())
	require.Equal(t, `{"a":1}`, string(body))
	require.Equal(t, "Bearer x", got.Header.Get("Authorization"))
	require.Equal(t, []string{"application/json", "strata/test"}, []string{got.Header.Get("Content-Type"), got.Header.Get("User-Agent")})
	require.Equal(t, []string{"mine"}, h["User-Agent"], "the caller's header is not changed")
}

func TestValidateURL(t *testing.T) {
	for address, want := range map[string]string{
		"": "url: missing",
		"https://x.example/" + strings.Repeat("x", maxURLLength): "more than",
		"ftp://x.example":           "neither http nor https",
		"http://":                   "no host",
		"https://user:pw@x.example": "credentials",
		"http://127.0.0.1/":         "allow_private permits",
		"http://[::ffff:10.0.0.1]/": "allow_private permits",
		"http://x.example:99999":    "port",
		"https://x.example/hook":    "",
	} {
		err := ValidateURL(address, false)
		if want == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, want)
		require.True(t, strings.HasPrefix(err.Error(), "url: "), "%v", err)
	}
	require.NoError(t, ValidateURL("http://127.0.0.1/", true))
}

// TestPostRefuses dials for real: a server listens on loopback, and no notation of its address reaches it.
func TestPostRefuses(t *testing.T) {
	hits := 0
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits++ }))
	defer srv.Close()
	_, port, err := net.SplitHostPort(strings.TrimPrefix(srv.URL, "http://"))
	require.NoError(t, err)
	c := newClient(t)
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0x7f000001", "2130706433", "127.1", "0177.0.0.1", "0.0.0.0", "[::]"} {
		err := c.Post(t.Context(), Request{URL: "http://" + host + ":" + port})
		require.Error(t, err, host)
		_, answered := errors.AsType[*receiver.Error](err)
		require.False(t, answered, host)
	}
	require.Zero(t, hits)
}

func TestPostDoesNotFollow(t *testing.T) {
	followed := false
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/inside" {
			followed = true
			return
		}
		http.Redirect(w, r, "/inside", http.StatusTemporaryRedirect)
	}))
	defer srv.Close()
	answer, ok := errors.AsType[*receiver.Error](newClient(t).Post(t.Context(), Request{URL: srv.URL, AllowPrivate: true}))
	require.True(t, ok)
	require.Equal(t, 307, answer.Status)
	require.False(t, followed)
}

func TestAnswers(t *testing.T) {
	var answer http.HandlerFunc
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answer(w, r) }))
	defer srv.Close()
	c := newClient(t)
	post := func(ctx context.Context) error {
		return c.Post(ctx, Request{URL: srv.URL + "/secret-token", AllowPrivate: true})
	}
	refused := func() *receiver.Error {
		e, ok := errors.AsType[*receiver.Error](post(t.Context()))
		require.True(t, ok)
		require.NotContains(t, e.Error(), "secret-token")
		return e
	}

	answer = func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "no\n  way", http.StatusInternalServerError)
	}
	require.EqualError(t, refused(), "receiver answered 500: no way")

	answer = func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte{0xff}) }
	require.NoError(t, post(t.Context()), "whatever it says with a 200")
	answer = func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadGateway)
		_, _ = w.Write([]byte{0xff})
	}
	require.EqualError(t, refused(), "receiver answered 502", "what is no text is not shown")

	answer = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusTooManyRequests)
	}
	require.Equal(t, 7*time.Second, refused().RetryAfter)

	chunk := strings.Repeat("x", 1<<16)
	answer = func(w http.ResponseWriter, r *http.Request) { // An answer without an end.
		w.WriteHeader(http.StatusInternalServerError)
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, chunk); err != nil {
				return
			}
		}
	}
	endless := refused()
	require.Equal(t, 500, endless.Status)
	require.Less(t, len(endless.Error()), 300)

	answer = func(w http.ResponseWriter, _ *http.Request) { // Refused, then a body that ends early.
		w.Header().Set("Content-Length", "1000000")
		w.WriteHeader(http.StatusBadRequest)
	}
	require.EqualError(t, refused(), "receiver answered 400")

	answer = func(w http.ResponseWriter, _ *http.Request) { // Taken, then a body that ends early.
		w.Header().Set("Content-Length", "1000000")
		w.WriteHeader(http.StatusOK)
	}
	require.NoError(t, post(t.Context()))

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	answer = func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	err := post(ctx)
	require.ErrorContains(t, err, "no answer")
	require.NotContains(t, err.Error(), "secret-token")
}

// TestErrorsNameNoURL: it can hold a token.
func TestErrorsNameNoURL(t *testing.T) {
	c := newClient(t)
	for _, address := range []string{"http://127.0.0.1:1/secret-token", "http://no.invalid/secret-token", "http://x\x7f/secret-token", "x://secret-token"} {
		err := c.Post(t.Context(), Request{URL: address, AllowPrivate: true})
		require.Error(t, err)
		require.NotContains(t, err.Error(), "secret-token")
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "5": 5 * time.Second, "-5": 0, "999999": maxRetryAfter, "soon": 0,
		now.Add(time.Minute).Format(http.TimeFormat): time.Minute, now.Add(-time.Minute).Format(http.TimeFormat): 0,
	} {
		require.Equal(t, want, retryAfter(value, now), value)
	}
}
