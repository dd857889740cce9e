// SPDX-License-Identifier: Apache-2.0

package promapi

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/rules"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/metrics/fanout"
)

// quick finds a dead writer within a fraction of a second.
func quick() fanout.Config {
	cfg := fanout.DefaultConfig()
	cfg.ConnectTimeout, cfg.ProbeAfter, cfg.Cooldown = 200*time.Millisecond, 100*time.Millisecond, 100*time.Millisecond
	return cfg
}

var hour = url.Values{"query": {`requests_total`}, "start": {unix(start)}, "end": {unix(start.Add(time.Hour))}, "step": {"60"}}

// endpoints are everything that reads from writers, with a request that finds something.
var endpoints = []struct {
	path string
	form url.Values
}{
	{"/query", url.Values{"query": {`sum(requests_total)`}, "time": {unix(start.Add(time.Hour))}}},
	{"/query_range", hour},
	{"/series", url.Values{"match[]": {`requests_total`}}},
	{"/series", url.Values{"match[]": {`requests_total`, `latency`}}},
	{"/labels", nil},
	{"/labels", url.Values{"match[]": {`requests_total`, `latency`}}},
	{"/label/__name__/values", nil},
	{"/query_exemplars", url.Values{"query": {`requests_total`}, "start": {unix(start)}, "end": {unix(start.Add(time.Hour))}}},
	{"/metadata", nil},
	{"/metadata", url.Values{"metric": {"requests_total"}}},
	{"/status/tsdb", nil},
}

// deadListener takes connections and never answers, as a process that was stopped does.
func deadListener(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return "http://" + l.Addr().String()
}

// serveStatus answers every request with one status.
func serveStatus(t *testing.T, code int, body string) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// cutAfter is a TCP proxy that ends each connection after n bytes of the answer.
func cutAfter(t *testing.T, target string, n int64) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(target, "http://"))
			if err != nil {
				_ = client.Close()
				continue
			}
			wg.Go(func() { _, _ = io.Copy(server, client); _ = server.Close() })
			wg.Go(func() { _, _ = io.CopyN(client, server, n); _ = client.Close(); _ = server.Close() })
		}
	})
	t.Cleanup(func() { _ = l.Close(); wg.Wait() })
	return "http://" + l.Addr().String()
}

// small is the shop's first hour, spread over three writers by series.
func small(t *testing.T, wrap func(int, http.Handler) http.Handler) []*proc {
	t.Helper()
	samples := slices.DeleteFunc(shop(), func(s sample) bool { return s.t > start.Add(time.Hour).UnixMilli() })
	return spread(t, samples, spreads["by series"], wrap)
}

// TestWriterThatDoesNotAnswerMakesTheAnswerPartial: in every way not to answer, the others' part comes with a warning.
func TestWriterThatDoesNotAnswerMakesTheAnswerPartial(t *testing.T) {
	procs := small(t, nil)
	rest, _ := startQuery(t, quick(), procs[0].as("w0"), procs[1].as("w1"))
	down := httptest.NewServer(nil)
	down.Close()
	for _, c := range []struct{ name, url, why string }{
		{"refuses connections", down.URL, "connection refused"},
		{"stopped", deadListener(t), "no sign of life"},
		{"500", serveStatus(t, 500, "tsdb on fire\n"), "500 Internal Server Error: tsdb on fire"},
		{"503", serveStatus(t, 503, `{"status":"error","errorType":"unavailable","error":"TSDB not ready"}`), "503 Service Unavailable: TSDB not ready"},
		{"ends amid the answer", cutAfter(t, procs[2].srv.URL, 150), "did not answer"},
		{"talks rubbish", serveStatus(t, 200, "hello"), "did not answer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			many, store := startQuery(t, quick(), procs[0].as("w0"), procs[1].as("w1"), fanout.Writer{ID: "w2", URL: c.url})
			for _, e := range endpoints {
				want, got := rest.get(t, e.path, e.form), many.get(t, e.path, e.form)
				require.Equal(t, http.StatusOK, want.Code)
				require.Equal(t, http.StatusOK, got.Code, "%s: %s", e.path, got.Error)
				require.Len(t, got.Warnings, 1, e.path)
				require.Contains(t, got.Warnings[0], "writer w2 ("+c.url+") did not answer: ")
				require.Contains(t, got.Warnings[0], c.why, e.path)
				require.Contains(t, got.Warnings[0], "the result is partial")
				require.Equal(t, elements(want.Data), elements(got.Data), e.path)
			}
			requireStrict(t, store)
		})
	}
}

// requireStrict checks that a rule that would be evaluated over a part is not.
func requireStrict(t *testing.T, s *fanout.Storage) {
	t.Helper()
	engine := NewEngine(DefaultConfig(), nil, nil)
	at := start.Add(time.Hour)
	vector, err := rules.EngineQueryFunc(engine, s)(t.Context(), `requests_total`, at)
	require.NoError(t, err)
	require.NotEmpty(t, vector)
	_, err = rules.EngineQueryFunc(engine, s.Strict())(t.Context(), `requests_total`, at)
	require.ErrorIs(t, err, fanout.ErrPartial)
	require.ErrorIs(t, err, storage.ErrUnavailable)
	require.ErrorContains(t, err, "writer w2 (")
}

// TestReplicaStandsInForStrictReaders: with two groups, rules go on while one of them is whole.
func TestReplicaStandsInForStrictReaders(t *testing.T) {
	samples := slices.DeleteFunc(shop(), func(s sample) bool { return s.t > start.Add(10*time.Minute).UnixMilli() })
	procs := spread(t, samples, spreads["replicated twice"], nil)
	a, b := procs[0].as("a"), procs[1].as("b")
	a.Group, b.Group = "g1", "g2"
	b2 := fanout.Writer{ID: "b2", URL: "http://127.0.0.1:1", Group: "g2"}
	query := func(writers ...fanout.Writer) error {
		_, s := startQuery(t, quick(), writers...)
		_, err := rules.EngineQueryFunc(NewEngine(DefaultConfig(), nil, nil), s.Strict())(t.Context(), `requests_total`, start.Add(10*time.Minute))
		return err
	}
	require.NoError(t, query(a, b))
	require.NoError(t, query(a, b, b2))
	require.ErrorIs(t, query(b, b2), fanout.ErrPartial)
	b2.Group = "g1"
	require.NoError(t, query(a, b, b2))
	many, _ := startQuery(t, quick(), a, b, b2) // People are told in any case.
	require.Len(t, many.get(t, "/query_range", hour).Warnings, 1)
}

func TestNoWriterAnswersIsAnError(t *testing.T) {
	down := fanout.Writer{ID: "w0", URL: "http://127.0.0.1:1"}
	dead := fanout.Writer{ID: "w1", URL: deadListener(t)}
	many, _ := startQuery(t, quick(), down, dead)
	none, _ := startQuery(t, quick())
	for _, e := range endpoints {
		got := many.get(t, e.path, e.form)
		require.Equal(t, http.StatusServiceUnavailable, got.Code, "%s: %s", e.path, got.Error)
		require.Equal(t, "unavailable", got.ErrorType)
		require.Contains(t, got.Error, "no writer of metrics answered: writer w0 (http://127.0.0.1:1): dial: connect: connection refused; writer w1 (")
		require.Contains(t, none.get(t, e.path, e.form).Error, "no writer of metrics is known")
	}
}

// TestRefusalIsAnError: what a writer refuses is no gap.
func TestRefusalIsAnError(t *testing.T) {
	procs := small(t, nil)
	for _, c := range []struct {
		name string
		code int
		body string
	}{
		{"limit", 422, `{"status":"error","errorType":"execution","error":"query processing would load too many samples into memory"}`},
		{"no access", 401, "no key\n"},
		{"not there", 404, "404 page not found\n"},
		{"elsewhere", 302, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			many, _ := startQuery(t, quick(), procs[0].as("w0"), fanout.Writer{ID: "w1", URL: serveStatus(t, c.code, c.body)})
			for _, e := range endpoints {
				got := many.get(t, e.path, e.form)
				require.GreaterOrEqual(t, got.Code, 400, e.path)
				require.Contains(t, got.Error, "writer w1 (")
				require.Contains(t, got.Error, "refused: ")
			}
		})
	}
	cfg := quick()
	cfg.MaxBytes = 20_000
	tight, _ := startQuery(t, cfg, writersOf(procs)...)
	got := tight.get(t, "/query_range", url.Values{"query": {`{__name__=~".+"}`}, "start": {unix(start)}, "end": {unix(start.Add(time.Hour))}, "step": {"60"}})
	require.Equal(t, http.StatusUnprocessableEntity, got.Code)
	require.Contains(t, got.Error, "query limit exceeded: the query reads more than")
}

// TestSlowWriterIsWaitedFor: one that is alive, as it says whenever it is asked, may take its time and is neither missed nor tripped over.
func TestSlowWriterIsWaitedFor(t *testing.T) {
	var slow *proc
	procs := small(t, func(i int, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if i == 1 {
				for range 3 { // It was silent for so long that it was asked three times.
					<-slow.probed
				}
			}
			next.ServeHTTP(w, r)
		})
	})
	slow = procs[1]
	many, _ := startQuery(t, quick(), writersOf(procs)...)
	got := many.get(t, "/query_range", hour)
	require.Equal(t, http.StatusOK, got.Code)
	require.Empty(t, got.Warnings)
	var data struct{ Result json.RawMessage }
	require.NoError(t, json.Unmarshal(got.Data, &data))
	require.Len(t, elements(data.Result), 12)
}

// TestSlowWriterEndsWithTheQuery: past the query's own time it is a timeout, as it is in one process.
func TestSlowWriterEndsWithTheQuery(t *testing.T) {
	left := make(chan struct{}, 8)
	procs := small(t, hang(1, left))
	many, _ := startQuery(t, quick(), writersOf(procs)...)
	form := url.Values{"query": {"requests_total"}, "time": {unix(start)}, "timeout": {"300ms"}}
	got := many.get(t, "/query", form)
	require.Equal(t, http.StatusServiceUnavailable, got.Code)
	require.Equal(t, "timeout", got.ErrorType)
	<-left
}

// hang holds the reads of one writer until their client leaves.
func hang(writer int, left chan<- struct{}) func(int, http.Handler) http.Handler {
	return func(i int, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if i != writer {
				next.ServeHTTP(w, r)
				return
			}
			_, _ = io.Copy(io.Discard, r.Body) // The server sees a client leave once the body is read.
			<-r.Context().Done()
			left <- struct{}{}
		})
	}
}

// TestCancelReachesTheWriters: a client that leaves ends the reads it caused, on the other machines too.
func TestCancelReachesTheWriters(t *testing.T) {
	left := make(chan struct{}, 8)
	procs := small(t, hang(2, left))
	many, _ := startQuery(t, quick(), writersOf(procs)...)
	for _, path := range []string{"/query_range?" + hour.Encode(), "/labels", "/series?match[]=latency", "/query_exemplars?start=0&end=9&query=latency"} {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, many.srv.URL+"/prometheus/api/v1"+path, nil)
		require.NoError(t, err)
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			_ = resp.Body.Close()
		}
		require.Error(t, err)
		cancel()
		select {
		case <-left:
		case <-time.After(5 * time.Second):
			require.FailNow(t, "the writer's read goes on", path)
		}
	}
}

// TestDeadWriterIsTriedAgain: while it is known to be dead it costs no time, and when it is back it is asked again.
func TestDeadWriterIsTriedAgain(t *testing.T) {
	procs := small(t, nil)
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	many, _ := startQuery(t, quick(), procs[0].as("w0"), procs[1].as("w1"), fanout.Writer{ID: "w2", URL: "http://" + l.Addr().String()})
	require.Len(t, many.get(t, "/query_range", hour).Warnings, 1)
	srv := &http.Server{Handler: procs[2].srv.Config.Handler, ReadHeaderTimeout: time.Second}
	var wg sync.WaitGroup
	wg.Go(func() { _ = srv.Serve(l) })
	t.Cleanup(func() { _ = srv.Close(); wg.Wait() })
	require.Eventually(t, func() bool { return len(many.get(t, "/query_range", hour).Warnings) == 0 }, 5*time.Second, 20*time.Millisecond)
}

// TestManySelectorsDoNotWaitForEachOther: more selectors than a writer takes reads at once, with answers larger than what a
// connection holds.
func TestManySelectorsDoNotWaitForEachOther(t *testing.T) {
	procs := small(t, nil)
	cfg := quick()
	cfg.MaxConcurrent = 2
	many, _ := startQuery(t, cfg, writersOf(procs)...)
	query := strings.Repeat(`count({__name__=~".+"}) + `, 40) + "0"
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			got := many.get(t, "/query", url.Values{"query": {query}, "time": {unix(start)}})
			require.Equal(t, http.StatusOK, got.Code, got.Error)
			require.Empty(t, got.Warnings)
		})
	}
	wg.Wait()
}

// TestSeriesOfManyFrames: a series whose chunks do not fit one frame of the stream is still one series.
func TestSeriesOfManyFrames(t *testing.T) {
	one := startWriter(t, nil)
	var samples []sample
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range 200_000 {
		samples = append(samples, sample{ls: labels.FromStrings("__name__", "noise"), t: start.Add(time.Duration(i) * 100 * time.Millisecond).UnixMilli(), v: rnd.NormFloat64()})
	}
	one.add(t, samples)
	many, _ := startQuery(t, quick(), one.as("w0"))
	for _, q := range []string{`count_over_time(noise[6h])`, `sum_over_time(noise[6h])`, `noise`, `max_over_time(noise[5m])`} {
		requireSame(t, one, many, "/query_range", url.Values{
			"query": {q}, "start": {unix(start.Add(3 * time.Hour))}, "end": {unix(start.Add(6 * time.Hour))}, "step": {"1000"},
		})
	}
	require.Contains(t, string(many.get(t, "/query", url.Values{"query": {"count_over_time(noise[7h])"}, "time": {unix(start.Add(6 * time.Hour))}}).Data), `"200000"`)
	// And once more: a process that queries is itself read from.
	again, _ := startQuery(t, quick(), many.as("q0"))
	requireSame(t, one, again, "/query", url.Values{"query": {"sum_over_time(noise[6h])"}, "time": {unix(start.Add(6 * time.Hour))}})
}

// TestRemoteReadOfAQueryProcess reads the merged series of three writers by remote read, streamed and not.
func TestRemoteReadOfAQueryProcess(t *testing.T) {
	samples := shop()
	one := startWriter(t, nil)
	one.add(t, samples)
	procs := spread(t, samples, spreads["both"], nil)
	many, _ := startQuery(t, fanout.DefaultConfig(), writersOf(procs)...)
	again, _ := startQuery(t, fanout.DefaultConfig(), many.as("q0"))
	for _, q := range queries {
		requireSame(t, one, again, "/query_range", url.Values{"query": {q}, "start": {unix(start)}, "end": {unix(start.Add(6 * time.Hour))}, "step": {"431"}})
	}
}

// TestReplicaOfTheSameBytes: what two writers hold alike to the byte is read from one of them, what is not is merged.
func TestReplicaOfTheSameBytes(t *testing.T) {
	one := startWriter(t, nil)
	one.add(t, shop())
	twice, _ := startQuery(t, fanout.DefaultConfig(), one.as("a"), one.as("b"))
	for _, q := range queries {
		requireSame(t, one, twice, "/query_range", url.Values{"query": {q}, "start": {unix(start)}, "end": {unix(start.Add(6 * time.Hour))}, "step": {"600"}})
	}
	other := startWriter(t, nil) // The same chunks but for one sample: it must not be lost.
	extra := sample{ls: labels.FromStrings("__name__", "extra"), t: start.UnixMilli(), v: 1}
	one.add(t, []sample{{ls: extra.ls, t: start.Add(6 * time.Hour).UnixMilli(), v: 2}})
	other.add(t, []sample{extra, {ls: extra.ls, t: start.Add(6 * time.Hour).UnixMilli(), v: 2}})
	both, _ := startQuery(t, fanout.DefaultConfig(), one.as("a"), other.as("b"))
	got := both.get(t, "/query", url.Values{"query": {"count_over_time(extra[7h])"}, "time": {unix(start.Add(6 * time.Hour))}})
	require.Contains(t, string(got.Data), `"2"]`)
}

// TestConnectionsAreKept: requests to a writer go over few connections, and one that the writer closed is no failure.
func TestConnectionsAreKept(t *testing.T) {
	procs := small(t, nil)
	var opened atomic.Int64
	srv := httptest.NewUnstartedServer(procs[0].srv.Config.Handler)
	srv.Config.ConnState = func(_ net.Conn, st http.ConnState) {
		if st == http.StateNew {
			opened.Add(1)
		}
	}
	srv.Start()
	t.Cleanup(srv.Close)
	many, _ := startQuery(t, quick(), fanout.Writer{ID: "w0", URL: srv.URL})
	for i := range 20 {
		if i == 10 {
			srv.CloseClientConnections()
		}
		got := many.get(t, "/query_range", hour)
		require.Equal(t, http.StatusOK, got.Code, got.Error)
		require.Empty(t, got.Warnings)
	}
	require.LessOrEqual(t, opened.Load(), int64(4))
}

// TestRegistryThatFails: not knowing the writers is not the same as there being none.
func TestRegistryThatFails(t *testing.T) {
	s, err := fanout.New(fanout.Options{Config: quick(), Registry: broken{}})
	require.NoError(t, err)
	p := &proc{}
	p.serve(t, s)
	for _, e := range endpoints {
		got := p.get(t, e.path, e.form)
		require.Equal(t, http.StatusServiceUnavailable, got.Code, e.path)
		require.Contains(t, got.Error, "read the list of writers: catalog away")
	}
}

type broken struct{}

func (broken) Writers(context.Context) ([]fanout.Writer, error) {
	return nil, errors.New("catalog away")
}

// TestWritersDemandTheKey: the key reaches the writer.
func TestWritersDemandTheKey(t *testing.T) {
	procs := small(t, func(_ int, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "Bearer k" {
				http.Error(w, "no key", http.StatusUnauthorized)
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	many, _ := startQuery(t, quick(), writersOf(procs)...)
	for _, e := range endpoints {
		require.Equal(t, http.StatusOK, many.get(t, e.path, e.form).Code, e.path)
	}
}
