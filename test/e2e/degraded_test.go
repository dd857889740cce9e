// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// instanceStates are the processes as the Data health page shows them, by id.
func (s *server) instanceStates() (map[string]string, error) {
	var answer struct {
		Instances []struct {
			ID      string `json:"id"`
			State   string `json:"state"`
			Message string `json:"message"`
		} `json:"instances"`
	}
	if err := s.getJSON("/api/v1/status/instances", &answer); err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, in := range answer.Instances {
		out[in.ID] = in.State + " " + in.Message
	}
	return out, nil
}

// requireState waits until the page says that of a process.
func (s *server) requireState(t *testing.T, id, state string) {
	t.Helper()
	eventually(t, 40*time.Second, "the page says that "+id+" is "+state, func() error {
		states, err := s.instanceStates()
		if err == nil && !strings.HasPrefix(states[id], state) {
			err = fmt.Errorf("%v", states)
		}
		return err
	})
}

// promAnswer is what an instant query answers.
type promAnswer struct {
	Warnings []string `json:"warnings"`
	Data     struct {
		Result []struct {
			Metric map[string]string `json:"metric"`
			Value  [2]any            `json:"value"`
		} `json:"result"`
	} `json:"data"`
}

func (s *server) instant(query string) (a promAnswer, err error) {
	err = s.getJSON("/prometheus/api/v1/query?query="+url.QueryEscape(query), &a)
	return a, err
}

// TestSpreadWhatIsAwayIsSaid takes one thing after the other away: the gateway refuses with the right code or the bus keeps the data, the
// page names the cause, and everything catches up by itself.
func TestSpreadWhatIsAwayIsSaid(t *testing.T) {
	t.Parallel()
	sp := startSpreadOn(t, spreadOptions{brokers: 1, writers: 2, env: []string{
		"STRATA_BUS_KAFKA_SESSION_TIMEOUT=" + sessionTimeout.String(), "STRATA_BUS_KAFKA_REBALANCE_TIMEOUT=15s",
	}})
	s := sp.server
	traces := func(seq int) []byte {
		b, err := ptraceotlp.NewExportRequestFromTraces(loadTrace(seq)).MarshalProto()
		require.NoError(t, err)
		return b
	}
	post := func(path string, body []byte) (int, string) {
		resp := s.post(t, path, body)
		b, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		return resp.StatusCode, resp.Header.Get("Retry-After") + " " + string(b)
	}
	code, _ := post("/v1/traces", traces(1))
	require.Equal(t, 200, code)
	s.waitStored()

	// Kafka away: refused with a code that every exporter tries again on, and a time to wait.
	require.NoError(t, sp.kafka.Kill(t.Context(), 1))
	code, answer := post("/v1/traces", traces(2))
	require.Equal(t, 503, code, answer)
	require.NotEqual(t, byte(' '), answer[0], "Retry-After: %q", answer)
	s.requireState(t, gatewayID(t, s), "down")
	_, err := sp.gateway.get("/-/ready")
	require.ErrorContains(t, err, "503")
	require.NoError(t, sp.kafka.Restart(t.Context(), 1))
	eventually(t, 40*time.Second, "the gateway takes spans again", func() error {
		if code, answer := post("/v1/traces", traces(2)); code != 200 {
			return errors.New(answer)
		}
		return nil
	})
	s.waitStored()

	// ClickHouse away: the bus keeps it.
	sp.engine.kill()
	code, _ = post("/v1/traces", traces(3))
	require.Equal(t, 200, code)
	logs, err := plogotlp.NewExportRequestFromLogs(loadLogs(3)).MarshalProto()
	require.NoError(t, err)
	code, _ = post("/v1/logs", logs)
	require.Equal(t, 200, code)
	s.requireState(t, "writer-1", "down clickhouse")
	eventually(t, 20*time.Second, "the lag is shown", func() error {
		var marks struct {
			Watermarks []struct {
				Topic   string  `json:"topic"`
				Lag     int64   `json:"lag_records"`
				Seconds float64 `json:"lag_seconds"`
			} `json:"watermarks"`
		}
		if err := s.getJSON("/api/v1/status/watermarks", &marks); err != nil {
			return err
		}
		for _, m := range marks.Watermarks {
			if m.Topic == "strata.traces" && m.Lag > 0 && m.Seconds > 0 {
				return nil
			}
		}
		return fmt.Errorf("%+v", marks.Watermarks)
	})
	sp.engine.launch()
	s.requireState(t, "writer-1", "ok")
	s.waitStored()
	got, err := s.readTraces()
	require.NoError(t, err)
	require.Equal(t, map[int]int{1: spansPerTrace, 2: spansPerTrace, 3: spansPerTrace}, got)

	// A writer away: the answer says which, and what the other has is still there.
	for i := range 8 { // Several resources, so that both writers have some.
		md := gauge("spread.out", i, 1, time.Now())
		md.ResourceMetrics().At(0).Resource().Attributes().PutInt("service.instance.id", int64(i))
		body, err := pmetricotlp.NewExportRequestFromMetrics(md).MarshalProto()
		require.NoError(t, err)
		code, answer := post("/v1/metrics", body)
		require.Equal(t, 200, code, answer)
	}
	s.waitStored()
	whole, err := s.instant("spread_out")
	require.NoError(t, err)
	require.Len(t, whole.Data.Result, 8)
	require.Empty(t, whole.Warnings)
	sp.writers[1].kill()
	part, err := s.instant("spread_out")
	require.NoError(t, err)
	require.NotEmpty(t, part.Warnings)
	require.Contains(t, part.Warnings[0], "writer-2")
	require.NotEmpty(t, part.Data.Result)
	require.Less(t, len(part.Data.Result), 8)
	s.requireState(t, "writer-2", "down")
	s.runFlows(t, "partial.e2e.mjs", "STRATA_E2E_QUERY=spread_out", "STRATA_E2E_WARNING=writer-2")
	sp.writers[1].restart()
	eventually(t, 30*time.Second, "the answer is whole again", func() error {
		whole, err := s.instant("spread_out")
		if err == nil && (len(whole.Data.Result) != 8 || len(whole.Warnings) > 0) {
			err = fmt.Errorf("%d series, %v", len(whole.Data.Result), whole.Warnings)
		}
		return err
	})

	for _, p := range sp.processes() {
		require.Less(t, p.terminate(), 30*time.Second, p.role)
	}
}

// gatewayID is the name of the gateway's process.
func gatewayID(t *testing.T, s *server) string {
	t.Helper()
	states, err := s.instanceStates()
	require.NoError(t, err)
	for id := range states {
		if strings.HasPrefix(id, "gateway") {
			return id
		}
	}
	t.Fatalf("no gateway in %v", states)
	return ""
}

// TestTwoGroupsReplicateMetrics: a second group of writers takes the same metrics, so one of the two may be away and the answer is whole.
func TestTwoGroupsReplicateMetrics(t *testing.T) {
	t.Parallel()
	sp := startSpread(t, 1)
	second := startRole(t, "writer", "", append(sp.env, "STRATA_CLUSTER_INSTANCE=replica-1", "STRATA_BUS_KAFKA_GROUP=replica", "STRATA_WRITER_SIGNALS=[metrics]")...)
	body, err := pmetricotlp.NewExportRequestFromMetrics(gauge("twice", 0, 5, time.Now())).MarshalProto()
	require.NoError(t, err)
	resp := sp.post(t, "/v1/metrics", body)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, 200, resp.StatusCode)
	eventually(t, 60*time.Second, "both groups have the samples", func() error {
		for _, w := range []*server{sp.writers[0], second} {
			a, err := w.instant("count_over_time(twice[5m])")
			if err == nil && len(a.Data.Result) != 5 {
				err = fmt.Errorf("%d series", len(a.Data.Result))
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	for _, away := range []*server{nil, sp.writers[0], second} {
		if away != nil {
			away.kill()
		}
		a, err := sp.instant("count_over_time(twice[5m])")
		require.NoError(t, err)
		require.Len(t, a.Data.Result, 5)
		for _, r := range a.Data.Result {
			require.Equal(t, "1", r.Value[1], "one sample, whoever has it")
		}
		if away != nil {
			away.restart()
			eventually(t, 30*time.Second, "it is back", func() error {
				_, err := away.instant("vector(1)")
				return err
			})
		}
	}
}
