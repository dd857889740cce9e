// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// Conn sends request bodies over one keep-alive HTTP/1.1 connection. It belongs to one goroutine.
type Conn struct {
	conn   net.Conn
	reader *bufio.Reader
	head   []byte
	prefix int // how much of head stays the same
}

// Dial connects to addr; every body goes to path, with the lines of headers ("Name: value") besides its type.
func Dial(ctx context.Context, addr, path string, headers ...string) (*Conn, error) {
	conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", addr, err)
	}
	head := []byte("POST " + path + " HTTP/1.1\r\nHost: " + addr + "\r\nContent-Type: application/x-protobuf\r\n")
	for _, h := range headers {
		head = append(append(head, h...), "\r\n"...)
	}
	head = append(head, "Content-Length: "...)
	return &Conn{conn: conn, reader: bufio.NewReader(conn), head: head, prefix: len(head)}, nil
}

// Close closes the connection.
func (c *Conn) Close() error { return c.conn.Close() } // Nothing to add.

// Send posts body and waits for the answer, which must be a 200 without a partial success.
func (c *Conn) Send(body []byte) error {
	c.head = append(strconv.AppendInt(c.head[:c.prefix], int64(len(body)), 10), "\r\n\r\n"...)
	if err := c.conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return fmt.Errorf("set deadline: %w", err)
	}
	buffers := net.Buffers{c.head, body}
	if _, err := buffers.WriteTo(c.conn); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	resp, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	answer, err := io.ReadAll(resp.Body)
	if err := resp.Body.Close(); err != nil {
		return fmt.Errorf("close answer: %w", err)
	}
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if resp.StatusCode/100 != 2 || (len(answer) > 2 && resp.StatusCode == http.StatusOK) {
		return fmt.Errorf("the server answered %s: %.200s", resp.Status, answer)
	}
	return nil
}
