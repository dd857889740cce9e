// SPDX-License-Identifier: Apache-2.0

package reader

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestElasticsearchAccess: what a port says that wants another kind of connection becomes the lines that give it.
func TestElasticsearchAccess(t *testing.T) {
	plain := Target{Kind: "elasticsearch", Address: netip.MustParseAddrPort("10.0.0.1:9200"), Cmdline: []string{"java", "org.opensearch.bootstrap.OpenSearch"}}
	secure := plain
	secure.Credential = &Credential{Kind: plain.Kind, TLS: true}
	for name, c := range map[string]struct {
		target Target
		err    error
		how    []string
	}{
		"without TLS":        {plain, io.EOF, []string{"curl -u admin -X PUT 'https://10.0.0.1:9200/_plugins/_security/api/roles/strata'", ", tls: true}"}},
		"no TLS there":       {secure, http.ErrSchemeMismatch, []string{"'http://10.0.0.1:9200/", `"CHOOSE-A-PASSWORD"}`}},
		"a CA of its own":    {secure, &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, []string{"update-ca-certificates"}},
		"it does not answer": {plain, context.DeadlineExceeded, nil},
		"a TLS that breaks":  {secure, io.EOF, nil},
	} {
		t.Run(name, func(t *testing.T) {
			err := newElasticsearch(c.target).access(c.err)
			require.ErrorIs(t, err, c.err)
			refused, ok := errors.AsType[*AccessError](err)
			require.Equal(t, c.how != nil, ok)
			for _, line := range c.how {
				require.Contains(t, refused.Missing.How, line)
			}
		})
	}
}
