// SPDX-License-Identifier: Apache-2.0

package reader

import (
	"bufio"
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

// memcachedServer answers each line that it is sent.
func memcachedServer(t *testing.T, answer func(line string) string) *fake {
	t.Helper()
	return serve(t, func(c net.Conn) {
		in := bufio.NewReader(c)
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			text := answer(line)
			if _, err := io.WriteString(c, text); err != nil || text == "" {
				return
			}
		}
	})
}

func TestMemcached(t *testing.T) {
	f := memcachedServer(t, func(line string) string {
		if line != "stats\r\n" {
			return "ERROR\r\n"
		}
		return "STAT pid 12\r\nSTAT version 1.6.31\r\nSTAT libevent 2.1.12-stable\r\nSTAT rusage_user 0.350000\r\nSTAT curr_items 7\r\nSTAT get_hits 10\r\n" +
			"STAT empty \r\nSTAT limit_maxbytes 67108864\r\nSTAT accepting_conns 1\r\nSTAT two words here\r\nEND\r\n"
	})
	r := open(t, target("memcached", f.addr, nil))
	for range 3 {
		got, err := read(t, r)
		require.NoError(t, err)
		require.Equal(t, "1.6.31", got.Version)
		require.Equal(t, map[string]float64{
			"pid": 12, "rusage_user": 0.35, "curr_items": 7, "get_hits": 10, "limit_maxbytes": 67108864, "accepting_conns": 1,
		}, values(got))
	}
	require.Equal(t, 1, f.connections(), "the connection is kept")
	require.NoError(t, r.Close())
	_, err := read(t, r)
	require.NoError(t, err)
	require.Equal(t, 2, f.connections())
}

func TestMemcachedBroken(t *testing.T) {
	for name, c := range map[string]struct{ answer, want string }{
		"another protocol": {"-ERR unknown command 'stats'\r\n", "not memcached"},
		"wants a password": {"CLIENT_ERROR unauthenticated\r\n", "CLIENT_ERROR unauthenticated"},
		"an error":         {"SERVER_ERROR out of memory\r\n", "SERVER_ERROR"},
		"an empty line":    {"\r\n", "not memcached"},
		"STAT alone":       {"STAT\r\n", "not memcached"},
		"END of more":      {"END x\r\n", "not memcached"},
		"nothing":          {"", "EOF"},
		"no end":           {"STAT pid 1\r\n", "EOF"},
		"cut off":          {"STAT pid 1\r\nSTAT upti", "EOF"},
	} {
		f := serve(t, func(conn net.Conn) {
			if _, err := bufio.NewReader(conn).ReadString('\n'); err == nil {
				_, _ = io.WriteString(conn, c.answer)
			}
		})
		r := open(t, target("memcached", f.addr, nil))
		for range 2 {
			got, err := read(t, r)
			unanswered(t, err, "stats", c.want)
			require.Empty(t, got.Samples, "%s: half an answer is none", name)
		}
		require.Equal(t, 2, f.connections(), "%s: a broken connection is not kept", name)
	}
}

func TestMemcachedSlow(t *testing.T) {
	f := serve(t, func(c net.Conn) {
		_, _ = io.WriteString(c, "STAT pid 1\r\n")
		silent(c)
	})
	unanswered(t, hurried(t, open(t, target("memcached", f.addr, nil))), "i/o timeout")
}

// TestMemcachedGone: a kept connection that the server has ended is one failed look, not two.
func TestMemcachedGone(t *testing.T) {
	f := memcachedServer(t, func(string) string { return "STAT pid 1\r\nEND\r\n" })
	r := open(t, target("memcached", f.addr, nil))
	_, err := read(t, r)
	require.NoError(t, err)
	f.restart()
	_, err = read(t, r)
	unanswered(t, err)
	_, err = read(t, r)
	require.NoError(t, err)
}
