// SPDX-License-Identifier: Apache-2.0

package otelconfig

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/collector/config"
	"github.com/strata-apm/strata/collector/link"
)

// TestExporter: the endpoint decides about the exporter, its address and TLS.
func TestExporter(t *testing.T) {
	key := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(key, []byte("strata_file\n"), 0o600))
	plain := object{"insecure": true}
	for name, tc := range map[string]struct {
		server, id, endpoint string
		tls                  object
		headers              any
	}{
		"default":       {"{}", "otlp_grpc", "127.0.0.1:4317", plain, nil},
		"elsewhere":     {"{endpoint: 'a:4317', key: k}", "otlp_grpc", "a:4317", object{"insecure": false}, object{"authorization": "Bearer k"}},
		"key in a file": {"{key_file: " + key + "}", "otlp_grpc", "127.0.0.1:4317", plain, object{"authorization": "Bearer strata_file"}},
		"gRPC by URL":   {"{endpoint: 'https://a'}", "otlp_grpc", "a:443", object{"insecure": false}, nil},
		"HTTP":          {"{endpoint: 'a:4318', protocol: http}", "otlp_http", "https://a:4318", object{"insecure": false}, nil},
		"HTTP, plain":   {"{endpoint: 'http://a/b/', protocol: http}", "otlp_http", "http://a:80/b", plain, nil},
		"certificates": {
			"{endpoint: 'a:1', tls: {ca_file: ca, cert_file: c, key_file: k, server_name: n, insecure_skip_verify: true}}", "otlp_grpc", "a:1",
			object{"insecure": false, "ca_file": "ca", "cert_file": "c", "key_file": "k", "server_name_override": "n", "insecure_skip_verify": true},
			nil,
		},
		"certificates without TLS": {"{endpoint: 'http://a:1', tls: {ca_file: ca}}", "otlp_grpc", "a:1", plain, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := generate(t, "server: "+tc.server)
			require.Equal(t, []string{tc.id}, keys(t, got["exporters"]))
			e := at(t, got, "exporters", tc.id).(object)
			require.Equal(t, tc.endpoint, e["endpoint"])
			require.Equal(t, tc.tls, e["tls"])
			require.Equal(t, tc.headers, e["headers"])
		})
	}
}

// TestNothingIsDropped: the exporter tries for ever, and a full queue holds its sources back.
func TestNothingIsDropped(t *testing.T) {
	e := at(t, generate(t, "queue: {size_mib: 30}\nserver: {timeout: 3s, compression: none}"), "exporters", "otlp_grpc").(object)
	require.Equal(t, "0s", at(t, e, "retry_on_failure", "max_elapsed_time"))
	require.Equal(t, true, at(t, e, "sending_queue", "block_on_overflow"))
	require.Equal(t, idQueueStore, at(t, e, "sending_queue", "storage"))
	require.Equal(t, int64(10<<20), at(t, e, "sending_queue", "queue_size"))
	require.NotContains(t, e["sending_queue"], "batch", "what is queued is what is sent")
	require.Equal(t, list{object{"id": link.TypeName}}, e["middlewares"])
	require.Equal(t, "3s", e["timeout"])
	require.Equal(t, "none", e["compression"])
}

// TestStores: both write through to the disk; the queue alone gives space back.
func TestStores(t *testing.T) {
	env := Environment{StateDir: "/state"}
	got := generateIn(t, "", env)
	for id, dir := range map[string]string{idQueueStore: "/state/queue", idCheckpoints: "/state/checkpoints"} {
		store := at(t, got, "extensions", id).(object)
		require.Equal(t, dir, store["directory"])
		require.Equal(t, true, store["fsync"])
		require.Equal(t, id == idQueueStore, store["compaction"] != nil)
	}
	got = generateIn(t, "queue: {dir: /q}", env)
	require.Equal(t, "/q", at(t, got, "extensions", idQueueStore, "directory"))
	require.Equal(t, "/q", at(t, got, "extensions", idQueueStore, "compaction", "directory"))
}

func TestExporterRefusals(t *testing.T) {
	cfg := config.Default()
	cfg.Server.KeyFile = filepath.Join(t.TempDir(), "none")
	_, err := Generate(cfg, Environment{})
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "read server.key_file")
	cfg.Server.Endpoint = "nowhere"
	_, err = Generate(cfg, Environment{})
	require.ErrorContains(t, err, "server.endpoint")
}

// TestHideSecrets: what signs in is not shown, whatever "raw" has made of the rest.
func TestHideSecrets(t *testing.T) {
	got := generate(t, `
server: {key: strata_k}
scrape: [{job_name: a, basic_auth: {username: u, password: p1}}]
raw: {exporters: {other: {headers: {authorization: Basic x, x-tenant: t}}, odd: 1, none: {}, list: {headers: [a]}}}
`)
	HideSecrets(got)
	require.Equal(t, object{"authorization": "<hidden>"}, at(t, got, "exporters", "otlp_grpc", "headers"))
	require.Equal(t, object{"authorization": "<hidden>", "x-tenant": "<hidden>"}, at(t, got, "exporters", "other", "headers"))
	require.Equal(t, "<hidden>", at(t, got, "receivers", idScrape, "configs"))
	for _, odd := range []object{{}, {"exporters": 1, "receivers": list{}}, {"receivers": object{idScrape: "x"}}} {
		HideSecrets(odd)
	}
}

// TestProvider: a file that has become wrong must not end a running agent.
func TestProvider(t *testing.T) {
	errBroken := errors.New("line 3: no")
	var conf object
	var err error
	p := newTestProvider(t, func() (map[string]any, error) { return conf, err })
	err = errBroken
	_, got := p.retrieve(t)
	require.ErrorIs(t, got, errBroken, "an agent does not start without one")
	conf, err = object{"a": "$x"}, nil
	raw, got := p.retrieve(t)
	require.NoError(t, got)
	require.Equal(t, object{"a": "$$x"}, raw, "the collector's expansion makes it what it was")
	require.Empty(t, p.log.String())
	conf, err = nil, errBroken
	raw, got = p.retrieve(t)
	require.NoError(t, got)
	require.Equal(t, object{"a": "$$x"}, raw, "the one that runs")
	require.Contains(t, p.log.String(), "configuration not reloaded")
	require.Contains(t, p.log.String(), "line 3: no")
	conf, err = object{"a": "y"}, nil
	raw, got = p.retrieve(t)
	require.NoError(t, got)
	require.Equal(t, object{"a": "y"}, raw)
	require.NoError(t, p.Shutdown(t.Context()))
}
