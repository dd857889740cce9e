// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/strata-apm/strata/internal/testutil/certtest"
)

// secure makes every request of the test trust the certificate; another one can be named later.
func secure(t *testing.T, certFile string, client ...tls.Certificate) *tls.Config {
	t.Helper()
	pem, err := os.ReadFile(certFile)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(pem))
	return &tls.Config{RootCAs: pool, Certificates: client, MinVersion: tls.VersionTLS12}
}

func replace(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(to+".new", b, 0o600))
	require.NoError(t, os.Rename(to+".new", to))
}

// TestTLS: all three listeners speak TLS with certificates that are renewed without a restart, OTLP asks for the client's, own telemetry arrives all the same, and
// the session's cookie is Secure.
func TestTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	firstCert, firstKey := certtest.SelfSigned(t)
	replace(t, firstCert, cert)
	replace(t, firstKey, key)
	clientCert, clientKey := certtest.SelfSigned(t)
	mine, err := tls.LoadX509KeyPair(clientCert, clientKey)
	require.NoError(t, err)
	s := &server{t: t, role: "all", dir: t.TempDir(), logs: &bytes.Buffer{}, env: []string{
		"STRATA_HTTP_TLS_CERT_FILE=" + cert, "STRATA_HTTP_TLS_KEY_FILE=" + key, "STRATA_OTLP_TLS_CERT_FILE=" + cert, "STRATA_OTLP_TLS_KEY_FILE=" + key,
		"STRATA_OTLP_TLS_CLIENT_CA_FILE=" + clientCert, "STRATA_SELF_INTERVAL=1s", "STRATA_AUTH_LOCAL=required",
	}}
	t.Cleanup(s.kill)
	adminKey := s.createKey(t, "admin", "me")
	s.launch("127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0")
	ask := func(c *tls.Config, method, url, body string, header ...string) (*http.Response, error) {
		transport := &http.Transport{TLSClientConfig: c, ForceAttemptHTTP2: true}
		defer transport.CloseIdleConnections()
		req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+adminKey)
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		resp, err := (&http.Client{Transport: transport}).Do(req)
		if err != nil {
			return nil, err
		}
		b, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		resp.Body = io.NopCloser(bytes.NewReader(b))
		return resp, err
	}
	first := secure(t, firstCert)
	eventually(t, 60*time.Second, "the server is ready", func() error {
		if err := readJSONFile(filepath.Join(s.dir, "run.json"), &s.run); err != nil {
			return err
		}
		resp, err := ask(first, "GET", "https://"+s.run.HTTP+"/-/ready", "")
		if err == nil && resp.StatusCode != http.StatusOK {
			err = errors.New(resp.Status)
		}
		return err
	})
	resp, err := ask(first, "POST", "https://"+s.run.HTTP+"/api/v1/session", `{"key":"`+adminKey+`"}`)
	require.NoError(t, err)
	require.Equal(t, 204, resp.StatusCode)
	require.True(t, resp.Cookies()[0].Secure)
	require.Equal(t, 2, resp.ProtoMajor)
	_, err = http.Get("http://" + s.run.OTLPHTTP + "/v1/traces")
	if err == nil {
		resp, _ = ask(first, "GET", "http://"+s.run.OTLPHTTP+"/v1/traces", "")
		require.Equal(t, 400, resp.StatusCode, "Go's answer to plain HTTP on a TLS port")
	}

	_, err = ask(first, "POST", "https://"+s.run.OTLPHTTP+"/v1/traces", "{}", "Content-Type", "application/json")
	require.Error(t, err, "no client certificate")
	withCert := secure(t, firstCert, mine)
	resp, err = ask(withCert, "POST", "https://"+s.run.OTLPHTTP+"/v1/traces", "{}", "Content-Type", "application/json")
	require.NoError(t, err)
	require.Equal(t, 200, resp.StatusCode)
	export := func(c *tls.Config) error {
		conn, err := grpc.NewClient(s.run.OTLPGRPC, grpc.WithTransportCredentials(credentials.NewTLS(c)), grpc.WithPerRPCCredentials(bearer(adminKey)))
		require.NoError(t, err)
		defer func() { _ = conn.Close() }()
		_, err = ptraceotlp.NewGRPCClient(conn).Export(t.Context(), ptraceotlp.NewExportRequest())
		return err
	}
	require.NoError(t, export(withCert))
	require.Error(t, export(first), "no client certificate")

	secondCert, secondKey := certtest.SelfSigned(t)
	replace(t, secondKey, key)
	replace(t, secondCert, cert)
	second := secure(t, secondCert, mine)
	eventually(t, 20*time.Second, "all three listeners show the new certificate", func() error {
		for _, addr := range []string{s.run.HTTP, s.run.OTLPHTTP} {
			if _, err := ask(second, "GET", "https://"+addr+"/", ""); err != nil {
				return err
			}
		}
		return export(second)
	})
	eventually(t, 30*time.Second, "own telemetry is stored", func() error {
		resp, err := ask(second, "GET", "https://"+s.run.HTTP+"/prometheus/api/v1/query?query=go_goroutines", "")
		if err != nil {
			return err
		}
		if b, _ := io.ReadAll(resp.Body); !strings.Contains(string(b), `job":"strata`) {
			return errors.New(string(b))
		}
		return nil
	})
}

// bearer is a key for gRPC over TLS.
type bearer string

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}

func (bearer) RequireTransportSecurity() bool { return true }
