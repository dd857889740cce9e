// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// webhookSink collects what it is sent.
type webhookSink struct {
	mu   sync.Mutex
	ids  []string
	got  []map[string]any
	fail bool
}

func (w *webhookSink) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	var body map[string]any
	_ = json.NewDecoder(r.Body).Decode(&body)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ids = append(w.ids, r.Header.Get("Webhook-Id"))
	if w.fail {
		rw.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.got = append(w.got, body)
}

func (s *server) send(t *testing.T, method, path string, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	require.NoError(t, err)
	req, err := http.NewRequestWithContext(t.Context(), method, s.url(path), bytes.NewReader(b))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	out, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Less(t, resp.StatusCode, 300, string(out))
	return out
}

// An alert that fires while its webhook is down is sent after a kill and a restart, under the id it had.
func TestAlertReachesItsWebhookOverAKill(t *testing.T) {
	t.Parallel()
	env := append(quiet(), "STRATA_ALERTING_EVALUATION_INTERVAL=1s")
	t.Run("all", func(t *testing.T) {
		s := start(t, env...)
		alertOverAKill(t, s, s)
	})
	t.Run("spread", func(t *testing.T) {
		sp := startSpread(t, 1, env...)
		alertOverAKill(t, sp.server, sp.alert)
	})
}

// alertOverAKill talks to s; evaluator is the process that evaluates rules.
func alertOverAKill(t *testing.T, s, evaluator *server) {
	t.Helper()
	sink := &webhookSink{fail: true}
	hook := httptest.NewServer(sink)
	t.Cleanup(hook.Close)
	s.send(t, http.MethodPost, "/api/v1/notifiers", map[string]any{
		"name": "night", "type": "webhook", "config": map[string]any{"url": hook.URL, "allow_private": true}, "send_resolved": true, "enabled": true,
	})
	s.send(t, http.MethodPost, "/api/v1/rules", map[string]any{
		"yaml": "name: shop\nrules:\n  - alert: AlwaysThere\n    expr: vector(1)\n    labels: {severity: page}\n    annotations: {summary: 'value {{ $value }}'}\n",
	})
	attempts := func() []string {
		sink.mu.Lock()
		defer sink.mu.Unlock()
		return append([]string(nil), sink.ids...)
	}
	eventually(t, 30*time.Second, "the webhook is tried", func() error {
		if len(attempts()) == 0 {
			return io.ErrNoProgress
		}
		return nil
	})
	var alerts struct {
		Data struct {
			Alerts []struct {
				State string `json:"state"`
			} `json:"alerts"`
		} `json:"data"`
	}
	require.NoError(t, s.getJSON("/prometheus/api/v1/alerts", &alerts))
	require.Len(t, alerts.Data.Alerts, 1)
	require.Equal(t, "firing", alerts.Data.Alerts[0].State)

	var series struct {
		Data struct {
			Result []any `json:"result"`
		} `json:"data"`
	}
	eventually(t, 20*time.Second, "the ALERTS series is there", func() error {
		if err := s.getJSON("/prometheus/api/v1/query?query=ALERTS%7Balertname%3D%22AlwaysThere%22%7D", &series); err != nil {
			return err
		}
		if len(series.Data.Result) != 1 {
			return fmt.Errorf("%d series", len(series.Data.Result))
		}
		return nil
	})

	evaluator.kill()
	sink.mu.Lock()
	sink.fail = false
	sink.mu.Unlock()
	evaluator.restart()
	eventually(t, 60*time.Second, "the webhook is delivered", func() error {
		sink.mu.Lock()
		defer sink.mu.Unlock()
		if len(sink.got) == 0 {
			return fmt.Errorf("%d attempts", len(sink.ids))
		}
		return nil
	})
	sink.mu.Lock()
	defer sink.mu.Unlock()
	require.Equal(t, "4", sink.got[0]["version"])
	require.Equal(t, "firing", sink.got[0]["status"])
	for _, id := range sink.ids {
		require.Equal(t, sink.ids[0], id, "one id over all attempts")
	}
}
