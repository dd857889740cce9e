// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/strata-apm/strata/alerting/receiver"
	"github.com/strata-apm/strata/alerting/receiver/httpsend"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newTypes(t *testing.T) receiver.Types {
	t.Helper()
	client := httpsend.New("test")
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	types, err := receiver.NewTypes(Type(client))
	require.NoError(t, err)
	return types
}

// notifierOf makes a notifier as the API and delivery do.
func notifierOf(t *testing.T, c Config) receiver.Notifier {
	t.Helper()
	written, err := json.Marshal(c)
	require.NoError(t, err)
	types := newTypes(t)
	stored, err := types.Accept("webhook", written, "")
	require.NoError(t, err)
	n, err := types.Notifier("webhook", stored)
	require.NoError(t, err)
	return n
}

func TestNotify(t *testing.T) {
	secret := secretPrefix + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32)))
	var got *http.Request
	var body []byte
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
	}))
	defer srv.Close()
	sent := receiver.Notification{ID: "msg_1", Message: receiver.NewMessage(receiver.Group{Key: "k"}, []receiver.Alert{{Status: receiver.StatusFiring}})}
	require.NoError(t, notifierOf(t, Config{URL: srv.URL, Secret: secret, AllowPrivate: true}).Notify(t.Context(), sent))
	var m receiver.Message
	require.NoError(t, json.Unmarshal(body, &m))
	require.Equal(t, sent.Message, m)
	require.Equal(t, "msg_1", got.Header.Get("webhook-id"))
	require.Equal(t, sign(secret, "msg_1", got.Header.Get("webhook-timestamp"), body), got.Header.Get("webhook-signature"))
	require.Equal(t, "application/json", got.Header.Get("Content-Type"))

	require.NoError(t, notifierOf(t, Config{URL: srv.URL, AllowPrivate: true}).Notify(t.Context(), sent))
	require.NotContains(t, got.Header, http.CanonicalHeaderKey("webhook-signature"))
	require.NotEmpty(t, got.Header.Get("webhook-timestamp"))
}

// TestTimestamp is that of the attempt.
func TestTimestamp(t *testing.T) {
	var got string
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header.Get("webhook-timestamp") }))
	defer srv.Close()
	client := httpsend.New("test")
	defer func() { require.NoError(t, client.Close()) }()
	w := &notifier{config: Config{URL: srv.URL, AllowPrivate: true}, client: client, now: func() time.Time { return time.Unix(1614265330, 999) }}
	require.NoError(t, w.Notify(t.Context(), receiver.Notification{ID: "x"}))
	require.Equal(t, "1614265330", got)
}

func TestGone(t *testing.T) {
	status := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	defer srv.Close()
	n := notifierOf(t, Config{URL: srv.URL, AllowPrivate: true})
	for status = range map[int]bool{400: true, 404: true, 410: true, 500: true} {
		answer, ok := errors.AsType[*receiver.Error](n.Notify(t.Context(), receiver.Notification{ID: "x"}))
		require.True(t, ok)
		require.Equal(t, status, answer.Status)
		require.Equal(t, status == http.StatusGone, answer.Gone)
	}
}

func TestConfig(t *testing.T) {
	types := newTypes(t)
	for written, want := range map[string]string{
		`{}`:                          "config.url: missing",
		`{"url":"ftp://x.example"}`:   "config.url: scheme",
		`{"url":"http://127.0.0.1/"}`: "allow_private",
		`{"url":"https://x.example","secret":"short"}`:  "config.secret: must have",
		`{"url":"https://x.example","allow_private":1}`: "config.allow_private: must be boolean",
		`{"url":"https://x.example","token":"x"}`:       "config.token: unknown; the keys are allow_private, secret, url",
	} {
		_, err := types.Accept("webhook", []byte(written), "")
		require.ErrorContains(t, err, want)
	}
	stored, err := types.Accept("webhook", []byte(`{"url":"https://x.example"}`), `{"url":"https://y.example","secret":"0123456789","allow_private":true}`)
	require.NoError(t, err)
	require.JSONEq(t, `{"url":"https://x.example","secret":"0123456789","allow_private":false}`, stored)
	shown, err := types.Show("webhook", stored)
	require.NoError(t, err)
	require.JSONEq(t, `{"url":"https://x.example","secret_set":true,"allow_private":false}`, string(shown))
}

// TestSign is the example of the Standard Webhooks specification's reference libraries.
func TestSign(t *testing.T) {
	got := sign("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", []byte(`{"test": 2432232314}`))
	require.Equal(t, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", got)
}

func TestValidateSecret(t *testing.T) {
	for secret, ok := range map[string]bool{
		"": true, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw": true, "whsec_c2hvcnQ=": false, "whsec_!": false, "short": false, "long enough": true,
		strings.Repeat("x", 200): false,
	} {
		require.Equal(t, ok, validateSecret(secret) == nil, secret)
	}
}
