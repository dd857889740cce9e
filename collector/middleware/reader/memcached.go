// SPDX-License-Identifier: Apache-2.0

package reader

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
)

type memcached struct {
	t    Target
	conn net.Conn
	in   *bufio.Reader
}

func newMemcached(t Target) *memcached { return &memcached{t: t} }

// Close implements Reader.
func (m *memcached) Close() error {
	if m.conn == nil {
		return nil
	}
	err := m.conn.Close()
	m.conn = nil
	return err // Says what it is.
}

// Read implements Reader.
func (m *memcached) Read(ctx context.Context) (Reading, error) {
	r, err := m.stats(ctx)
	if err != nil {
		_ = m.Close()
	}
	return r, err
}

func (m *memcached) stats(ctx context.Context) (Reading, error) {
	if m.conn == nil {
		conn, err := dial(ctx, m.t.Address)
		if err != nil {
			return Reading{}, err
		}
		m.conn, m.in = conn, bufio.NewReader(conn)
	}
	if deadline, ok := ctx.Deadline(); ok {
		if err := m.conn.SetDeadline(deadline); err != nil {
			return Reading{}, fmt.Errorf("set deadline: %w", err)
		}
	}
	if _, err := io.WriteString(m.conn, "stats\r\n"); err != nil {
		return Reading{}, fmt.Errorf("send stats: %w", err)
	}
	var r Reading
	for {
		line, err := m.in.ReadString('\n')
		if err != nil {
			return Reading{}, fmt.Errorf("read answer to stats: %w", err)
		}
		f := strings.Fields(line)
		switch {
		case len(f) == 1 && f[0] == "END":
			return r, nil
		case len(f) < 2 || f[0] != "STAT":
			return Reading{}, fmt.Errorf("read answer to stats: not memcached: %.40q", line)
		case len(f) == 3 && f[1] == "version":
			r.Version = f[2]
		case len(f) == 3:
			if v, ok := number(f[2]); ok {
				r.add(f[1], v)
			}
		}
	}
}
