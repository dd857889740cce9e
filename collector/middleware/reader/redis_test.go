// SPDX-License-Identifier: Apache-2.0

package reader

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// redisCommand reads a command as clients send it: an array of bulk strings.
func redisCommand(in *bufio.Reader) ([]string, error) {
	length := func(sign byte) (int, error) {
		line, err := in.ReadString('\n')
		if err != nil {
			return 0, err
		}
		if line[0] != sign || !strings.HasSuffix(line, "\r\n") {
			return 0, fmt.Errorf("not of the protocol: %q", line)
		}
		return strconv.Atoi(strings.TrimSpace(line[1:]))
	}
	n, err := length('*')
	if err != nil {
		return nil, err
	}
	args := make([]string, n)
	for i := range args {
		size, err := length('$')
		if err != nil {
			return nil, err
		}
		text := make([]byte, size+2)
		if _, err := io.ReadFull(in, text); err != nil {
			return nil, err
		}
		args[i] = string(text[:size])
	}
	return args, nil
}

// redisServer answers each command; it ends a connection after an empty answer.
func redisServer(t *testing.T, answer func(args []string) string) *fake {
	t.Helper()
	return serve(t, func(c net.Conn) {
		in := bufio.NewReader(c)
		for {
			args, err := redisCommand(in)
			if err != nil {
				return
			}
			text := answer(args)
			if _, err := io.WriteString(c, text); err != nil || text == "" {
				return
			}
		}
	})
}

func bulk(text string) string { return fmt.Sprintf("$%d\r\n%s\r\n", len(text), text) }

const redisInfo = "# Server\r\nredis_version:7.4.1\r\nredis_mode:standalone\r\nuptime_in_seconds:42\r\n\r\n# Clients\r\nconnected_clients:3\r\n" +
	"# Memory\r\nused_memory:1048576\r\nmaxmemory_policy:noeviction\r\nmem_fragmentation_ratio:1.25\r\n" +
	"# Persistence\r\nrdb_last_bgsave_status:ok\r\n# Stats\r\ntotal_commands_processed:1000\r\n# Replication\r\nrole:master\r\n" +
	"# Keyspace\r\ndb0:keys=12,expires=3,avg_ttl=100\r\ndb3:keys=1,expires=0,avg_ttl=0\r\n"

func TestRedis(t *testing.T) {
	f := redisServer(t, func(args []string) string {
		if len(args) == 1 && args[0] == "INFO" {
			return bulk(redisInfo)
		}
		return "-ERR unknown command\r\n"
	})
	r := open(t, target("redis", f.addr, nil))
	for range 3 {
		got, err := read(t, r)
		require.NoError(t, err)
		require.Equal(t, "7.4.1", got.Version)
		require.Empty(t, got.Missing)
		require.Equal(t, map[string]float64{
			"uptime_in_seconds": 42, "connected_clients": 3, "used_memory": 1048576, "mem_fragmentation_ratio": 1.25, "rdb_last_bgsave_ok": 1,
			"total_commands_processed": 1000, "role{role=master}": 1, "keyspace.keys{db=0}": 12, "keyspace.expires{db=0}": 3, "keyspace.avg_ttl{db=0}": 100,
			"keyspace.keys{db=3}": 1, "keyspace.expires{db=3}": 0, "keyspace.avg_ttl{db=3}": 0,
		}, values(got))
		require.NotEmpty(t, got.Samples[len(got.Samples)-1].Tags["db"], "parts come last")
	}
	require.Equal(t, 1, f.connections(), "the connection is kept")
}

// TestRedisForms: servers of other versions and roles say other things.
func TestRedisForms(t *testing.T) {
	for name, c := range map[string]struct {
		info, version string
		want          map[string]float64
	}{
		"no keys":       {"redis_version:2.8.4\n", "2.8.4", map[string]float64{"keyspace.keys{db=0}": 0}},
		"Valkey":        {"redis_version:7.2.4\r\nvalkey_version:8.0.1\r\n", "8.0.1", map[string]float64{"keyspace.keys{db=0}": 0}},
		"Valkey before": {"valkey_version:8.0.1\r\nredis_version:7.2.4\r\n", "8.0.1", map[string]float64{"keyspace.keys{db=0}": 0}},
		"a replica without its source": {
			"redis_version:7.0.0\r\nrole:slave\r\nmaster_link_status:down\r\nmaster_host:10.0.0.1\r\nrdb_last_bgsave_status:err\r\n", "7.0.0",
			map[string]float64{"role{role=slave}": 1, "master_link_up": 0, "rdb_last_bgsave_ok": 0, "keyspace.keys{db=0}": 0},
		},
		"of a cluster": {
			"redis_version:7.0.0\r\ncluster_enabled:1\r\ndb0:keys=5,expires=0,avg_ttl=0,subexpiry=0\r\nslave0:ip=10.0.0.2,port=6379,state=online\r\n", "7.0.0",
			map[string]float64{"cluster_enabled": 1, "keyspace.keys{db=0}": 5, "keyspace.expires{db=0}": 0, "keyspace.avg_ttl{db=0}": 0, "keyspace.subexpiry{db=0}": 0},
		},
		"nothing": {"", "", map[string]float64{"keyspace.keys{db=0}": 0}},
	} {
		f := redisServer(t, func([]string) string { return bulk(c.info) })
		got, err := read(t, open(t, target("redis", f.addr, nil)))
		require.NoError(t, err, name)
		require.Equal(t, c.version, got.Version, name)
		require.Equal(t, c.want, values(got), name)
	}
}

// TestRedisSignsIn: with a user as ACLs have it, or with the password alone; once per connection.
func TestRedisSignsIn(t *testing.T) {
	for name, c := range map[string]struct {
		credential Credential
		want       []string
	}{
		"a user":       {Credential{Username: "strata", Password: "p w\r\n"}, []string{"AUTH", "strata", "p w\r\n"}},
		"the password": {Credential{Password: "secret"}, []string{"AUTH", "secret"}},
	} {
		var mu sync.Mutex
		var got [][]string
		f := redisServer(t, func(args []string) string {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, args)
			if args[0] == "AUTH" {
				return "+OK\r\n"
			}
			return bulk(redisInfo)
		})
		r := open(t, target("redis", f.addr, &c.credential))
		for range 2 {
			_, err := read(t, r)
			require.NoError(t, err, name)
		}
		require.NoError(t, r.Close())
		_, err := read(t, r)
		require.NoError(t, err, "%s: after Close", name)
		info := []string{"INFO"}
		require.Equal(t, [][]string{c.want, info, info, c.want, info}, got, name)
	}
}

// TestRedisRefuses: a refusal says what to do, without the password that was tried; the next look connects anew.
func TestRedisRefuses(t *testing.T) {
	for _, reply := range []string{
		"NOAUTH Authentication required.", "WRONGPASS invalid username-password pair or user is disabled.",
		"NOPERM this user has no permissions to run the 'info' command", "DENIED Redis is running in protected mode",
	} {
		var refuses atomic.Bool
		refuses.Store(true)
		f := redisServer(t, func(args []string) string {
			switch {
			case args[0] == "AUTH" && !strings.HasPrefix(reply, "WRONGPASS"):
				return "+OK\r\n"
			case refuses.Load():
				return "-" + reply + "\r\n"
			}
			return bulk(redisInfo)
		})
		r := open(t, target("redis", f.addr, &Credential{Username: "u", Password: "tried"}))
		_, err := read(t, r)
		missing := refusal(t, err)
		require.Equal(t, reply, missing.Why)
		require.Contains(t, missing.How, "ACL SETUSER strata")
		require.Contains(t, missing.How, `address: "`+f.addr.String()+`"`)
		require.NotContains(t, missing.How, "tried")
		if !strings.HasPrefix(reply, "WRONGPASS") {
			refuses.Store(false)
			_, err = read(t, r)
			require.NoError(t, err, reply)
			require.Equal(t, 2, f.connections())
		}
	}
}

// TestRedisBusy: a server that has no connection left refuses nobody for good.
func TestRedisBusy(t *testing.T) {
	f := serve(t, func(c net.Conn) {
		_, _ = io.WriteString(c, "-ERR max number of clients reached\r\n")
		silent(c)
	})
	_, err := read(t, open(t, target("redis", f.addr, nil)))
	unanswered(t, err, "max number of clients")
}

// TestRedisBroken: answers that are none end the look with what was wrong, and never wait or allocate for more than they say.
func TestRedisBroken(t *testing.T) {
	for name, c := range map[string]struct{ answer, want string }{
		"another protocol":   {"HTTP/1.1 400 Bad Request\r\n\r\n", "not Redis"},
		"an integer":         {":5\r\n", "not Redis"},
		"an empty line":      {"\r\n", "not Redis"},
		"nothing":            {"", "EOF"},
		"no end of the line": {"$12", "EOF"},
		"cut off":            {"$100\r\nredis_version:7", "EOF"},
		"null":               {"$-1\r\n", `length "-1"`},
		"too long":           {"$1073741824\r\n", `length "1073741824"`},
		"no length":          {"$x\r\n", `length "x"`},
	} {
		t.Run(name, func(t *testing.T) {
			f := serve(t, func(conn net.Conn) {
				if _, err := redisCommand(bufio.NewReader(conn)); err == nil {
					_, _ = io.WriteString(conn, c.answer)
				}
			})
			r := open(t, target("redis", f.addr, nil))
			for range 2 {
				_, err := read(t, r)
				unanswered(t, err, "INFO", c.want)
			}
			require.Equal(t, 2, f.connections(), "a broken connection is not kept")
		})
	}
}

// TestRedisSlow: a look ends with its context, and the next one is not given the late answer.
func TestRedisSlow(t *testing.T) {
	var late atomic.Bool
	late.Store(true)
	f := serve(t, func(c net.Conn) {
		if late.Load() {
			silent(c)
			return
		}
		if _, err := redisCommand(bufio.NewReader(c)); err == nil {
			_, _ = io.WriteString(c, bulk(redisInfo))
			silent(c)
		}
	})
	r := open(t, target("redis", f.addr, nil))
	unanswered(t, hurried(t, r), "i/o timeout")
	late.Store(false)
	got, err := read(t, r)
	require.NoError(t, err)
	require.Equal(t, "7.4.1", got.Version)
}
