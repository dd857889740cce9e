// SPDX-License-Identifier: Apache-2.0

package reader

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"syscall"
)

const esEverything = "everything: health, shards, documents, operations, thread pools, breakers, heap, disk"

func (e *elasticsearch) tls() bool { return e.t.Credential != nil && e.t.Credential.TLS }

// refused is for an answer that is not what was asked for.
func (e *elasticsearch) refused(status int) error {
	m := Missing{What: esEverything, Why: fmt.Sprintf("the REST API answers %d", status), How: e.grant(e.t.Address, e.tls())}
	switch status {
	case http.StatusUnauthorized:
		m.Why += ": it wants a user and a password"
	case http.StatusForbidden:
		m.Why += ": the user lacks the cluster privilege monitor"
	default:
		m.How = "# nothing to add: its log says why"
	}
	return &AccessError{Missing: m, Err: errors.New(m.Why)}
}

// access tells a port that wants TLS, or has a certificate that is not known here, from one that does not answer.
func (e *elasticsearch) access(err error) error {
	m := Missing{What: esEverything}
	_, unknown := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case unknown:
		m.Why = "its certificate is not trusted on this host: " + err.Error()
		m.How = "# as root, on this host, with the certificate of the CA, where Elasticsearch 8 puts it\n" +
			"cp /etc/elasticsearch/certs/http_ca.crt /usr/local/share/ca-certificates/elasticsearch.crt\nupdate-ca-certificates\n" +
			"systemctl restart strata-agent"
	case errors.Is(err, http.ErrSchemeMismatch):
		m.Why = "the port does not speak TLS, and the credential has tls: true"
		m.How = e.grant(e.t.Address, false)
	case !e.tls() && (errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || strings.Contains(err.Error(), "malformed HTTP response")):
		m.Why = "the port ends a connection without TLS"
		m.How = e.grant(e.t.Address, true)
	default:
		return err
	}
	return &AccessError{Missing: m, Err: err}
}

// grant is how to make a user who may read what is collected, and nothing else.
func (e *elasticsearch) grant(addr netip.AddrPort, secure bool) string {
	base, options := "http://"+addr.String(), ""
	if secure {
		base = "https://" + addr.String()
		if addr.Addr().IsLoopback() {
			options = "-k "
		}
	}
	put := func(admin, path, body string) string {
		return fmt.Sprintf("curl %s-u %s -X PUT '%s%s' -H 'Content-Type: application/json' -d '%s'\n", options, admin, base, path, body)
	}
	how := "# on this host, as a user who may manage users; curl asks for the password\n"
	if slices.Contains(e.t.Cmdline, "org.opensearch.bootstrap.OpenSearch") {
		const api = "/_plugins/_security/api/"
		how += put("admin", api+"roles/strata",
			`{"cluster_permissions":["cluster_monitor"],"index_permissions":[{"index_patterns":["*"],"allowed_actions":["indices_monitor"]}]}`) +
			put("admin", api+"internalusers/strata", `{"password":"CHOOSE-A-PASSWORD"}`) +
			put("admin", api+"rolesmapping/strata", `{"users":["strata"]}`)
	} else {
		how += put("elastic", "/_security/role/strata", `{"cluster":["monitor"],"indices":[{"names":["*"],"privileges":["monitor"]}]}`) +
			put("elastic", "/_security/user/strata", `{"password":"CHOOSE-A-PASSWORD","roles":["strata"]}`)
	}
	line := credentialLine(e.t, "username", "strata", "password", "CHOOSE-A-PASSWORD")
	if secure {
		line = strings.TrimSuffix(line, "}") + ", tls: true}"
	}
	return how + line
}
