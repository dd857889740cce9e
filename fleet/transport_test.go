// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// limited is a bounded connection and its other end.
func limited(t *testing.T) (c *boundedConn, peer net.Conn) {
	t.Helper()
	a, b := net.Pipe()
	t.Cleanup(func() { _, _ = a.Close(), b.Close() })
	return &boundedConn{Conn: a, left: readBurst, at: time.Now()}, b
}

// TestReadRate: a burst is read at once, and for good no more than the rate.
func TestReadRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := limited(t)
		go func() {
			chunk := make([]byte, 1<<20)
			for {
				if _, err := peer.Write(chunk); err != nil {
					return
				}
			}
		}()
		buf := make([]byte, 1<<20)
		read := func(n int) error {
			for range n {
				if _, err := io.ReadFull(c, buf); err != nil {
					return err
				}
			}
			return nil
		}
		require.NoError(t, read(readBurst>>20))
		for range 3 {
			time.Sleep((1 << 20) / readRate * time.Second)
			require.NoError(t, read(1), "as much as the time allows")
		}
		time.Sleep(time.Hour)
		require.NoError(t, read(readBurst>>20), "what was saved up is no more than the burst")
		require.ErrorIs(t, read(1), errTooMuch)
		require.NoError(t, c.Close())
	})
}

// TestIdleConnections: one on which nothing comes, or that takes nothing, ends.
func TestIdleConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := limited(t)
		begin := time.Now()
		_, err := c.Read(make([]byte, 1))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.Equal(t, idleTimeout, time.Since(begin))
		begin = time.Now()
		_, err = c.Write([]byte("x"))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.Equal(t, writeTimeout, time.Since(begin))
		require.NoError(t, c.Close())
		_, err = c.Read(make([]byte, 1))
		require.Error(t, err)
		_, err = c.Write([]byte("x"))
		require.Error(t, err)
	})
}

// TestUnreadableBodies are the client's fault, each by its own status.
func TestUnreadableBodies(t *testing.T) {
	reached := false
	h := bounded(func(_ http.ResponseWriter, r *http.Request) {
		reached = true
		body, err := io.ReadAll(r.Body)
		if err != nil || string(body) != "text" {
			t.Errorf("read %q: %v", body, err)
		}
	})
	post := func(body io.Reader, encoding string) int {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", body)
		r.Header.Set("Content-Encoding", encoding)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	require.Equal(t, http.StatusBadRequest, post(strings.NewReader("this is no gzip"), "gzip"))
	require.Equal(t, http.StatusBadRequest, post(strings.NewReader("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x00cut off"), "gzip"))
	require.Equal(t, http.StatusBadRequest, post(io.MultiReader(strings.NewReader("te"), failing{}), ""))
	require.Equal(t, http.StatusRequestEntityTooLarge, post(strings.NewReader(strings.Repeat("x", maxMessage+1)), ""))
	require.False(t, reached)
	require.Equal(t, http.StatusOK, post(strings.NewReader("text"), ""))
	require.True(t, reached)
}

// failing is a body whose sender has gone.
type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("connection reset") }

// TestHijack: a connection is handed out with its bounds, and one that cannot be taken over is an error.
func TestHijack(t *testing.T) {
	_, _, err := (&hijackWriter{httptest.NewRecorder()}).Hijack()
	require.ErrorContains(t, err, "take over the connection")

	taken := make(chan net.Conn, 2)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		c, rw, err := (&hijackWriter{w}).Hijack()
		if err != nil {
			t.Errorf("hijack: %v", err)
			return
		}
		_, _ = rw.WriteString("hello\n")
		_ = rw.Flush()
		taken <- c
	}))
	defer srv.Close()
	for _, early := range []string{"", "\x82\x05early"} { // The second does not wait for the answer.
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", srv.Listener.Addr().String())
		require.NoError(t, err)
		_, err = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"+early)
		require.NoError(t, err)
		line, err := bufio.NewReader(conn).ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, "hello\n", line)
		c := <-taken
		if early == "" {
			require.IsType(t, &boundedConn{}, c)
		}
		require.NoError(t, errors.Join(c.Close(), conn.Close()))
	}
}
