// SPDX-License-Identifier: Apache-2.0

package fanout

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/strata-apm/strata/storage"
)

// The answers over real writers are tested beside the API, in query/promapi.

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConfigIsValidated(t *testing.T) {
	require.NoError(t, DefaultConfig().Validate())
	for _, change := range []func(*Config){
		func(c *Config) { c.ConnectTimeout = 0 }, func(c *Config) { c.ProbeAfter = 0 }, func(c *Config) { c.Cooldown = -1 },
		func(c *Config) { c.MaxConcurrent = 0 }, func(c *Config) { c.MaxBytes = 0 },
	} {
		cfg := DefaultConfig()
		change(&cfg)
		require.Error(t, cfg.Validate())
		_, err := New(Options{Config: cfg, Registry: Static{}})
		require.Error(t, err)
	}
	_, err := New(Options{Config: DefaultConfig()})
	require.Error(t, err)
}

func TestURLOfAWriterIsChecked(t *testing.T) {
	for _, u := range []string{"", "127.0.0.1:7080", "/x", "http://", "http://\x7f"} {
		s, err := New(Options{Config: DefaultConfig(), Registry: Static{{ID: "w1", URL: u}}})
		require.NoError(t, err)
		q, err := s.Querier(0, 1)
		require.NoError(t, err)
		_, _, err = q.LabelNames(t.Context(), nil)
		require.ErrorContains(t, err, "w1", u)
		require.NoError(t, q.Close())
	}
}

// list is a registry whose writers change.
type list struct {
	mu      sync.Mutex
	writers []Writer
}

func (l *list) Writers(context.Context) ([]Writer, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.writers, nil
}

func (l *list) set(w ...Writer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writers = w
}

// TestWritersComeAndGo: each query asks the writers known when it began; the connections of one that went are closed.
func TestWritersComeAndGo(t *testing.T) {
	names := func(name string) *httptest.Server {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_ = json.NewEncoder(w).Encode(map[string]any{"status": "success", "data": []string{name}})
		}))
		t.Cleanup(srv.Close)
		return srv
	}
	a, b := Writer{ID: "a", URL: names("a").URL}, Writer{ID: "b", URL: names("b").URL + "/"}
	reg := &list{}
	s, err := New(Options{Config: DefaultConfig(), Registry: reg})
	require.NoError(t, err)
	ask := func() []string {
		q, err := s.Querier(math.MinInt64, math.MaxInt64)
		require.NoError(t, err)
		defer func() { _ = q.Close() }()
		got, _, err := q.LabelNames(t.Context(), nil)
		require.NoError(t, err)
		return got
	}
	reg.set(a)
	require.Equal(t, []string{"a"}, ask())
	reg.set(a, b, a)
	require.Equal(t, []string{"a", "b"}, ask())
	reg.set(b)
	require.Equal(t, []string{"b"}, ask())
	require.Len(t, s.pool.clients, 1)
	require.NoError(t, s.Close())
	require.Empty(t, s.pool.clients)
}

// TestDeadWriterCostsTimeOnce: during the cooldown nobody waits for it, and then one request at a time tries.
func TestDeadWriterCostsTimeOnce(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0") // Takes connections, answers none.
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	cfg := DefaultConfig()
	cfg.ConnectTimeout, cfg.ProbeAfter, cfg.Cooldown = 100*time.Millisecond, 50*time.Millisecond, time.Minute
	var ahead atomic.Int64
	opts := Options{Config: cfg, clock: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }}
	c, err := newClient(Writer{ID: "w", URL: "http://" + l.Addr().String()}, opts)
	require.NoError(t, err)
	t.Cleanup(c.close)
	try := func() (time.Duration, error) {
		began := time.Now()
		_, err := c.call(t.Context(), http.MethodGet, "/labels", nil, 100, new([]string))
		return time.Since(began), err
	}
	took, err := try()
	require.ErrorIs(t, err, errDead)
	require.GreaterOrEqual(t, took, 150*time.Millisecond)
	var total time.Duration
	for range 50 {
		took, err = try()
		require.ErrorIs(t, err, errDead)
		total += took
	}
	require.Less(t, total, 100*time.Millisecond, "it is left alone")
	ahead.Store(int64(2 * time.Minute))
	took, err = try()
	require.ErrorIs(t, err, errDead)
	require.GreaterOrEqual(t, took, 100*time.Millisecond, "it was tried again")
}

// TestSelectorsMeanTheSame: what is written to a writer is parsed to the same matchers there.
func TestSelectorsMeanTheSame(t *testing.T) {
	for _, matchers := range [][]*labels.Matcher{
		{labels.MustNewMatcher(labels.MatchEqual, "__name__", "up")},
		{labels.MustNewMatcher(labels.MatchEqual, "__name__", `http.requests "x" \ 😀`), labels.MustNewMatcher(labels.MatchNotEqual, "a", "")},
		{labels.MustNewMatcher(labels.MatchRegexp, "käse/ä", `a|b\.c`), labels.MustNewMatcher(labels.MatchNotRegexp, "x", "y.*\n")},
	} {
		got, err := parser.NewParser(parser.Options{}).ParseMetricSelector(selector(matchers))
		require.NoError(t, err, selector(matchers))
		require.Len(t, got, len(matchers))
		for i := range got {
			require.Equal(t, matchers[i].String(), got[i].String())
		}
	}
	// One that matches the empty string everywhere is refused by the API as it is.
	for _, matchers := range [][]*labels.Matcher{nil, {labels.MustNewMatcher(labels.MatchEqual, "a", "")}} {
		got, err := parser.NewParser(parser.Options{}).ParseMetricSelector(selector(matchers))
		require.NoError(t, err)
		require.Equal(t, `__name__!=""`, got[len(got)-1].String())
	}
}

func TestTimesAreExactOrLeftOut(t *testing.T) {
	form := url.Values{}
	setTime(form, "a", 1767312000123)
	setTime(form, "b", -1)
	setTime(form, "c", math.MaxInt64)
	setTime(form, "d", math.MinInt64/1000)
	require.Equal(t, url.Values{"a": {"1767312000.123"}, "b": {"-0.001"}}, form)
}

func TestExemplarsAreMergedOnce(t *testing.T) {
	var one, two []exemplarAnswer
	require.NoError(t, json.Unmarshal([]byte(`[{"seriesLabels":{"a":"2"},"exemplars":[{"labels":{"t":"x"},"value":"+Inf","timestamp":1767312000.123}]}]`), &one))
	require.NoError(t, json.Unmarshal([]byte(`[{"seriesLabels":{"a":"1"},"exemplars":[{"labels":{},"value":"1","timestamp":2}]},
		{"seriesLabels":{"a":"2"},"exemplars":[{"labels":{"t":"y"},"value":"3","timestamp":5},{"labels":{"t":"x"},"value":"+Inf","timestamp":1767312000.123}]}]`), &two))
	got, err := mergeExemplars([][]exemplarAnswer{one, two})
	require.NoError(t, err)
	require.Len(t, got, 2)
	require.Equal(t, `{a="1"}`, got[0].SeriesLabels.String())
	require.Len(t, got[1].Exemplars, 2)
	require.Equal(t, int64(5000), got[1].Exemplars[0].Ts)
	require.Equal(t, int64(1767312000123), got[1].Exemplars[1].Ts)
	two[0].Exemplars[0].Value = "x"
	_, err = mergeExemplars([][]exemplarAnswer{two})
	require.Error(t, err)
}

// TestReasonsAreTheSameEachTime: a warning with a port number in it would be a new one for every selector.
func TestReasonsAreTheSameEachTime(t *testing.T) {
	read := &net.OpError{Op: "read", Net: "tcp", Source: &net.TCPAddr{Port: 40001}, Addr: &net.TCPAddr{Port: 7080}, Err: errors.New("connection reset by peer")}
	for want, err := range map[string]error{
		"read: connection reset by peer":             &url.Error{Op: "Post", URL: "http://x", Err: read},
		"no answer in time":                          context.DeadlineExceeded,
		"503 Service Unavailable: TSDB not ready":    &url.Error{Op: "Get", Err: &statusError{code: 503, message: "TSDB not ready"}},
		"422 Unprocessable Entity: too many samples": &statusError{code: 422, message: "too many samples"},
	} {
		require.Equal(t, want, reason(err))
	}
	require.ErrorIs(t, &statusError{code: 422}, storage.ErrLimit)
	require.ErrorIs(t, &statusError{code: 503}, storage.ErrUnavailable)
	require.ErrorIs(t, &statusError{code: 400}, storage.ErrBadQuery)
}
