// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestConn: bodies go one after the other over one connection, each whole and to its path.
func TestConn(t *testing.T) {
	var mu sync.Mutex
	var got []string
	clients := map[string]bool{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		clients[r.RemoteAddr] = true
		got = append(got, r.Method+" "+r.URL.Path+" "+r.Header.Get("Content-Type")+" "+string(b))
		if len(b) == 1 {
			w.WriteHeader(http.StatusAccepted)
			_, _ = io.WriteString(w, "a text of some length")
		}
	}))
	defer s.Close()
	c, err := Dial(t.Context(), s.Listener.Addr().String(), "/v1/logs")
	require.NoError(t, err)
	long := strings.Repeat("x", 100_000)
	for _, body := range []string{"one", "", "2", long} {
		require.NoError(t, c.Send([]byte(body)))
	}
	require.NoError(t, c.Close())
	const head = "POST /v1/logs application/x-protobuf "
	require.Equal(t, []string{head + "one", head, head + "2", head + long}, got)
	require.Len(t, clients, 1)
	require.Error(t, c.Send([]byte("x")), "it is closed")
}

// TestConnHeaders: every request of a connection has its headers.
func TestConnHeaders(t *testing.T) {
	var got []http.Header
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = append(got, r.Header) }))
	c, err := Dial(t.Context(), s.Listener.Addr().String(), "/api/v1/write", RemoteWriteHeaders()...)
	require.NoError(t, err)
	require.NoError(t, c.Send([]byte("x")))
	require.NoError(t, c.Send([]byte("yz")))
	require.NoError(t, c.Close())
	s.Close() // Waits for the handler.
	require.Len(t, got, 2)
	for i, h := range got {
		require.Equal(t, http.Header{
			"Content-Type": {"application/x-protobuf"}, "Content-Encoding": {"snappy"}, "X-Prometheus-Remote-Write-Version": {"0.1.0"},
			"Content-Length": {strconv.Itoa(i + 1)},
		}, h)
	}
}

// TestConnRefused: an answer that is no success, or one with a partial success in it, is an error that has its text.
func TestConnRefused(t *testing.T) {
	for name, c := range map[string]struct {
		handle http.HandlerFunc
		want   string
	}{
		"a status":        {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "full", http.StatusServiceUnavailable) }, "503 Service Unavailable: full"},
		"partial success": {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "\x0a\x04\x08\x05ab") }, "200 OK: "},
		"breaks off":      {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "read answer"},
	} {
		s := httptest.NewServer(c.handle)
		conn, err := Dial(t.Context(), s.Listener.Addr().String(), "/")
		require.NoError(t, err)
		require.ErrorContains(t, conn.Send([]byte("x")), c.want, name)
		_ = conn.Close()
		s.Close()
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte{0x0a, 0}) }))
	defer s.Close()
	conn, err := Dial(t.Context(), s.Listener.Addr().String(), "/")
	require.NoError(t, err)
	require.NoError(t, conn.Send([]byte("x")), "a partial success of nothing")
	require.NoError(t, conn.Close())
}

// TestConnBroken: no server, no HTTP, and an answer that is cut off.
func TestConnBroken(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	answers := []string{"220 mail ESMTP\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", ""}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, text := range answers {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = bufio.NewReader(c).ReadString('\n')
			_, _ = io.WriteString(c, text)
			_ = c.Close()
		}
	}()
	for _, text := range answers {
		c, err := Dial(t.Context(), l.Addr().String(), "/")
		require.NoError(t, err)
		require.Error(t, c.Send([]byte("x")), "%q", text)
		_ = c.Close()
	}
	<-done
	require.NoError(t, l.Close())
	_, err = Dial(t.Context(), l.Addr().String(), "/")
	require.ErrorContains(t, err, "connect to "+l.Addr().String())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Dial(ctx, "127.0.0.1:1", "/")
	require.ErrorIs(t, err, context.Canceled)
}
