// SPDX-License-Identifier: Apache-2.0

package collector_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/strata-apm/strata/collector/logs"
	"github.com/strata-apm/strata/collector/otlptest"
	"github.com/strata-apm/strata/internal/testutil/certtest"
)

// freePort returns a port of loopback that nobody listens on.
func freePort(t *testing.T, network string) int {
	t.Helper()
	if network == "udp" {
		c, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
		require.NoError(t, err)
		defer func() { require.NoError(t, c.Close()) }()
		return c.LocalAddr().(*net.UDPAddr).Port
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	return l.Addr().(*net.TCPAddr).Port
}

const rsyslogConf = `
global(workDirectory="%[1]s" DefaultNetstreamDriverCAFile="%[5]s")
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="%[1]s/log" CreatePath="on" UseSysTimeStamp="on")
action(type="omfwd" target="127.0.0.1" port="%[2]d" protocol="udp")
action(type="omfwd" target="127.0.0.1" port="%[3]d" protocol="tcp" action.resumeRetryCount="-1" action.resumeInterval="1")
action(type="omfwd" target="127.0.0.1" port="%[4]d" protocol="tcp" template="RSYSLOG_SyslogProtocol23Format" StreamDriver="gtls" StreamDriverMode="1"
       StreamDriverAuthMode="x509/name" StreamDriverPermittedPeers="localhost" action.resumeRetryCount="-1" action.resumeInterval="1")
`

// testSyslog receives from a real rsyslog over UDP, TCP and TLS, RFC 3164 and 5424.
func (bin agentBinary) testSyslog(t *testing.T) {
	sink, dir := otlptest.New(t), t.TempDir()
	udp, tcp, tls := freePort(t, "udp"), freePort(t, "tcp"), freePort(t, "tcp")
	cert, key := certtest.SelfSigned(t)
	p := bin.start(t, t.TempDir(), fmt.Sprintf(`
server: {endpoint: %q}
host: {enabled: false}
syslog:
- {listen: "udp://127.0.0.1:%d", max_records_per_second: 100}
- {listen: "tcp://127.0.0.1:%d"}
- {listen: "tls://127.0.0.1:%d", protocol: rfc5424, cert_file: %q, key_file: %q}
`, sink.Addr, udp, tcp, tls, cert, key))
	p.waitLog(t, "agent started")
	conf := filepath.Join(dir, "rsyslog.conf")
	require.NoError(t, os.WriteFile(conf, []byte(fmt.Sprintf(rsyslogConf, dir, udp, tcp, tls, cert)), 0o600))
	out := &lockedBuffer{}
	cmd := exec.CommandContext(t.Context(), "rsyslogd", "-n", "-f", conf, "-i", filepath.Join(dir, "pid"))
	cmd.Stdout, cmd.Stderr = out, out
	require.NoError(t, cmd.Start(), "the tests need rsyslog: make test-deps")
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(out.String())
		}
	})
	var conn net.Conn
	require.Eventually(t, func() bool {
		var err error
		conn, err = (&net.Dialer{}).DialContext(t.Context(), "unixgram", filepath.Join(dir, "log"))
		return err == nil
	}, 10*time.Second, 20*time.Millisecond)
	_, err := fmt.Fprint(conn, "<131>shop[42]: order 17 failed, password=hunter2")
	require.NoError(t, err)
	require.Eventually(t, func() bool { return len(logRecords(sink)) >= 3 }, 20*time.Second, 50*time.Millisecond)
	host, err := os.Hostname()
	require.NoError(t, err)
	for _, lr := range logRecords(sink) {
		require.Equal(t, "order 17 failed, password=***", strings.TrimSpace(lr.Body().Str()))
		require.Equal(t, plog.SeverityNumberError, lr.SeverityNumber(), lr.SeverityText())
		requireAttr(t, lr.Attributes(), "syslog.appname", "shop")
		requireAttr(t, lr.Attributes(), "syslog.hostname", host)
		requireAttr(t, lr.Attributes(), "syslog.facility", "local0")
		pid, _ := lr.Attributes().Get("process.pid")
		require.Equal(t, int64(42), pid.Int())
		require.WithinDuration(t, time.Now(), lr.Timestamp().AsTime(), time.Minute)
	}
	// UDP drops what is more than its limit and counts it; TCP and TLS take all.
	const burst = 1000
	for i := range burst {
		_, err := fmt.Fprintf(conn, "<134>shop[42]: burst %d", i)
		require.NoError(t, err)
	}
	require.NoError(t, conn.Close())
	var last map[string]logs.SourceStatus
	defer func() { t.Log(last) }()
	require.Eventually(t, func() bool {
		status, err := os.ReadFile(filepath.Join(filepath.Dir(p.cmd.Args[2]), "status.json"))
		if err != nil {
			return false
		}
		s := sourcesOf(t, status)
		last = s
		u, c, l := s[fmt.Sprintf("udp://127.0.0.1:%d", udp)], s[fmt.Sprintf("tcp://127.0.0.1:%d", tcp)], s[fmt.Sprintf("tls://127.0.0.1:%d", tls)]
		return u.Dropped > 0 && u.Records+u.Dropped == burst+1 && c.Records == burst+1 && l.Records == burst+1
	}, 30*time.Second, 100*time.Millisecond, "every message is counted")
	p.stop(t)
}
