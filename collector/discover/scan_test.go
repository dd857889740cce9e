// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// tree is a folder that stands for the host's /proc, as it is mounted into a container.
type tree struct {
	t    *testing.T
	root string
	tcp  []string // lines of the table of sockets
}

func newTree(t *testing.T) *tree {
	t.Helper()
	h := &tree{t: t, root: t.TempDir()}
	h.write("1/net/tcp", "heading\n")
	return h
}

func (h *tree) write(name, text string) {
	h.t.Helper()
	path := filepath.Join(h.root, name)
	require.NoError(h.t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(h.t, os.WriteFile(path, []byte(text), 0o600))
}

// listen adds a listening socket of a user.
func (h *tree) listen(address, uid, inode string) {
	h.t.Helper()
	a := netip.MustParseAddrPort(address)
	ip := a.Addr().As4()
	h.tcp = append(h.tcp, fmt.Sprintf("0: %08X:%04X 00000000:0000 0A 00000000:00000000 00:00000000 00000000 %s 0 %s 1", binary.NativeEndian.Uint32(ip[:]), a.Port(), uid, inode))
	h.write("1/net/tcp", "heading\n"+strings.Join(h.tcp, "\n")+"\n")
}

// process is one of the tree.
type process struct {
	pid, parent, uid int
	cmdline          string
	inodes           []string // nil: its descriptors are hidden
	start            string
}

func (h *tree) run(p process) {
	h.t.Helper()
	dir := strconv.Itoa(p.pid)
	args := strings.Fields(p.cmdline)
	comm := strings.TrimSuffix(filepath.Base(args[0]), ":")
	h.write(dir+"/comm", comm+"\n")
	h.write(dir+"/cmdline", strings.Join(args, "\x00")+"\x00")
	h.write(dir+"/status", fmt.Sprintf("Name:\t%s\nPPid:\t%d\nUid:\t%d\t%d\t%d\t%d\n", comm, p.parent, p.uid, p.uid, p.uid, p.uid))
	h.write(dir+"/stat", fmt.Sprintf("%d (%s (x) y) S %s %s 0\n", p.pid, comm, strings.Repeat("0 ", 18), p.start))
	if p.inodes == nil {
		return
	}
	require.NoError(h.t, os.MkdirAll(filepath.Join(h.root, dir, "fd"), 0o700))
	for i, inode := range append(p.inodes, "") {
		link := "socket:[" + inode + "]"
		if inode == "" {
			link = "/dev/null"
		}
		require.NoError(h.t, os.Symlink(link, filepath.Join(h.root, dir, "fd", strconv.Itoa(i))))
	}
}

func (h *tree) end(pid int) {
	h.t.Helper()
	require.NoError(h.t, os.RemoveAll(filepath.Join(h.root, strconv.Itoa(pid))))
}

// found are the kinds and addresses of a scan.
func found(t *testing.T, s *Scanner) []string {
	t.Helper()
	all, err := s.Scan()
	require.NoError(t, err)
	out := []string{}
	for _, f := range all {
		out = append(out, fmt.Sprintf("%s %d %s", f.Kind, f.PID, f.Address))
	}
	return out
}

// TestScanTree: instances by their sockets, in order; workers of a master are not instances, and neither is what listens nowhere.
func TestScanTree(t *testing.T) {
	h := newTree(t)
	h.listen("0.0.0.0:80", "0", "1")
	h.listen("127.0.0.1:6380", "112", "2")
	h.listen("127.0.0.1:6379", "112", "3")
	h.listen("10.0.0.1:9300", "113", "4")
	h.listen("127.0.0.1:22", "0", "5")
	h.run(process{pid: 10, cmdline: "nginx: master process", inodes: []string{"1"}, start: "100"})
	h.run(process{pid: 11, parent: 10, cmdline: "nginx: worker process", inodes: []string{"1"}, start: "101"})
	h.run(process{pid: 20, cmdline: "redis-server *:6380", inodes: []string{"2", "99"}, start: "102"})
	h.run(process{pid: 21, cmdline: "redis-server *:6379", inodes: []string{"3"}, start: "103"})
	h.run(process{pid: 30, cmdline: "java org.elasticsearch.bootstrap.Elasticsearch", inodes: []string{"4"}, start: "104"})
	h.run(process{pid: 40, cmdline: "memcached", inodes: []string{}, start: "105"})
	h.run(process{pid: 50, cmdline: "sshd", inodes: []string{"5"}, start: "106"})
	h.run(process{pid: 60, cmdline: "java -jar shop.jar", inodes: []string{"5"}, start: "107"})
	h.write("self/comm", "redis-server\n")
	s := New(h.root)
	want := []string{"nginx 10 127.0.0.1:80", "redis 21 127.0.0.1:6379", "redis 20 127.0.0.1:6380"}
	require.Equal(t, want, found(t, s), "one that has its cluster's port only is still starting")
	require.Equal(t, netip.MustParseAddrPort("0.0.0.0:80"), s.found[0].Bound[0])
	require.Equal(t, []string{"redis-server", "*:6379"}, s.found[1].Cmdline)
	h.listen("10.0.0.1:9200", "113", "6")
	require.NoError(t, os.Symlink("socket:[6]", filepath.Join(h.root, "30", "fd", "9")))
	require.Equal(t, append([]string{"elasticsearch 30 10.0.0.1:9200"}, want...), found(t, s))
}

// TestScanChanges: while the sockets and the processes are the same nothing is read again; changes are seen.
func TestScanChanges(t *testing.T) {
	h := newTree(t)
	s := New(h.root)
	require.Empty(t, found(t, s))
	require.True(t, s.Alive(), "nothing that could have ended")
	h.listen("127.0.0.1:6379", "112", "3")
	redis := process{pid: 20, cmdline: "redis-server *:6379", inodes: []string{"3"}, start: "100"}
	h.run(redis)
	require.Equal(t, []string{"redis 20 127.0.0.1:6379"}, found(t, s))
	require.True(t, s.Alive())

	h.write("20/cmdline", "memcached\x00")
	require.Equal(t, []string{"redis 20 127.0.0.1:6379"}, found(t, s), "it is not looked at again")
	h.end(20)
	redis.start = "200"
	h.run(redis)
	require.False(t, s.Alive(), "another process has its id")
	require.Equal(t, []string{"redis 20 127.0.0.1:6379"}, found(t, s))
	h.write("20/stat", "20 (redis-server) Z "+strings.Repeat("0 ", 18)+"200 0\n")
	require.False(t, s.Alive(), "it has ended and is not waited for")
	h.end(20)
	require.Empty(t, found(t, s))
}

// TestScanHidden: where descriptors are hidden a socket belongs to a process of its user, of root's those with the usual port alone.
func TestScanHidden(t *testing.T) {
	h := newTree(t)
	h.listen("127.0.0.1:7777", "112", "1")
	h.listen("127.0.0.1:22", "0", "2")
	h.listen("0.0.0.0:80", "0", "3")
	h.run(process{pid: 20, uid: 112, cmdline: "redis-server", start: "1"})
	h.run(process{pid: 30, cmdline: "nginx: master", start: "2"})
	h.run(process{pid: 40, uid: 113, cmdline: "memcached", start: "3"})
	require.Equal(t, []string{"nginx 30 127.0.0.1:80", "redis 20 127.0.0.1:7777"}, found(t, New(h.root)))
}

// TestScanOrphans: workers that have outlived their master share its socket and are one instance.
func TestScanOrphans(t *testing.T) {
	h := newTree(t)
	h.listen("127.0.0.1:80", "0", "1")
	for pid := 11; pid < 14; pid++ {
		h.run(process{pid: pid, parent: 1, cmdline: "nginx: worker process", inodes: []string{"1"}, start: strconv.Itoa(pid)})
	}
	require.Equal(t, []string{"nginx 11 127.0.0.1:80"}, found(t, New(h.root)))
}

// TestScanGone: a process that ends between two reads of it is passed over.
func TestScanGone(t *testing.T) {
	for _, missing := range []string{"comm", "cmdline", "status", "stat"} {
		h := newTree(t)
		h.listen("127.0.0.1:6379", "112", "3")
		h.run(process{pid: 20, cmdline: "redis-server", inodes: []string{"3"}, start: "100"})
		require.NoError(t, os.Remove(filepath.Join(h.root, "20", missing)))
		require.Empty(t, found(t, New(h.root)), missing)
	}
	h := newTree(t)
	h.listen("127.0.0.1:6379", "112", "3")
	h.run(process{pid: 20, cmdline: "redis-server", inodes: []string{"3"}, start: "100"})
	h.write("20/cmdline", "")
	require.Empty(t, found(t, New(h.root)), "a process of the kernel has no command line")
}

// TestScanFails: tables that cannot be read are an error; a kernel without IPv6 is none.
func TestScanFails(t *testing.T) {
	_, err := New(t.TempDir()).Scan()
	require.ErrorContains(t, err, "read listening sockets")
	h := newTree(t)
	h.write("1/net/tcp", "heading\n0: XYZ:0050 00000000:0000 0A 0:0 00:0 0 0 0 1 1\n")
	_, err = New(h.root).Scan()
	require.ErrorContains(t, err, `address "XYZ:0050"`)
	h.write("1/net/tcp", "heading\n")
	h.write("1/net/tcp6", "heading\n0: 0000000000000000FFFF00000100007F:18EB 0:0 0A 0:0 00:0 0 112 0 3 1\n")
	h.run(process{pid: 20, cmdline: "redis-server", inodes: []string{"3"}, start: "100"})
	require.Equal(t, []string{"redis 20 127.0.0.1:6379"}, found(t, New(h.root)), "an address of IPv4 within IPv6")
	require.Equal(t, defaultRoot, New("").Root)
}

func TestParseAddr(t *testing.T) {
	for text, want := range map[string]string{"0100007F:0050": "127.0.0.1:80", "00000000:FFFF": "0.0.0.0:65535", "00000000000000000000000000000000:0016": "[::]:22"} {
		got, err := parseAddr(text)
		require.NoError(t, err)
		require.Equal(t, want, got.String())
	}
	for _, text := range []string{"", ":", "0100007F", "0100007F:", "0100007F:10000", "0100:0050", "0100007F0100007F:0050", "0100007G:0050"} {
		_, err := parseAddr(text)
		require.Error(t, err, text)
	}
	_, err := parseSockets(bufio.NewScanner(strings.NewReader("heading\n" + strings.Repeat("x", 70_000))))
	require.Error(t, err, "a line without end")
	got, err := parseSockets(bufio.NewScanner(strings.NewReader("")))
	require.NoError(t, err)
	require.Empty(t, got)
}

// TestPorts: every kind that is found has a usual port, and a cluster's own ports are not it.
func TestPorts(t *testing.T) {
	for _, kind := range []string{"nginx", "redis", "mysql", "postgresql", "memcached", "rabbitmq", "tomcat", "kafka", "zookeeper", "elasticsearch"} {
		require.NotEmpty(t, usualPorts(kind), kind)
		for _, port := range usualPorts(kind) {
			require.False(t, internalPort(kind, port), "%s %d", kind, port)
		}
	}
	require.Empty(t, usualPorts("oracle"))
	for _, c := range []struct {
		kind string
		port uint16
		want bool
	}{{"elasticsearch", 9299, false}, {"elasticsearch", 9300, true}, {"elasticsearch", 9399, true}, {"elasticsearch", 9400, false}, {"rabbitmq", 25672, true}, {"redis", 25672, false}} {
		require.Equal(t, c.want, internalPort(c.kind, c.port), "%s %d", c.kind, c.port)
	}
}
