// SPDX-License-Identifier: Apache-2.0

package certs

import (
	"bytes"
	"crypto/tls"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/internal/testutil/certtest"
)

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(to, b, 0o600))
}

// serve returns a server with the files and a function that asks it, on a new connection, and returns the serial number it showed.
func serve(t *testing.T, s Server, logs *bytes.Buffer) func(Client) (int, error) {
	t.Helper()
	cfg, err := s.Load(slog.New(slog.NewTextHandler(logs, nil)))
	require.NoError(t, err)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) }))
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	inner := srv.Listener
	srv.Listener = tls.NewListener(inner, cfg)
	srv.Start()
	t.Cleanup(srv.Close)
	return func(c Client) (int, error) {
		conf, err := c.Load()
		require.NoError(t, err)
		transport := &http.Transport{TLSClientConfig: conf, ForceAttemptHTTP2: true}
		defer transport.CloseIdleConnections()
		resp, err := (&http.Client{Transport: transport}).Get("https://" + inner.Addr().String())
		if err != nil {
			return 0, err
		}
		defer func() { _ = resp.Body.Close() }()
		return int(resp.TLS.PeerCertificates[0].SerialNumber.Int64()), nil
	}
}

// TestRenewal: a new certificate is served without a restart; one that is half written changes nothing.
func TestRenewal(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	firstCert, firstKey := certtest.SelfSigned(t)
	secondCert, secondKey := certtest.SelfSigned(t)
	copyFile(t, firstCert, cert)
	copyFile(t, firstKey, key)
	var logs bytes.Buffer
	s := Server{CertFile: cert, KeyFile: key}
	r := &reloader{files: s, logger: slog.New(slog.NewTextHandler(&logs, nil)), now: time.Now}
	now := time.Now()
	r.now = func() time.Time { return now }
	var err error
	r.current, err = s.read()
	require.NoError(t, err)
	r.seen = r.stamps()
	leaf := func() []byte { now = now.Add(2 * checkEvery); return r.config().Certificates[0].Certificate[0] }
	first := leaf()

	later := now.Add(time.Hour) // So that the files differ also where the clock of the file system is coarse.
	copyFile(t, secondCert, cert)
	require.NoError(t, os.Chtimes(cert, later, later))
	require.Equal(t, first, leaf(), "the key does not fit yet")
	require.Contains(t, logs.String(), "certificate not renewed")
	copyFile(t, secondKey, key)
	require.NoError(t, os.Chtimes(key, later, later))
	second := leaf()
	require.NotEqual(t, first, second)
	require.NoError(t, os.Remove(cert))
	require.Equal(t, second, leaf(), "the file is gone")
	require.NoError(t, os.WriteFile(cert, []byte("nonsense"), 0o600))
	require.Equal(t, second, leaf())
}

func TestClientsAreVerified(t *testing.T) {
	cert, key := certtest.SelfSigned(t)
	clientCert, clientKey := certtest.SelfSigned(t)
	otherCert, otherKey := certtest.SelfSigned(t)
	var logs bytes.Buffer
	open := serve(t, Server{CertFile: cert, KeyFile: key}, &logs)
	_, err := open(Client{CAFile: cert})
	require.NoError(t, err)
	_, err = open(Client{CAFile: otherCert})
	require.Error(t, err, "the client does not know who signed it")

	closed := serve(t, Server{CertFile: cert, KeyFile: key, ClientCAFile: clientCert}, &logs)
	_, err = closed(Client{CAFile: cert})
	require.Error(t, err, "no certificate")
	_, err = closed(Client{CAFile: cert, CertFile: otherCert, KeyFile: otherKey})
	require.Error(t, err, "one that nobody signed")
	_, err = closed(Client{CAFile: cert, CertFile: clientCert, KeyFile: clientKey})
	require.NoError(t, err)
}

func TestMistakesAreNamed(t *testing.T) {
	cert, key := certtest.SelfSigned(t)
	require.ErrorContains(t, Server{CertFile: cert}.Validate(), "together")
	require.ErrorContains(t, Server{ClientCAFile: cert}.Validate(), "client_ca_file needs")
	require.ErrorContains(t, Client{KeyFile: key}.Validate(), "together")
	require.NoError(t, Server{}.Validate())
	for _, s := range []Server{{CertFile: "/none", KeyFile: key}, {CertFile: key, KeyFile: cert}, {CertFile: cert, KeyFile: key, ClientCAFile: key}} {
		_, err := s.Load(slog.New(slog.DiscardHandler))
		require.Error(t, err)
	}
}
