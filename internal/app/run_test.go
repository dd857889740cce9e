// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bufio"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/internal/certs"
	"github.com/strata-apm/strata/internal/config"
	"github.com/strata-apm/strata/internal/selfmon"
	"github.com/strata-apm/strata/internal/testutil/certtest"
	"github.com/strata-apm/strata/tenant"
)

// TestAll runs every role in one process that requires keys, and a second time, on the same data directory, open to this machine.
func TestAll(t *testing.T) {
	noLeaks(t)
	cfg := settings(t)
	cfg.Auth.Local = "required"
	p := launch(t, config.RoleAll, cfg)
	require.Contains(t, p.stdout.String(), "Strata 1.2.3 is ready: http://"+p.Addr())
	require.Contains(t, p.stdout.String(), "Nobody can administer this server yet")
	who := everybody(p, false)
	checkListeners(t, p, who[len(who)-1].key, "http", "otlp_grpc", "otlp_http")
	t.Run("access", func(t *testing.T) { checkAccess(t, p, who) })
	x := newIsolation(p, p, p)
	x.check(t)
	instance := p.instance
	p.end()
	require.NoFileExists(t, cfg.DataDir+"/run.json")

	cfg.Auth.Local = "open"
	p = launch(t, config.RoleAll, cfg)
	require.Equal(t, instance, p.instance, "the name is kept")
	require.NotContains(t, p.stdout.String(), "Nobody can administer")
	checkListeners(t, p, "", "http", "otlp_grpc", "otlp_http")
	code, body := p.do(request{method: http.MethodGet, path: "/api/v1/logs", key: x.read["a"]})
	require.Equal(t, http.StatusOK, code)
	require.Contains(t, body, "body "+mark("a"), "what was stored before")
	require.Contains(t, p.get("", "/api/v1/logs"), "body "+mark(tenant.Default), "without a key the default tenant's")
	t.Run("access without a key", func(t *testing.T) { checkAccess(t, p, everybody(p, true)) })
}

// begun opens a connection and sends the headers of a request with a body; it returns how to send the body and read the answer.
func begun(t *testing.T, addr, path string, body []byte) (finish func() *http.Response) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-protobuf\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", path, addr, len(body))
	require.NoError(t, err)
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, nil)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusContinue, resp.StatusCode, "the request is under way: its handler reads")
	return func() *http.Response {
		_, err := conn.Write(body)
		require.NoError(t, err)
		resp, err := http.ReadResponse(r, nil)
		require.NoError(t, err)
		return resp
	}
}

// TestDrain: a request that is under way when the process is told to stop is answered and stored, new ones find nobody, and followers are let go.
func TestDrain(t *testing.T) {
	noLeaks(t)
	cfg := settings(t)
	p := launch(t, config.RoleAll, cfg)
	body, err := logsOf(tenant.Default, "sent while it stops").MarshalProto()
	require.NoError(t, err)
	otlp := p.listeners.Of("otlp_http").Addr().String()
	finish, addr := begun(t, otlp, "/v1/logs", body), p.Addr()
	other := begun(t, addr, "/v1/logs", body)
	p.stop()
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", otlp)
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	}, patience, tick, "the port is closed")
	require.Error(t, p.status.Ready(t.Context()))
	for _, f := range []func() *http.Response{finish, other} {
		resp := f()
		text, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusOK, resp.StatusCode, string(text))
	}
	p.end()
	require.NotContains(t, p.log.String(), "requests were cut off")

	p = launch(t, config.RoleAll, cfg)
	require.Eventually(t, func() bool {
		return strings.Count(p.get("", "/api/v1/logs"), `"sent while it stops"`) == 2
	}, patience, tick, "what was acknowledged is there after the next start")
}

// served is the serial number of the certificate that a listener shows.
func served(t *testing.T, addr string) string {
	t.Helper()
	conn, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true})
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	return hex.EncodeToString(conn.ConnectionState().PeerCertificates[0].Signature)
}

func copyFiles(t *testing.T, pairs ...string) {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		b, err := os.ReadFile(pairs[i])
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(pairs[i+1], b, 0o600))
	}
}

// TestRenewal: a process that speaks TLS on every listener shows a new certificate when its files change, reads the rule files again on SIGHUP, and sends its own telemetry past
// its ports.
func TestRenewal(t *testing.T) {
	noLeaks(t)
	dir := t.TempDir()
	cert, key, rules := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"), filepath.Join(dir, "rules.yml")
	firstCert, firstKey := certtest.SelfSigned(t)
	copyFiles(t, firstCert, cert, firstKey, key)
	group := func(name string) {
		require.NoError(t, os.WriteFile(rules, []byte("groups:\n- name: "+name+"\n  rules:\n  - {alert: X, expr: vector(0) > 1}\n"), 0o600))
	}
	group("before")
	cfg := settings(t)
	cfg.Self = config.Self{Enabled: true, TraceRatio: 1, Interval: config.Default().Self.Interval}
	cfg.Self.Interval = 1e9
	cfg.HTTP.TLS = certs.Server{CertFile: cert, KeyFile: key}
	cfg.OTLP.TLS = cfg.HTTP.TLS
	cfg.Alerting.RuleFiles = []string{filepath.Join(dir, "*.yml")}
	p := launch(t, config.RoleAll, cfg)
	p.client.Transport = &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	require.Contains(t, p.stdout.String(), "is ready: https://"+p.Addr())
	require.Contains(t, p.get("", "/api/v1/rules"), `"before"`)

	names := []string{"http", "otlp_grpc", "otlp_http"}
	for _, name := range names {
		require.Equal(t, served(t, p.listeners.Of("http").Addr().String()), served(t, p.listeners.Of(name).Addr().String()))
	}
	first := served(t, p.Addr())
	secondCert, secondKey := certtest.SelfSigned(t)
	copyFiles(t, secondCert, cert, secondKey, key)
	for _, name := range names {
		require.Eventually(t, func() bool { return served(t, p.listeners.Of(name).Addr().String()) != first }, patience, tick, name)
	}

	hangup := make(chan os.Signal, 1) // Else the signal ends this process where the server does not take it.
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	group("after")
	require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGHUP))
	require.Eventually(t, func() bool { return strings.Contains(p.get("", "/api/v1/rules"), `"after"`) }, patience, tick, "the rules are read again")
	require.NoError(t, os.WriteFile(rules, []byte("groups: ["), 0o600))
	require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGHUP))
	require.Eventually(t, func() bool { return strings.Contains(p.log.String(), "rules not loaded, the last good ones stay") }, patience, tick)

	require.Eventually(t, func() bool {
		return strings.Contains(p.get("", "/prometheus/api/v1/query?query=strata_ledger_items_total"), `"job":"`+selfmon.ServiceName+`"`)
	}, patience, 4*tick, "own metrics can be read")
	require.Eventually(t, func() bool { return strings.Contains(p.get("", "/api/v1/logs?query=ready"), `"ready"`) }, patience, 4*tick, "own logs can be read")
}
