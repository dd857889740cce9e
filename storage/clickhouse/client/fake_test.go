// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/native"
)

// request is what a fake server was sent.
type request struct {
	user, key string
	params    url.Values
	body      string
}

// fake is a server that answers like ClickHouse's HTTP interface with what the test says.
type fake struct {
	mu       sync.Mutex
	requests []request
	// answers are given one after the other, the last one for ever.
	answers []func(http.ResponseWriter, *http.Request)
}

func ok(body string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
}

func failed(status int, body string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	f.mu.Lock()
	f.requests = append(f.requests, request{r.Header.Get("X-ClickHouse-User"), r.Header.Get("X-ClickHouse-Key"), r.URL.Query(), string(body)})
	answer := f.answers[0]
	if len(f.answers) > 1 {
		f.answers = f.answers[1:]
	}
	f.mu.Unlock()
	answer(w, r)
}

func (f *fake) seen() []request {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]request(nil), f.requests...)
}

// connectTo returns a client of a fake server.
func connectTo(t *testing.T, change func(*Config), answers ...func(http.ResponseWriter, *http.Request)) (*Client, *fake) {
	t.Helper()
	f := &fake{answers: answers}
	srv := httptest.NewServer(f)
	t.Cleanup(srv.Close)
	cfg := Default()
	cfg.URL = strings.Replace(srv.URL, "http://", "http://writer:secret@", 1) + "/otel"
	if change != nil {
		change(&cfg)
	}
	c, err := New(cfg, Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c, f
}

func TestSend(t *testing.T) {
	c, f := connectTo(t, nil, ok("1\n"))
	require.Equal(t, "otel", c.Database())
	require.NotNil(t, c.Log())
	out, err := c.Send(t.Context(), url.Values{"param_x": {"a b&c"}}, []byte("SELECT 1"))
	require.NoError(t, err)
	require.Equal(t, "1\n", string(out))
	require.Equal(t, []request{{"writer", "secret", url.Values{"param_x": {"a b&c"}}, "SELECT 1"}}, f.seen())
	require.NoError(t, c.Exec(t.Context(), "SELECT 2"))
	require.Equal(t, "SELECT 2", f.seen()[1].body)
}

func TestSendErrors(t *testing.T) {
	long := strings.Repeat("x", 5000)
	for name, c := range map[string]struct {
		answer func(http.ResponseWriter, *http.Request)
		code   int
		want   string
	}{
		"exception": {failed(500, "Code: 60. DB::Exception: no table\n"), 60, "Code: 60. DB::Exception: no table"},
		"no code":   {failed(502, "bad gateway"), 0, "bad gateway"},
		"after the headers": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Clickhouse-Exception-Code", "241")
			_, _ = io.WriteString(w, "Code: 241. memory")
		}, 241, "Code: 241. memory"},
		"other success": {failed(204, ""), 0, ""},
		"long":          {failed(500, long), 0, strings.Repeat("x", 2000) + "…"},
	} {
		client, _ := connectTo(t, nil, c.answer)
		_, err := client.Send(t.Context(), nil, []byte("SELECT 1"))
		var ex *exception
		require.ErrorAs(t, err, &ex, name)
		require.Equal(t, c.code, ex.code, name)
		require.Equal(t, c.want, err.Error(), name)
	}
}

// An error names neither the statement nor the password, which the URL holds.
func TestSendErrorsTellNoSecrets(t *testing.T) {
	c, _ := connectTo(t, nil, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, _ := http.NewResponseController(w).Hijack()
		_ = conn.Close()
	})
	_, err := c.Send(t.Context(), url.Values{"query": {"INSERT INTO t"}}, nil)
	require.ErrorContains(t, err, "reach ClickHouse")
	require.NotContains(t, err.Error(), "INSERT")
	require.NotContains(t, err.Error(), "secret")
	require.ErrorIs(t, c.Ping(t.Context()), storage.ErrUnavailable)
}

func TestSendReadsABoundedAnswer(t *testing.T) {
	c, _ := connectTo(t, nil, func(w http.ResponseWriter, _ *http.Request) {
		piece := make([]byte, 1<<20)
		for range 17 {
			_, _ = w.Write(piece)
		}
	})
	out, err := c.Send(t.Context(), nil, []byte("SELECT 1"))
	require.NoError(t, err)
	require.Len(t, out, 16<<20)
}

func TestSendStopsWithTheContext(t *testing.T) {
	c, _ := connectTo(t, nil, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := c.Send(ctx, nil, []byte("SELECT 1"))
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func oneRow() *native.Block {
	b, s := &native.Block{}, &native.String{}
	b.Add("Body", s)
	b.Add("Level", &native.Fixed{Type: "UInt8"})
	s.Append("x")
	b.Rows = 1
	return b
}

func TestInsert(t *testing.T) {
	c, f := connectTo(t, nil, ok(""))
	block := oneRow()
	require.NoError(t, c.Insert(t.Context(), "otel_logs", "batch-1", block))
	got := f.seen()[0]
	require.Equal(t, "INSERT INTO otel.otel_logs (`Body`, `Level`) FORMAT Native", got.params.Get("query"))
	require.Equal(t, "batch-1", got.params.Get("insert_deduplication_token"))
	for setting, want := range map[string]string{
		"insert_deduplicate": "1", "deduplicate_blocks_in_dependent_materialized_views": "1", "async_insert": "0", "min_insert_block_size_rows": "0", "input_format_parallel_parsing": "0",
		"parallel_view_processing": "0", "min_free_disk_bytes_to_perform_insert": "67108864", "insert_shard_id": "", "insert_quorum": "",
	} {
		require.Equal(t, want, got.params.Get(setting), setting)
	}
	var e native.Encoding
	block.Encode(&e)
	want, err := io.ReadAll(e.Reader())
	require.NoError(t, err)
	require.Equal(t, string(want), got.body)
	require.NoError(t, c.Insert(t.Context(), "otel_logs", "batch-2", block))
	require.Equal(t, got.body, f.seen()[1].body, "a buffer that is used again holds nothing of the batch before")
}

func TestInsertOfNothing(t *testing.T) {
	c, f := connectTo(t, nil, ok(""))
	require.NoError(t, c.Insert(t.Context(), "t", "id", &native.Block{}))
	require.ErrorIs(t, c.Insert(t.Context(), "t", "", oneRow()), storage.ErrInvalid)
	require.Empty(t, f.seen())
}

func TestInsertIntoACluster(t *testing.T) {
	c, f := connectTo(t, func(cfg *Config) { cfg.Cluster, cfg.Insert.Quorum = "shop", 2 }, ok("1\t1\n2\t0\n3\t2\n"), ok(""))
	require.NoError(t, c.FindShards(t.Context()))
	require.Equal(t, "shop", f.seen()[0].params.Get("param_cluster"))
	require.Equal(t, []shard{{1, 1}, {3, 2}}, c.shards)
	require.NoError(t, c.Insert(t.Context(), "t", "batch-1", oneRow()))
	got := f.seen()[1].params
	require.Equal(t, "2", got.Get("insert_quorum"))
	require.Contains(t, []string{"1", "3"}, got.Get("insert_shard_id"))
	require.NoError(t, c.Insert(t.Context(), "t", "batch-1", oneRow()))
	require.Equal(t, got, f.seen()[2].params, "the same batch goes to the same shard")
}

func TestFindShardsErrors(t *testing.T) {
	for answer, want := range map[string]string{"": "no cluster", "1\t0\n": "no cluster", "x\t1\n": `"x" is no number`, "1\n": `"" is no weight`, "1\tx\n": `"x" is no weight`} {
		c, _ := connectTo(t, func(cfg *Config) { cfg.Cluster = "shop" }, ok(answer))
		require.ErrorContains(t, c.FindShards(t.Context()), want, answer)
		require.Empty(t, c.shards)
	}
	c, f := connectTo(t, nil, ok(""))
	require.NoError(t, c.FindShards(t.Context()), "without a cluster there is nothing to find")
	require.Empty(t, f.seen())
}

// An insert that fails for a while is tried again with the same token; one that the data are to blame for is not.
func TestInsertRetries(t *testing.T) {
	c, f := connectTo(t, nil, failed(500, "Code: 241. memory"), failed(503, ""), ok(""))
	require.NoError(t, c.Insert(t.Context(), "t", "batch-1", oneRow()))
	seen := f.seen()
	require.Len(t, seen, 3)
	require.Equal(t, seen[0], seen[2])

	c, f = connectTo(t, nil, failed(500, "Code: 6. cannot parse"), ok(""))
	err := c.Insert(t.Context(), "t", "batch-1", oneRow())
	require.ErrorContains(t, err, "cannot parse")
	require.NotErrorIs(t, err, storage.ErrUnavailable)
	require.Len(t, f.seen(), 1)
}

func TestInsertStopsWithTheContext(t *testing.T) {
	c, f := connectTo(t, nil, failed(503, "away"))
	ctx, cancel := context.WithTimeout(t.Context(), 250*time.Millisecond)
	defer cancel()
	err := c.Insert(ctx, "t", "batch-1", oneRow())
	require.ErrorIs(t, err, storage.ErrUnavailable)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NotEmpty(t, f.seen())
}

func TestInsertTimeout(t *testing.T) {
	c, f := connectTo(t, func(cfg *Config) { cfg.Insert.Timeout = 20 * time.Millisecond }, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, ok(""))
	require.NoError(t, c.Insert(t.Context(), "t", "batch-1", oneRow()), "an attempt that is not answered is given up, and tried again")
	require.Len(t, f.seen(), 2)
}

// nowhere is a client whose server cannot be dialled.
func nowhere(t *testing.T, dials *int) *Client {
	t.Helper()
	c, err := New(Default(), Options{Dial: func(context.Context, string, string) (net.Conn, error) {
		*dials++
		return nil, errors.New("connection refused")
	}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

func TestInsertGivesUpAfterAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dials := 0
		c := nowhere(t, &dials)
		start := time.Now()
		err := c.Insert(t.Context(), "t", "batch-1", oneRow())
		require.ErrorIs(t, err, storage.ErrUnavailable)
		require.ErrorContains(t, err, "connection refused")
		require.InDelta(t, retryFor.Seconds(), time.Since(start).Seconds(), retryPauseMax.Seconds())
		require.InDelta(t, 33, dials, 3, "the pause grows to two seconds")
	})
}

func TestAwait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dials := 0
		c := nowhere(t, &dials)
		start := time.Now()
		n := 0
		require.NoError(t, c.Await(t.Context(), func(ctx context.Context) error {
			if n++; n < 4 {
				return c.Exec(ctx, "SELECT 1")
			}
			return nil
		}))
		require.Equal(t, 3, dials)
		require.InDelta(t, 700*time.Millisecond, time.Since(start), float64(140*time.Millisecond), "0.1, 0.2 and 0.4 seconds, each a fifth more or less")

		fatal := newException(500, "Code: 6. cannot parse")
		require.ErrorIs(t, c.Await(t.Context(), func(context.Context) error { return fatal }), error(fatal))
		require.ErrorIs(t, c.Await(t.Context(), func(context.Context) error { return errNoCluster }), errNoCluster, "waiting mends no configuration")

		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := c.Await(ctx, func(ctx context.Context) error { return c.Exec(ctx, "SELECT 1") })
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, storage.ErrUnavailable)
		require.ErrorContains(t, err, "connection refused", "what is wrong, not that time is up")
	})
}

// A server whose certificate no authority of the system has signed is not talked to, neither for statements nor for reads.
func TestTLS(t *testing.T) {
	f := &fake{answers: []func(http.ResponseWriter, *http.Request){ok("1\n")}}
	srv := httptest.NewUnstartedServer(f)
	srv.Config.ErrorLog = log.New(io.Discard, "", 0) // The refusal is what is asked for.
	srv.StartTLS()
	defer srv.Close()
	cfg := Default()
	cfg.URL = srv.URL
	cfg.Query.Timeout = 2 * time.Second
	c, err := New(cfg, Options{})
	require.NoError(t, err)
	defer func() { _ = c.Close() }()
	err = c.Ping(t.Context())
	require.ErrorIs(t, err, storage.ErrUnavailable)
	require.ErrorContains(t, err, "certificate")
	_, err = c.Column(t.Context(), "ask", "SELECT 'x'", nil)
	require.ErrorContains(t, err, "certificate")
	require.Empty(t, f.seen())
	require.Equal(t, "ch", tlsConfig("ch:8443").ServerName)
	require.Equal(t, "ch", tlsConfig("ch").ServerName)
	require.False(t, tlsConfig("ch").InsecureSkipVerify)
}

func TestNewErrors(t *testing.T) {
	_, err := New(Default(), Options{})
	require.ErrorContains(t, err, "no embedded engine to dial")
	cfg := Default()
	cfg.URL = "ftp://x"
	_, err = New(cfg, Options{})
	require.ErrorContains(t, err, "clickhouse configuration")
	cfg = Default()
	cfg.Query.Timeout, cfg.Insert.Timeout, cfg.Insert.Quorum = 0, -1, -1
	err = cfg.Validate()
	for _, part := range []string{"query.timeout", "insert.timeout", "insert.quorum"} {
		require.ErrorContains(t, err, part)
	}
}
