// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/internal/testutil/certtest"
)

// startNginx runs deploy/nginx/strata.conf before a server, on a port of loopback with a certificate, for clients that have one of clients.
func startNginx(t *testing.T, s *server, cert, key, clients string) string {
	t.Helper()
	conf, err := os.ReadFile("../../deploy/nginx/strata.conf")
	require.NoError(t, err)
	address, dir, text := freeAddress(t), t.TempDir(), string(conf)
	for _, change := range [][2]string{
		{"listen 443 ", "listen " + address + " "},
		{"/etc/nginx/tls/strata.crt", cert},
		{"/etc/nginx/tls/strata.key", key},
		{"# ssl_client_certificate /etc/nginx/tls/clients.crt", "ssl_client_certificate " + clients},
		{"# ssl_verify_client", "ssl_verify_client"},
		{"127.0.0.1:4317", s.run.OTLPGRPC},
		{"127.0.0.1:7080", s.run.HTTP},
	} {
		require.Equal(t, 1, strings.Count(text, change[0]), change[0])
		text = strings.Replace(text, change[0], change[1], 1)
	}
	var temp strings.Builder
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&temp, "%s_temp_path %s/%s;\n", kind, dir, kind)
	}
	file := filepath.Join(dir, "nginx.conf")
	require.NoError(t, os.WriteFile(file, []byte(fmt.Sprintf("daemon off; user root; pid %[1]s/pid; error_log stderr;\nevents {}\nhttp {\naccess_log off;\n%[2]s%[3]s}\n", dir, temp.String(), text)), 0o600))
	cmd, log := exec.Command("nginx", "-c", file, "-p", dir), &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = log, log
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt) // Its workers end with it.
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("log of nginx:\n%s", log)
		}
	})
	eventually(t, 10*time.Second, "nginx listens", func() error {
		c, err := net.Dial("tcp", address)
		if err == nil {
			err = c.Close()
		}
		return err
	})
	return address
}

// TestAgentOverTLS: agents with a certificate and a key of their own reach a server behind a proxy that ends TLS, over gRPC, HTTP and WebSocket on one port. One
// that does not trust the proxy says so and keeps everything, and sends it when it does. The proxy's requests are not taken for those of this machine.
func TestAgentOverTLS(t *testing.T) {
	t.Parallel()
	s := start(t)
	cert, key := certtest.SelfSigned(t)
	clientCert, clientKey := certtest.SelfSigned(t)
	proxy := startNginx(t, s, cert, key, clientCert)
	secret := s.createKey(t, "ingest", "agents")

	lines := filepath.Join(t.TempDir(), "lines.log")
	startLogLines(t, lines)
	run := func(name, dir, protocol, key, tls string) *agentProcess {
		text := fmt.Sprintf("server: {endpoint: %[1]q, protocol: %[2]s, key: %[3]q, tls: {%[4]s}}\nopamp: {endpoint: %[1]q}\nattributes: {host.name: %[5]s}\nlogs: [{include: [%[6]s], start_at: beginning}]\n",
			"https://"+proxy, protocol, key, tls, name, lines)
		return runAgent(t, name, dir, text)
	}
	own := fmt.Sprintf("cert_file: %s, key_file: %s", clientCert, clientKey)
	trusting := fmt.Sprintf("ca_file: %s, %s", cert, own)
	for _, protocol := range []string{"grpc", "http"} {
		a := run("over-"+protocol, t.TempDir(), protocol, secret, trusting)
		s.waitState(t, a.name, "online", 30*time.Second)
		out, err := a.status()
		require.NoError(t, err, out)
		require.Contains(t, out, "over websocket")
		requireOnce(t, s, a.name, "lines.log")
	}
	for _, c := range []struct{ name, protocol, key, tls, why string }{
		{"distrustful", "grpc", secret, own, "certificate signed by unknown authority"},
		{"stranger", "http", secret, "ca_file: " + cert, "400"}, // nginx: "No required SSL certificate was sent".
		{"keyless", "grpc", "", trusting, "Unauthenticated"},
	} {
		dir := t.TempDir()
		a := run(c.name, dir, c.protocol, c.key, c.tls)
		eventually(t, 30*time.Second, c.name+" says why it cannot send", func() error {
			if log := a.log(); !strings.Contains(log, c.why) {
				return fmt.Errorf("its log: %s", log)
			}
			return nil
		})
		require.Empty(t, s.logsOf(t, c.name, 1))
		a.kill()
		run(c.name, dir, c.protocol, secret, trusting)
		requireOnce(t, s, c.name, "lines.log")
	}
}

// logsOf returns up to limit records of a host.
func (s *server) logsOf(t *testing.T, host string, limit int) []json.RawMessage {
	t.Helper()
	var page struct {
		Logs []json.RawMessage `json:"logs"`
	}
	q := url.Values{"query": {"host:" + host}, "limit": {strconv.Itoa(limit)}}
	require.NoError(t, s.getJSON("/api/v1/logs?"+q.Encode(), &page))
	return page.Logs
}
