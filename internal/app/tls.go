// SPDX-License-Identifier: Apache-2.0

package app

import (
	"crypto/tls"
	"fmt"
	"net"
)

// tlsFiles are the TLS configurations of this process; nil where it speaks none.
type tlsFiles struct {
	http, otlp *tls.Config
	// peers is for connections to the other processes.
	peers *tls.Config
}

func (a *App) loadTLS() (out tlsFiles, err error) {
	logger := a.logger.With("part", "tls")
	if a.cfg.HTTP.TLS.Enabled() {
		if out.http, err = a.cfg.HTTP.TLS.Load(logger.With("listener", "http")); err != nil {
			return out, fmt.Errorf("http.tls: %w", err)
		}
	}
	if a.cfg.OTLP.TLS.Enabled() {
		if out.otlp, err = a.cfg.OTLP.TLS.Load(logger.With("listener", "otlp")); err != nil {
			return out, fmt.Errorf("otlp.tls: %w", err)
		}
	}
	if out.peers, err = a.cfg.Cluster.TLS.Load(); err != nil {
		return out, fmt.Errorf("cluster.tls: %w", err)
	}
	return out, nil
}

// secured returns the listener under TLS where there is a configuration.
func secured(l net.Listener, c *tls.Config) net.Listener {
	if c == nil {
		return l
	}
	return tls.NewListener(l, c)
}

func scheme(c *tls.Config) string {
	if c == nil {
		return "http://"
	}
	return "https://"
}
