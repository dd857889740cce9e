// SPDX-License-Identifier: Apache-2.0

package middlewaretest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// AdminUser is who may do everything in Elasticsearch; the password is RootPassword.
const AdminUser = "admin"

// adminHash is RootPassword by bcrypt, at its lowest cost.
const adminHash = "$2a$04$PW6tlZKcFTSxHCCtzogX5OvFrTr2uU686dHath/bhHpeWlOh8SP9i"

const logToConsole = `rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %p %c{1.} %m%n
`

// Elasticsearch starts an Elasticsearch of one node that speaks HTTPS and wants a user.
func Elasticsearch(tb testing.TB) *Server {
	tb.Helper()
	return start(tb, func(s *Server) []string {
		s.secure = true
		s.elasticPorts(false)
		writeCertificate(s, "conf/cert.pem", "conf/key.pem")
		s.Write("conf/users", AdminUser+":"+adminHash+"\n")
		s.Write("conf/users_roles", "superuser:"+AdminUser+"\n")
		return elastic(s, "elasticsearch", []string{
			"discovery.type: single-node", "xpack.ml.enabled: false", "xpack.security.enabled: true", "xpack.security.http.ssl.enabled: true",
			"xpack.security.http.ssl.key: key.pem", "xpack.security.http.ssl.certificate: cert.pem",
		}, "-Des.path.home=", "-Des.path.conf=", "org.elasticsearch.bootstrap.Elasticsearch")
	}, func(ctx context.Context, s *Server) error { return s.rest(ctx, http.MethodGet, "/", "", io.Discard) })
}

// OpenSearch starts an OpenSearch node without security, the manager of a cluster. With the manager of another it is a further node of
// that cluster, and its transport listens on a lower port than its HTTP.
func OpenSearch(tb testing.TB, manager *Server) *Server {
	tb.Helper()
	return start(tb, func(s *Server) []string {
		s.elasticPorts(manager != nil)
		lines := []string{"node.name: first", "cluster.name: strata-" + strconv.Itoa(s.Port), "cluster.initial_cluster_manager_nodes: first"}
		if manager != nil {
			lines = []string{
				"node.name: second", "cluster.name: strata-" + strconv.Itoa(manager.Port), "node.roles: [data, ingest]",
				fmt.Sprintf("discovery.seed_hosts: [%q]", manager.Transport),
			}
		}
		return elastic(s, "opensearch", lines, "-Dopensearch.path.home=", "-Dopensearch.path.conf=", "org.opensearch.bootstrap.OpenSearch")
	}, func(ctx context.Context, s *Server) error { return s.rest(ctx, http.MethodGet, "/", "", io.Discard) })
}

// elasticPorts chooses the ports: that of HTTP is the lower one, by which an instance is known, unless the transport is to have it.
func (s *Server) elasticPorts(transportFirst bool) {
	s.tb.Helper()
	transport := s.Port
	for transport == s.Port {
		transport = FreePort(s.tb)
	}
	if (transport < s.Port) != transportFirst {
		s.Port, transport = transport, s.Port
	}
	s.Addr, s.Transport = "127.0.0.1:"+strconv.Itoa(s.Port), "127.0.0.1:"+strconv.Itoa(transport)
}

// elastic is the command of either. They start as root only when they cannot tell: without the native part of JNA.
func elastic(s *Server, name string, lines []string, home, conf, class string) []string {
	s.tb.Helper()
	dir := fetched(s.tb, name)
	s.Write("conf/log4j2.properties", logToConsole)
	s.Write("tmp/.keep", "")
	path := s.Write("conf/"+name+".yml", strings.Join(append(lines, "path.data: "+s.Dir+"/data", "path.logs: "+s.Dir+"/logs", "network.host: 127.0.0.1",
		"http.port: "+strconv.Itoa(s.Port), "transport.port: "+strings.TrimPrefix(s.Transport, "127.0.0.1:"),
		"cluster.routing.allocation.disk.threshold_enabled: false"), "\n")+"\n")
	return append(java("-Xmx256m", "-Djna.nosys=true", "-Djna.noclasspath=true", "-Djava.security.manager=allow", "-Djava.io.tmpdir="+s.Dir+"/tmp",
		home+dir, conf+filepath.Dir(path), "-cp", dir+"/lib/*"), class)
}

// fetched is where a server is that Debian does not have.
func fetched(tb testing.TB, name string) string {
	tb.Helper()
	_, file, _, ok := runtime.Caller(0)
	require.True(tb, ok)
	cmd := exec.CommandContext(tb.Context(), filepath.Join(filepath.Dir(file), "fetch.sh"), name) //nolint:gosec // Our own script.
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	require.NoError(tb, err, "run `make test-deps`")
	return strings.TrimSpace(string(out))
}

// REST sends a request with a JSON body as an administrator and returns the answer.
func (s *Server) REST(method, path, body string) string {
	s.tb.Helper()
	var answer strings.Builder
	require.NoError(s.tb, s.rest(s.tb.Context(), method, path, body, &answer))
	return answer.String()
}

func (s *Server) rest(ctx context.Context, method, path, body string, answer io.Writer) error {
	scheme := "http://"
	if s.secure {
		scheme = "https://"
	}
	req, err := http.NewRequestWithContext(ctx, method, scheme+s.Addr+path, strings.NewReader(body))
	if err != nil {
		return fmt.Errorf("ask %s: %w", path, err)
	}
	req.Header.Set("Content-Type", "application/json")
	if s.secure {
		req.SetBasicAuth(AdminUser, RootPassword)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // Made by this test.
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport, Timeout: 30 * time.Second}).Do(req)
	if err != nil {
		return fmt.Errorf("ask %s: %w", path, err)
	}
	if resp.StatusCode >= 300 {
		err = fmt.Errorf("%s %s answers %s", method, path, resp.Status)
	}
	_, copyErr := io.Copy(answer, resp.Body)
	return errors.Join(err, copyErr, resp.Body.Close())
}

// writeCertificate makes a certificate for loopback that signs itself.
func writeCertificate(s *Server, cert, key string) {
	s.tb.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(s.tb, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	public, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	require.NoError(s.tb, err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(s.tb, err)
	s.Write(cert, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: public})))
	s.Write(key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})))
}
