// SPDX-License-Identifier: Apache-2.0

package agents

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// pair is a client whose other end the test plays.
func pair(t *testing.T) (*webSocket, net.Conn) {
	t.Helper()
	here, there := net.Pipe()
	t.Cleanup(func() {
		require.NoError(t, here.Close())
		require.NoError(t, there.Close())
	})
	return &webSocket{conn: here, in: bufio.NewReader(here)}, there
}

// unmask reads a client's frame.
func unmask(t *testing.T, in io.Reader) (opcode byte, text []byte) {
	t.Helper()
	head := make([]byte, 2)
	_, err := io.ReadFull(in, head)
	require.NoError(t, err)
	require.NotZero(t, head[0]&wsFinal)
	require.NotZero(t, head[1]&wsMasked)
	n := uint64(head[1] &^ wsMasked)
	rest := make([]byte, 8)
	switch n {
	case wsLength16:
		_, err = io.ReadFull(in, rest[:2])
		n = uint64(binary.BigEndian.Uint16(rest))
	case wsLength64:
		_, err = io.ReadFull(in, rest)
		n = binary.BigEndian.Uint64(rest)
	}
	require.NoError(t, err)
	mask, text := make([]byte, 4), make([]byte, n)
	_, err = io.ReadFull(in, mask)
	require.NoError(t, err)
	_, err = io.ReadFull(in, text)
	require.NoError(t, err)
	for i := range text {
		text[i] ^= mask[i%4]
	}
	return head[0] & 0x0f, text
}

func TestFramesOfClients(t *testing.T) {
	for _, n := range []int{0, 1, 125, 126, 65535, 65536} {
		text := bytes.Repeat([]byte("x"), n)
		opcode, got := unmask(t, bytes.NewReader(wsFrame(wsBinary, text)))
		require.EqualValues(t, wsBinary, opcode)
		require.Equal(t, text, got)
	}
}

// TestRead: messages in one frame and in several, of every way to write a length, with a ping between.
func TestRead(t *testing.T) {
	ws, server := pair(t)
	long := strings.Repeat("y", 300)
	go func() {
		_, _ = server.Write([]byte("\x82\x02hi"))                               // Whole.
		_, _ = server.Write([]byte("\x02\x01a\x89\x02pi"))                      // Begun; a ping.
		_, _ = io.ReadFull(server, make([]byte, 2+4+2))                         // Its answer.
		_, _ = server.Write([]byte("\x80\x01b\x8a\x00"))                        // Ended; a pong of nobody's.
		_, _ = server.Write([]byte("\x82\x7e\x01\x2c" + long))                  // A length of 16 bits.
		_, _ = server.Write([]byte("\x88\x00"))                                 // The end.
		_, _ = server.Write([]byte("\x82\x7f\x00\x00\x00\xff\x00\x00\x00\x00")) // Too long.
	}()
	for _, want := range []string{"hi", "ab", long} {
		got, err := ws.read(10 * time.Second)
		require.NoError(t, err)
		require.Equal(t, want, string(got))
	}
	_, err := ws.read(10 * time.Second)
	require.ErrorContains(t, err, "closed by the server")
	_, err = ws.read(10 * time.Second)
	require.ErrorContains(t, err, "a frame of 1095216660480 bytes")
	_, err = ws.read(time.Millisecond)
	require.ErrorContains(t, err, "timeout")
}

// TestRefused: an answer that is no change of protocols, and the key that is sent.
func TestRefused(t *testing.T) {
	keys := make(chan string, 1)
	srv := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		keys <- r.Header.Get("Authorization")
		w.WriteHeader(http.StatusForbidden)
	})}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	_, err = dialWebSocket(t.Context(), l.Addr().String(), "/x", "secret")
	require.ErrorIs(t, err, errWebSocket)
	require.ErrorContains(t, err, "403")
	require.Equal(t, "Bearer secret", <-keys)
	require.NoError(t, srv.Close())
	require.ErrorIs(t, <-ended, http.ErrServerClosed)
	_, err = dialWebSocket(t.Context(), l.Addr().String(), "/x", "")
	require.ErrorContains(t, err, "dial")
}
