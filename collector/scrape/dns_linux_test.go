// SPDX-License-Identifier: Apache-2.0

package scrape_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// inNamespace tells the test that it runs in the namespaces that it made.
const inNamespace = "STRATA_TEST_DNS_NAMESPACE"

// TestDNS: targets by A and SRV records of a real DNS server (dnsmasq) come and go with the records. Prometheus's discovery asks the servers
// of /etc/resolv.conf, so the test runs itself again with a mount and a network namespace of its own, where that file is ours.
func TestDNS(t *testing.T) {
	t.Parallel()
	if os.Getenv(inNamespace) != "" {
		testDNS(t)
		return
	}
	require.Zero(t, os.Geteuid(), "a mount and a network namespace of its own need root")
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestDNS$", "-test.v", "-test.timeout=3m")
	cmd.Env = append(os.Environ(), inNamespace+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "--- PASS: TestDNS")
}

func testDNS(t *testing.T) {
	t.Helper()
	const (
		records = "srv-host=_metrics._tcp.shop.test,web1.shop.test,9101\n"
		hosts   = "127.0.0.2 web.shop.test\n127.0.0.4 web1.shop.test\n127.0.0.5 web2.shop.test\n"
	)
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	require.NoError(t, unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	require.NoError(t, unix.Mount(write("resolv.conf", "nameserver 127.0.0.1\nsearch shop.test\n"), "/etc/resolv.conf", "", unix.MS_BIND, ""))
	loopbackUp(t)
	server := dnsmasq{t: t, conf: write("dnsmasq.conf", records), hosts: write("hosts", hosts)}
	server.start()
	// Both after the discovery has been told to stop: its lookups hear nothing of that, and one whose question was lost while the server was down
	// waits for an answer (2 s, and again for each name of the search path).
	t.Cleanup(func() { server.stop() })
	t.Cleanup(func() { require.Eventually(t, noLookups, 20*time.Second, 50*time.Millisecond, "a lookup does not end") })
	target(t, "127.0.0.2:9100", "two")
	target(t, "127.0.0.3:9100", "three")
	target(t, "127.0.0.4:9101", "web1")
	target(t, "127.0.0.5:9102", "web2")

	s, next := newStore(t)
	const label = `refresh_interval: 200ms}], relabel_configs: [{source_labels: [__meta_dns_name], target_label: name}`
	start(
		t, next,
		job(t, `{job_name: a, dns_sd_configs: [{names: [web.shop.test], type: A, port: 9100, `+label+`]}`),
		job(t, `{job_name: search, dns_sd_configs: [{names: [web], type: A, port: 9100, `+label+`]}`),
		job(t, `{job_name: srv, dns_sd_configs: [{names: [_metrics._tcp.shop.test], `+label+`, {source_labels: [__meta_dns_srv_record_target], target_label: record}]}`),
	)
	s.wait(t, "a", "instance=127.0.0.2:9100 name=web.shop.test program=two")
	s.wait(t, "search", "instance=127.0.0.2:9100 name=web program=two")
	web1 := "instance=web1.shop.test:9101 name=_metrics._tcp.shop.test program=web1 record=web1.shop.test."
	s.wait(t, "srv", web1)

	// Records appear: dnsmasq reads the hosts again when it is told to, and its configuration when it starts.
	server.stop()
	write("dnsmasq.conf", records+"srv-host=_metrics._tcp.shop.test,web2.shop.test,9102\n")
	write("hosts", hosts+"127.0.0.3 web.shop.test\n")
	server.start()
	s.wait(t, "a", "instance=127.0.0.2:9100 name=web.shop.test program=two", "instance=127.0.0.3:9100 name=web.shop.test program=three")
	s.wait(t, "srv", web1, "instance=web2.shop.test:9102 name=_metrics._tcp.shop.test program=web2 record=web2.shop.test.")

	// And go: one of two addresses, and the name of both services.
	server.stop()
	write("dnsmasq.conf", "")
	write("hosts", "127.0.0.3 web.shop.test\n")
	server.start()
	s.wait(t, "a", "instance=127.0.0.3:9100 name=web.shop.test program=three")
	s.wait(t, "srv")
}

// noLookups is whether no goroutine of Prometheus's discovery is asking.
func noLookups() bool {
	all := make([]byte, 1<<20)
	return !strings.Contains(string(all[:runtime.Stack(all, true)]), "discovery/dns.")
}

// dnsmasq is a DNS server on port 53 of loopback.
type dnsmasq struct {
	t           *testing.T
	conf, hosts string
	cmd         *exec.Cmd
}

func (d *dnsmasq) start() {
	d.t.Helper()
	path, err := exec.LookPath("dnsmasq")
	if err != nil {
		path = "/usr/sbin/dnsmasq"
	}
	d.cmd = exec.Command(path, "--keep-in-foreground", "--log-facility=-", "--user=root", "--pid-file=", "--no-resolv", "--no-hosts", "--local=/test/", "--bind-interfaces",
		"--listen-address=127.0.0.1", "--conf-file="+d.conf, "--addn-hosts="+d.hosts)
	log := filepath.Join(filepath.Dir(d.conf), "log")
	f, err := os.Create(log)
	require.NoError(d.t, err)
	defer f.Close()
	d.cmd.Stdout, d.cmd.Stderr = f, f
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(d.t, d.cmd.Start(), "run `make test-deps`")
	// TCP is open when UDP is.
	serves := func() bool {
		c, err := net.DialTimeout("tcp", "127.0.0.1:53", time.Second)
		return err == nil && c.Close() == nil
	}
	if !assert.Eventually(d.t, serves, 20*time.Second, 20*time.Millisecond, "dnsmasq does not start") {
		d.stop()
		text, _ := os.ReadFile(log)
		d.t.Fatalf("dnsmasq says: %s", text)
	}
}

func (d *dnsmasq) stop() {
	if d.cmd != nil {
		_ = d.cmd.Process.Kill()
		_ = d.cmd.Wait()
		d.cmd = nil
	}
}

// loopbackUp is ip link set lo up.
func loopbackUp(t *testing.T) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	defer func() { _ = unix.Close(fd) }()
	lo, err := unix.NewIfreq("lo")
	require.NoError(t, err)
	lo.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	require.NoError(t, unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo))
}
