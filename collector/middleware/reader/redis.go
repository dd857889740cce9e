// SPDX-License-Identifier: Apache-2.0

package reader

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// maxInfo bounds the answer to INFO, which is some 6 KiB and grows by databases, commands and replicas.
const maxInfo = 1 << 20

type redis struct {
	t    Target
	conn net.Conn
	in   *bufio.Reader
}

func newRedis(t Target) *redis { return &redis{t: t} }

// Close implements Reader.
func (r *redis) Close() error {
	if r.conn == nil {
		return nil
	}
	err := r.conn.Close()
	r.conn = nil
	return err // Says what it is.
}

// redisError is an error reply: NOAUTH …, WRONGPASS …, NOPERM ….
type redisError string

func (e redisError) Error() string { return string(e) }

// Read implements Reader.
func (r *redis) Read(ctx context.Context) (Reading, error) {
	info, err := r.info(ctx)
	if err != nil {
		_ = r.Close()
		if refusal, ok := errors.AsType[redisError](err); ok && !strings.HasPrefix(string(refusal), "ERR max number of clients") {
			return Reading{}, r.refused(refusal)
		}
		return Reading{}, err
	}
	return parseRedisInfo(info), nil
}

func (r *redis) info(ctx context.Context) (string, error) {
	if r.conn == nil {
		conn, err := dial(ctx, r.t.Address)
		if err != nil {
			return "", err
		}
		r.conn, r.in = conn, bufio.NewReader(conn)
		if c := r.t.Credential; c != nil {
			args := []string{"AUTH", c.Username, c.Password}
			if c.Username == "" {
				args = []string{"AUTH", c.Password}
			}
			if _, err := r.call(ctx, args...); err != nil {
				return "", err
			}
		}
	}
	return r.call(ctx, "INFO")
}

// call sends one command and reads a simple or bulk string.
func (r *redis) call(ctx context.Context, args ...string) (string, error) {
	if deadline, ok := ctx.Deadline(); ok {
		if err := r.conn.SetDeadline(deadline); err != nil {
			return "", fmt.Errorf("set deadline: %w", err)
		}
	} else if err := r.conn.SetDeadline(time.Time{}); err != nil {
		return "", fmt.Errorf("clear deadline: %w", err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(args))
	for _, a := range args {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(a), a)
	}
	if _, err := io.WriteString(r.conn, b.String()); err != nil {
		return "", fmt.Errorf("send %s: %w", args[0], err)
	}
	line, err := r.in.ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("read answer to %s: %w", args[0], err)
	}
	line = strings.TrimRight(line, "\r\n")
	switch {
	case strings.HasPrefix(line, "-"):
		return "", redisError(line[1:])
	case strings.HasPrefix(line, "+"):
		return line[1:], nil
	case !strings.HasPrefix(line, "$"):
		return "", fmt.Errorf("read answer to %s: not Redis: %.40q", args[0], line)
	}
	n, err := strconv.Atoi(line[1:])
	if err != nil || n < 0 || n > maxInfo {
		return "", fmt.Errorf("read answer to %s: length %q", args[0], line[1:])
	}
	body := make([]byte, n+2)
	if _, err := io.ReadFull(r.in, body); err != nil {
		return "", fmt.Errorf("read answer to %s: %w", args[0], err)
	}
	return string(body[:n]), nil
}

func (r *redis) refused(err redisError) error {
	return &AccessError{Err: err, Missing: Missing{
		What: "everything: memory, commands, clients, keys, replication",
		Why:  err.Error(),
		How: "# in redis-cli, as an administrator (kept over a restart by ACL SAVE, or the same line in redis.conf as \"user strata …\")\n" +
			"ACL SETUSER strata on >CHOOSE-A-PASSWORD resetkeys resetchannels -@all +info\n" +
			credentialLine(r.t, "username", "strata", "password", "CHOOSE-A-PASSWORD") +
			"\n# or, with the password of requirepass\n" +
			strings.SplitN(credentialLine(r.t, "password", "THE-PASSWORD"), "\n", 2)[1],
	}}
}

// parseRedisInfo takes every number of INFO by its own name, and what is said in words as 0 and 1.
func parseRedisInfo(info string) Reading {
	var out, parts Reading
	for line := range strings.Lines(info) {
		key, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ":")
		if !ok {
			continue
		}
		switch {
		case key == "redis_version" && out.Version == "", key == "valkey_version":
			out.Version = value
		case key == "role":
			out.add("role", 1, "role", value)
		case key == "rdb_last_bgsave_status":
			out.add("rdb_last_bgsave_ok", truth(value == "ok"))
		case key == "master_link_status":
			out.add("master_link_up", truth(value == "up"))
		case strings.HasPrefix(key, "db") && strings.HasPrefix(value, "keys="):
			for pair := range strings.SplitSeq(value, ",") {
				name, text, _ := strings.Cut(pair, "=")
				if v, ok := number(text); ok {
					parts.add("keyspace."+name, v, "db", strings.TrimPrefix(key, "db"))
				}
			}
		default:
			if v, ok := number(value); ok {
				out.add(key, v)
			}
		}
	}
	if len(parts.Samples) == 0 { // Only databases with keys are listed.
		parts.add("keyspace.keys", 0, "db", "0")
	}
	out.Samples = append(out.Samples, parts.Samples...)
	return out
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
