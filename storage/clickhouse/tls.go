// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"crypto/tls"
	"net"
)

// tlsConfig verifies the server's certificate against the system's authorities and the name in the URL.
func tlsConfig(host string) *tls.Config {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	return &tls.Config{ServerName: name, MinVersion: tls.VersionTLS12}
}
