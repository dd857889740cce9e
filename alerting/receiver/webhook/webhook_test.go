// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"context"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newSender(t *testing.T) *Sender {
	t.Helper()
	s := NewSender("test")
	t.Cleanup(s.Close)
	return s
}

func TestSendSigns(t *testing.T) {
	secret := secretPrefix + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32)))
	var got *http.Request
	var body []byte
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
	}))
	defer srv.Close()
	s := newSender(t)
	r := s.Send(t.Context(), Target{URL: srv.URL, Secret: secret, AllowPrivate: true}, "msg_1", []byte(`{"a":1}`))
	require.NoError(t, r.Err)
	require.Equal(t, 200, r.Status)
	require.Equal(t, `{"a":1}`, string(body))
	require.Equal(t, "msg_1", got.Header.Get("webhook-id"))
	require.Equal(t, Sign(secret, "msg_1", got.Header.Get("webhook-timestamp"), body), got.Header.Get("webhook-signature"))
	require.Equal(t, "application/json", got.Header.Get("Content-Type"))
	s.Send(t.Context(), Target{URL: srv.URL, AllowPrivate: true}, "msg_2", nil)
	require.Empty(t, got.Header.Get("webhook-signature"))
}

// TestSign is the example of the Standard Webhooks specification's reference libraries.
func TestSign(t *testing.T) {
	got := Sign("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", []byte(`{"test": 2432232314}`))
	require.Equal(t, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", got)
}

func TestValidateSecret(t *testing.T) {
	for secret, ok := range map[string]bool{
		"": true, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw": true, "whsec_c2hvcnQ=": false, "whsec_!": false, "short": false, "long enough": true,
		strings.Repeat("x", 200): false,
	} {
		require.Equal(t, ok, ValidateSecret(secret) == nil, secret)
	}
}

// TestSendRefuses dials for real: a server listens on loopback, and no notation of its address reaches it.
func TestSendRefuses(t *testing.T) {
	hits := 0
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits++ }))
	defer srv.Close()
	_, port, err := net.SplitHostPort(strings.TrimPrefix(srv.URL, "http://"))
	require.NoError(t, err)
	s := newSender(t)
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0x7f000001", "2130706433", "127.1", "0177.0.0.1", "0.0.0.0", "[::]"} {
		r := s.Send(t.Context(), Target{URL: "http://" + host + ":" + port}, "id", nil)
		require.Error(t, r.Err, host)
		require.Zero(t, r.Status, host)
	}
	require.Zero(t, hits)
}

func TestSendDoesNotFollow(t *testing.T) {
	followed := false
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/inside" {
			followed = true
			return
		}
		http.Redirect(w, r, "/inside", http.StatusTemporaryRedirect)
	}))
	defer srv.Close()
	r := newSender(t).Send(t.Context(), Target{URL: srv.URL, AllowPrivate: true}, "id", nil)
	require.Equal(t, 307, r.Status)
	require.Error(t, r.Err)
	require.False(t, followed)
}

func TestSendAnswers(t *testing.T) {
	var answer http.HandlerFunc
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answer(w, r) }))
	defer srv.Close()
	s := newSender(t)
	send := func() Result {
		return s.Send(t.Context(), Target{URL: srv.URL + "/secret-token", AllowPrivate: true}, "id", nil)
	}

	answer = func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "no\n  way", http.StatusInternalServerError)
	}
	require.EqualError(t, send().Err, "receiver answered 500: no way")

	answer = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) }
	require.True(t, send().Gone())

	answer = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusTooManyRequests)
	}
	require.Equal(t, 7*time.Second, send().RetryAfter)

	chunk := strings.Repeat("x", 1<<16)
	answer = func(w http.ResponseWriter, r *http.Request) { // An answer without an end.
		w.WriteHeader(http.StatusInternalServerError)
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, chunk); err != nil {
				return
			}
		}
	}
	r := send()
	require.Equal(t, 500, r.Status)
	require.Less(t, len(r.Err.Error()), 300)

	answer = func(w http.ResponseWriter, _ *http.Request) { // Taken, then a body without an end.
		w.Header().Set("Content-Length", "1000000")
		w.WriteHeader(http.StatusOK)
	}
	require.NoError(t, send().Err)

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	answer = func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	r = s.Send(ctx, Target{URL: srv.URL + "/secret-token", AllowPrivate: true}, "id", nil)
	require.ErrorContains(t, r.Err, "no answer")
	require.NotContains(t, r.Err.Error(), "secret-token")
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

func TestNewMessage(t *testing.T) {
	alerts := make([]Alert, MaxAlerts+5)
	for i := range alerts {
		alerts[i] = Alert{Status: StatusResolved, Labels: map[string]string{"alertname": "a", "i": strconv.Itoa(i)}, Annotations: map[string]string{"s": "same"}}
	}
	alerts[MaxAlerts+1].Status = StatusFiring
	m := NewMessage(Group{Key: "k"}, alerts)
	require.Equal(t, StatusFiring, m.Status, "also when the firing one is cut off")
	require.Equal(t, 5, m.TruncatedAlerts)
	require.Len(t, m.Alerts, MaxAlerts)
	require.Equal(t, map[string]string{"alertname": "a"}, m.CommonLabels)
	require.Equal(t, map[string]string{"s": "same"}, m.CommonAnnotations)
}
