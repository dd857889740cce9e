// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	// maxMessage bounds one message: a description, a board and a configuration, each with room.
	maxMessage = 4 << 20
	// idleTimeout ends a connection on which nothing was heard, also of its end: six of the longest heartbeats.
	idleTimeout = 6 * maxHeartbeat
	// A connection may read readBurst at once and readRate bytes per second for good; an agent needs some kilobytes each ten seconds.
	readBurst = 2 * maxMessage
	readRate  = 128 << 10
)

var errTooMuch = errors.New("the agent sends more than it may")

// bounded limits the bodies of plain requests, and what may be read from a connection that becomes a WebSocket: the library reads a
// message of any size.
func bounded(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := readBody(w, r)
		if err != nil {
			http.Error(w, err.Error(), bodyStatus(err))
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		r.Header.Del("Content-Encoding")
		next(&hijackWriter{ResponseWriter: w}, r)
	})
}

// errTooLarge says that a message is larger than any agent's.
var errTooLarge = fmt.Errorf("more than %d bytes", maxMessage)

func bodyStatus(err error) int {
	if _, cut := errors.AsType[*http.MaxBytesError](err); cut || errors.Is(err, errTooLarge) {
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusBadRequest
}

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	var in io.Reader = http.MaxBytesReader(w, r.Body, maxMessage)
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("read message: %w", err)
		}
		in = z
	}
	body, err := io.ReadAll(io.LimitReader(in, maxMessage+1))
	if err != nil {
		return nil, fmt.Errorf("read message: %w", err)
	}
	if len(body) > maxMessage {
		return nil, fmt.Errorf("read message: %w", errTooLarge)
	}
	return body, nil
}

// hijackWriter hands out the connection with bounds around it.
type hijackWriter struct{ http.ResponseWriter }

// Hijack implements http.Hijacker.
func (w *hijackWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, fmt.Errorf("take over the connection: %w", err)
	}
	if rw.Reader.Buffered() > 0 {
		return c, rw, nil // The library refuses a client that did not wait for the answer.
	}
	b := &boundedConn{Conn: c, left: readBurst, at: time.Now()}
	return b, bufio.NewReadWriter(bufio.NewReader(b), bufio.NewWriter(b)), nil
}

// boundedConn ends when nothing comes for long or too much comes.
type boundedConn struct {
	net.Conn

	mu   sync.Mutex
	left float64   // bytes that may be read now; guarded by mu
	at   time.Time // when left was right; guarded by mu
}

// Read implements net.Conn.
func (c *boundedConn) Read(p []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(idleTimeout)); err != nil {
		return 0, err // Readers compare it.
	}
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	c.left = min(readBurst, c.left+now.Sub(c.at).Seconds()*readRate) - float64(n)
	c.at = now
	if c.left < 0 {
		return 0, errTooMuch
	}
	return n, err // Readers compare it.
}

// Write implements net.Conn. An agent that takes nothing must not hold up whoever writes to it.
func (c *boundedConn) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return 0, err // Writers compare it.
	}
	return c.Conn.Write(p) // Writers compare it.
}

const writeTimeout = 10 * time.Second
