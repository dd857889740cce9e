// SPDX-License-Identifier: Apache-2.0

package reader

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	zkMntr = "zk_version\t3.9.2-e454e8c7283100c7caec6dcae2bc82aaecb63023, built on 2024-02-12 20:59 UTC\nzk_server_state\tleader\nzk_ephemerals_count\t0\n" +
		"zk_num_alive_connections\t1\nzk_avg_latency\t0.0\nzk_peer_state\tleading - broadcast\nzk_synced_followers\t2\nzk_max_file_descriptor_count\t1048576\n"
	zkSrvr = "Zookeeper version: 3.4.13-2d71af4dbe22557fda74f9a9b4309b15a7487f03, built on 06/29/2018\r\nLatency min/avg/max: 0/1/20\nReceived: 12\nSent: 11\n" +
		"Connections: 2\nOutstanding: 0\nZxid: 0x100000002\nMode: follower\nNode count: 5\nProposal sizes last/min/max: 32/32/36\n"
	zkNotAllowed = " is not executed because it is not in the whitelist.\n"
)

// zookeeperServer answers four-letter words and ends the connection after each.
func zookeeperServer(t *testing.T, answers map[string]string) *fake {
	t.Helper()
	return serve(t, func(c net.Conn) {
		word := make([]byte, 4)
		if _, err := io.ReadFull(c, word); err != nil {
			return
		}
		text, ok := answers[string(word)]
		if !ok {
			text = string(word) + zkNotAllowed
		}
		_, _ = io.WriteString(c, text)
	})
}

func TestZooKeeper(t *testing.T) {
	f := zookeeperServer(t, map[string]string{"mntr": zkMntr, "srvr": zkSrvr})
	got, err := read(t, open(t, target("zookeeper", f.addr, nil)))
	require.NoError(t, err)
	require.Equal(t, "3.9.2", got.Version)
	require.Empty(t, got.Missing)
	require.Equal(t, map[string]float64{
		"server_state{role=leader}": 1, "ephemerals_count": 0, "num_alive_connections": 1, "avg_latency": 0, "synced_followers": 2, "max_file_descriptor_count": 1048576,
	}, values(got))
	require.Equal(t, 1, f.connections())
}

// TestZooKeeperLimited: with srvr alone there are some numbers, and the line that gives the others.
func TestZooKeeperLimited(t *testing.T) {
	f := zookeeperServer(t, map[string]string{"srvr": zkSrvr})
	got, err := read(t, open(t, target("zookeeper", f.addr, nil)))
	require.NoError(t, err)
	require.Equal(t, "3.4.13", got.Version)
	require.Equal(t, map[string]float64{
		"min_latency": 0, "avg_latency": 1, "max_latency": 20, "packets_received": 12, "packets_sent": 11, "num_alive_connections": 2, "outstanding_requests": 0,
		"server_state{role=follower}": 1, "znode_count": 5,
	}, values(got))
	require.Len(t, got.Missing, 1)
	require.Equal(t, "mntr is not executed because it is not in the whitelist.", got.Missing[0].Why)
	require.Contains(t, got.Missing[0].How, "4lw.commands.whitelist=srvr,mntr")
}

func TestZooKeeperRefuses(t *testing.T) {
	for name, answers := range map[string]map[string]string{
		"nothing is allowed":    nil,
		"not serving requests":  {"mntr": "This ZooKeeper instance is not currently serving requests", "srvr": "This ZooKeeper instance is not currently serving requests"},
		"another protocol":      {"mntr": "HTTP/1.1 400\r\n\r\n", "srvr": "HTTP/1.1 400\r\n\r\n"},
		"an answer of no bytes": {"mntr": "", "srvr": ""},
	} {
		f := zookeeperServer(t, answers)
		_, err := read(t, open(t, target("zookeeper", f.addr, nil)))
		var refused *AccessError
		require.ErrorAs(t, err, &refused, name)
		require.Equal(t, "everything", refused.Missing.What, name)
		if name == "nothing is allowed" {
			require.Contains(t, err.Error(), "srvr is not executed")
		}
	}
}

// TestZooKeeperBroken: a server that goes away or hangs between two words is one that does not answer.
func TestZooKeeperBroken(t *testing.T) {
	unanswered(t, hurried(t, open(t, target("zookeeper", serve(t, silent).addr, nil))), "mntr", "i/o timeout")
	f := serve(t, func(c net.Conn) {
		word := make([]byte, 4)
		if _, err := io.ReadFull(c, word); err == nil && string(word) == "mntr" {
			_, _ = io.WriteString(c, "mntr"+zkNotAllowed)
			return
		}
		silent(c)
	})
	unanswered(t, hurried(t, open(t, target("zookeeper", f.addr, nil))), "srvr", "i/o timeout")
	reset := serve(t, func(c net.Conn) {
		_ = c.(*net.TCPConn).SetLinger(0)
	})
	_, err := read(t, open(t, target("zookeeper", reset.addr, nil)))
	require.Error(t, err)
}

// TestZooKeeperAdmin: the admin server tells what mntr would, and no other port is asked.
func TestZooKeeperAdmin(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var mu sync.Mutex
	answer, status := `{"version":"3.9.2-e454e8c7","server_state":"standalone","znode_count":5,"read_only":false,"command":"monitor","error":null}`, http.StatusOK
	admin := &httptest.Server{Listener: l, Config: &http.Server{ReadHeaderTimeout: 1e9, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if r.URL.Path != "/commands/monitor" {
			status = http.StatusTeapot
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	})}}
	admin.Start()
	t.Cleanup(admin.Close)
	other := page(t, func(http.ResponseWriter, *http.Request) { t.Error("another port was asked") })
	f := zookeeperServer(t, map[string]string{"srvr": zkSrvr})
	to := target("zookeeper", f.addr, nil)
	to.Addresses = []netip.AddrPort{f.addr, other, netip.MustParseAddrPort(l.Addr().String())}
	r := newZooKeeper(to)
	require.EqualValues(t, 8080, r.adminPort)
	r.adminPort = netip.MustParseAddrPort(l.Addr().String()).Port()
	got, err := read(t, r)
	require.NoError(t, err)
	require.Equal(t, "3.9.2", got.Version)
	require.Empty(t, got.Missing)
	require.Equal(t, map[string]float64{"server_state{role=standalone}": 1, "znode_count": 5}, values(got))

	for _, broken := range []string{"", "<html>", "[1]"} {
		mu.Lock()
		answer = broken
		mu.Unlock()
		got, err = read(t, r)
		require.NoError(t, err)
		require.Equal(t, "3.4.13", got.Version, "srvr is asked instead: %q", broken)
		require.Len(t, got.Missing, 1)
	}
	mu.Lock()
	answer, status = `{"znode_count":5}`, http.StatusForbidden
	mu.Unlock()
	got, err = read(t, r)
	require.NoError(t, err)
	require.Equal(t, "3.4.13", got.Version)
}
