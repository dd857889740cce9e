// SPDX-License-Identifier: Apache-2.0

package otelconfig

import (
	"github.com/strata-apm/strata/collector/config"
	"github.com/strata-apm/strata/collector/link"
)

// exporterConfig describes the connection to the server and the queue in front of it.
//
// Each queued request is sent as it is: requests that were merged behind the queue would be cut differently after a kill, and
// the server could not tell that it has them already. A queued request leaves the disk only when it was accepted.
func exporterConfig(cfg config.Config) (string, object, error) {
	t, err := cfg.Server.Target()
	if err != nil {
		return "", nil, err
	}
	key, err := cfg.Server.ReadKey()
	if err != nil {
		return "", nil, err
	}
	e := object{
		"compression": cfg.Server.Compression,
		"timeout":     cfg.Server.Timeout.String(),
		"tls":         tlsConfig(cfg.Server.TLS, t.Plain),
		"middlewares": list{object{"id": link.TypeName}},
		"retry_on_failure": object{
			"enabled": true, "initial_interval": "1s", "max_interval": "30s", "max_elapsed_time": "0s",
		},
		"sending_queue": object{
			"enabled":           true,
			"storage":           idQueueStore,
			"sizer":             "bytes",
			"queue_size":        cfg.Queue.SignalBytes(),
			"block_on_overflow": true,
			"num_consumers":     8,
		},
	}
	if key != "" {
		e["headers"] = object{"authorization": "Bearer " + key}
	}
	if cfg.Server.Protocol == config.ProtocolHTTP {
		scheme := "https://"
		if t.Plain {
			scheme = "http://"
		}
		e["endpoint"] = scheme + t.Address + t.Path
		return "otlp_http", e, nil
	}
	e["endpoint"] = t.Address
	return "otlp_grpc", e, nil
}

// tlsConfig describes how the exporter connects; plain is without TLS.
func tlsConfig(c config.TLS, plain bool) object {
	if plain {
		return object{"insecure": true}
	}
	out := object{"insecure": false}
	for k, v := range map[string]string{
		"ca_file": c.CAFile, "cert_file": c.CertFile, "key_file": c.KeyFile, "server_name_override": c.ServerName,
	} {
		if v != "" {
			out[k] = v
		}
	}
	if c.InsecureSkipVerify {
		out["insecure_skip_verify"] = true
	}
	return out
}

// HideSecrets replaces the headers of a generated configuration's exporters and what is scraped, so that it can be shown.
func HideSecrets(generated map[string]any) {
	receivers, _ := generated["receivers"].(object)
	if r, ok := receivers[idScrape].(object); ok {
		r["configs"] = "<hidden>"
	}
	exporters, _ := generated["exporters"].(object)
	for _, e := range exporters {
		if e, ok := e.(object); ok {
			if headers, ok := e["headers"].(object); ok {
				for k := range headers {
					headers[k] = "<hidden>"
				}
			}
		}
	}
}
