// SPDX-License-Identifier: Apache-2.0

package link

import (
	"context"
	"crypto/tls"
	"fmt"

	"go.opentelemetry.io/collector/config/configtls"

	"github.com/strata-apm/strata/collector/config"
)

// TLS returns what HTTP clients beside the exporter need to trust and to show what the exporter does.
func TLS(ctx context.Context, cfg config.TLS) (*tls.Config, error) {
	client := configtls.ClientConfig{
		Config:             configtls.Config{CAFile: cfg.CAFile, CertFile: cfg.CertFile, KeyFile: cfg.KeyFile},
		InsecureSkipVerify: cfg.InsecureSkipVerify, ServerName: cfg.ServerName,
	}
	out, err := client.LoadTLSConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("server.tls: %w", err)
	}
	return out, nil
}
