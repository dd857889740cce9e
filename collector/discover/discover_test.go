// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"bufio"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseSockets(t *testing.T) {
	text := `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:18EB 00000000:0000 0A 00000000:00000000 00:00000000 00000000   112        0 1234 1 0 100 0 0 10 0
   1: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1235 1 0 100 0 0 10 0
   2: 0100007F:9999 0100007F:18EB 01 00000000:00000000 00:00000000 00000000     0        0 1236 1 0 20 4 30 10 -1
   3: 0100007F:0051 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1237 1 0 100 0 0 10 0
`
	got, err := parseSockets(bufio.NewScanner(strings.NewReader(text)))
	require.NoError(t, err)
	require.Equal(t, []socket{
		{addr: netip.MustParseAddrPort("127.0.0.1:6379"), uid: "112", inode: "1234"},
		{addr: netip.MustParseAddrPort("0.0.0.0:80"), uid: "0", inode: "1235"},
	}, got, "what follows the first connection is not read")
	v6, err := parseAddr("00000000000000000000000001000000:1F90")
	require.NoError(t, err)
	require.Equal(t, netip.MustParseAddrPort("[::1]:8080"), v6)
	_, err = parseAddr("xyz:1")
	require.Error(t, err)
}

func TestRecognise(t *testing.T) {
	for cmdline, want := range map[string]string{
		"redis-server 127.0.0.1:6379":                      "redis",
		"valkey-server *:6379":                             "redis",
		"mariadbd":                                         "mysql",
		"postgres -D /data":                                "postgresql",
		"nginx: master process nginx":                      "nginx",
		"memcached -m 64":                                  "memcached",
		"beam.smp -W w -s rabbit boot":                     "rabbitmq",
		"beam.smp -s couch boot":                           "",
		"java org.apache.catalina.startup.Bootstrap start": "tomcat",
		"java -Xmx1g kafka.Kafka server.properties":        "kafka",
		"java org.apache.zookeeper.server.quorum.QuorumPeerMain zoo.cfg":                    "zookeeper",
		"java -cp lib/* org.elasticsearch.bootstrap.Elasticsearch -d":                       "elasticsearch",
		"java -p lib -m org.elasticsearch.server/org.elasticsearch.bootstrap.Elasticsearch": "elasticsearch",
		"java -cp lib/* org.elasticsearch.launcher.CliToolLauncher":                         "",
		"java -cp lib/* org.opensearch.bootstrap.OpenSearch":                                "elasticsearch",
		"java -jar shop.jar --main=kafka.Kafka":                                             "",
		"java":                                                                              "",
	} {
		f := strings.Fields(cmdline)
		comm := strings.TrimSuffix(f[0], ":")
		require.True(t, interesting(comm), cmdline)
		require.Equal(t, want, recognise(comm, f), cmdline)
	}
	require.False(t, interesting("bash"))
}

func TestAllReachable(t *testing.T) {
	var bound, want []netip.AddrPort
	for _, a := range []string{"0.0.0.0:80", "[::]:80", "[::ffff:0.0.0.0]:80", "10.0.0.1:80"} {
		bound = append(bound, netip.MustParseAddrPort(a))
	}
	for _, a := range []string{"10.0.0.1:80", "127.0.0.1:80", "[::1]:80"} {
		want = append(want, netip.MustParseAddrPort(a))
	}
	require.Equal(t, want, allReachable(bound))
}

func TestMainAddress(t *testing.T) {
	addrs := func(list ...string) []netip.AddrPort {
		var out []netip.AddrPort
		for _, a := range list {
			out = append(out, reachable(netip.MustParseAddrPort(a)))
		}
		return out
	}
	require.Equal(t, "127.0.0.1:8080", mainAddress("tomcat", addrs("127.0.0.1:8005", "0.0.0.0:8080", "[::]:8009")).String())
	require.Equal(t, "127.0.0.1:80", mainAddress("nginx", addrs("[::]:80", "0.0.0.0:80", "0.0.0.0:443")).String())
	require.Equal(t, "10.0.0.1:7000", mainAddress("redis", addrs("10.0.0.1:17000", "10.0.0.1:7000")).String())
	require.Equal(t, "127.0.0.1:9200", mainAddress("elasticsearch", addrs("127.0.0.1:9300", "127.0.0.1:9200")).String())
	require.Equal(t, "127.0.0.1:9500", mainAddress("elasticsearch", addrs("127.0.0.1:9500", "127.0.0.1:9301")).String())
	require.Equal(t, "[::1]:5432", mainAddress("postgresql", addrs("[::]:5432")).String())
}

// TestScan finds a real process by its real socket, keeps what it knows while nothing changes, and sees its end.
func TestScan(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	file, err := l.(*net.TCPListener).File()
	require.NoError(t, err)
	defer file.Close()
	// A process of that name which has inherited the socket.
	fake := filepath.Join(t.TempDir(), "redis-server")
	sleep, err := exec.LookPath("sleep")
	require.NoError(t, err)
	raw, err := os.ReadFile(sleep)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(fake, raw, 0o755))
	cmd := exec.Command(fake, "600")
	cmd.ExtraFiles = []*os.File{file}
	require.NoError(t, cmd.Start())
	defer func() { _ = cmd.Process.Kill() }()

	s := New("")
	find := func() *Found {
		found, err := s.Scan()
		require.NoError(t, err)
		for _, f := range found {
			if f.PID == cmd.Process.Pid {
				return &f
			}
		}
		return nil
	}
	var f *Found
	require.Eventually(t, func() bool { f = find(); return f != nil }, 5*time.Second, 10*time.Millisecond)
	require.Equal(t, "redis", f.Kind)
	require.Equal(t, l.Addr().String(), f.Address.String())
	require.Equal(t, f.Addresses, f.Bound)
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
	require.False(t, s.Alive())
	require.Nil(t, find())
}

// BenchmarkScan is a look while nothing changes; BenchmarkFullScan one that reads the processes.
func BenchmarkScan(b *testing.B) {
	s := New("")
	for b.Loop() {
		if _, err := s.Scan(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFullScan(b *testing.B) {
	for b.Loop() {
		if _, err := New("").Scan(); err != nil {
			b.Fatal(err)
		}
	}
}
