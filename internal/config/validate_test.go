// SPDX-License-Identifier: Apache-2.0

package config

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/internal/certs"
	"github.com/strata-apm/strata/signal"
)

// TestValidate: each value that cannot work, and what is said of it. All that is wrong is said at once.
func TestValidate(t *testing.T) {
	whole := Default()
	var wrong []string
	for _, c := range []struct {
		edit func(*Config)
		want string
	}{
		{func(c *Config) { c.DataDir = "" }, "data_dir is empty"},
		{func(c *Config) { c.LogLevel = "INFO" }, `log_level "INFO" is none of debug, info, warn, error`},
		{func(c *Config) { c.HTTP.Listen = "7080" }, `http.listen "7080" is not host:port`},
		{func(c *Config) { c.OTLP.GRPCListen = ":http" }, `otlp.grpc_listen ":http": the port is not a number from 0 to 65535`},
		{func(c *Config) { c.OTLP.HTTPListen = ":65536" }, `otlp.http_listen ":65536": the port is not a number`},
		{func(c *Config) { c.Auth.Local = "" }, `auth.local "" is neither open nor required`},
		{func(c *Config) { c.HTTP.TLS = certs.Server{CertFile: "x"} }, "http.tls: cert_file and key_file are needed together"},
		{func(c *Config) { c.OTLP.TLS = certs.Server{ClientCAFile: "x"} }, "otlp.tls: client_ca_file needs cert_file and key_file"},
		{func(c *Config) { c.Cluster.TLS = certs.Client{KeyFile: "x"} }, "cluster.tls: cert_file and key_file are needed together"},
		{func(c *Config) { c.Cluster.AdvertiseURL = "writer-0:7080" }, "cluster.advertise_url:"},
		{func(c *Config) { c.Bus.LimitBytes = 1 << 19 }, "bus: limit_bytes must be at least 1 MiB"},
		{func(c *Config) { c.Alerting.EvaluationInterval = time.Millisecond }, "alerting: evaluation_interval must be at least 1s"},
		{func(c *Config) { c.Alerting.DisablePacks = []string{"redis", AgentRules, "nothing"} }, "alerting.disable_packs: "},
		{func(c *Config) { c.Self.Endpoint = "https://gateway" }, `self.endpoint "gateway" is not host:port`},
		{func(c *Config) { c.Self.TraceRatio = 1.1 }, "self: trace_ratio must be between 0 and 1"},
		{func(c *Config) { c.OTLP.CORS.AllowedOrigins = []string{"https://a.example/path"} }, "otlp.cors.allowed_origins:"},
		{func(c *Config) { c.OTLP.CORS.MaxAge = -1 }, "otlp.cors.max_age must not be negative"},
		{func(c *Config) { c.OTLP.BrowserKeys.RequestsPerKey = 1 }, "otlp.browser_keys: requests_per_address must be positive, requests_per_key at least as much"},
		{func(c *Config) { c.Writer.Signals = []signal.Signal{"metrics", "profiles"} }, `writer.signals: "profiles" is none of metrics, traces and logs`},
		{func(c *Config) { c.Bus.Kafka.Brokers = []string{"h"} }, "bus.kafka: "},
	} {
		one := Default()
		c.edit(&one)
		require.ErrorContains(t, one.Validate(), c.want)
		c.edit(&whole)
		wrong = append(wrong, c.want)
	}
	err := whole.Validate()
	for _, want := range wrong {
		require.ErrorContains(t, err, want)
	}
	none := Default()
	none.Writer.Signals = nil
	require.ErrorContains(t, none.Validate(), "writer.signals: at least one of metrics, traces and logs is needed")
}

func TestOrigins(t *testing.T) {
	for origin, ok := range map[string]bool{
		"*": true, "https://shop.example.com": true, "http://localhost:3000": true, "https://*.example.com": true, "https://shop-*.example.com:8443": true,
		"": false, "shop.example.com": false, "https://": false, "https://*.*.example.com": false, "https://a.example/": false, "https://a.example?x": false,
		"https://a.example#x": false, "https://u@a.example": false, "ftp://a.example": false, "null": false,
	} {
		require.Equal(t, ok, validOrigin(origin), origin)
	}
}

// spread is a configuration with which every role runs.
func spread() Config {
	c := Default()
	c.Catalog.URL, c.ClickHouse.URL, c.Bus.Kafka.Brokers = "postgres://u@h/d", "http://h:8123/d", []string{"h:9092"}
	return c
}

// TestValidateFor: what each role needs, and needs not.
func TestValidateFor(t *testing.T) {
	lacks := map[string]func(*Config){
		"catalog.url":       func(c *Config) { c.Catalog.URL = "" },
		"bus.kafka.brokers": func(c *Config) { c.Bus.Kafka.Brokers = nil },
		"clickhouse.url":    func(c *Config) { c.ClickHouse.URL = "" },
		"writer.signals":    func(c *Config) { c.Writer.Signals = []signal.Signal{signal.Logs} },
	}
	for role, needs := range map[Role][]string{
		RoleAll:     {"writer.signals"},
		RoleGateway: {"catalog.url", "bus.kafka.brokers", "writer.signals"},
		RoleWriter:  {"catalog.url", "bus.kafka.brokers", "clickhouse.url"},
		RoleQuery:   {"catalog.url", "clickhouse.url", "writer.signals"},
		RoleAlert:   {"catalog.url", "bus.kafka.brokers", "writer.signals"},
	} {
		require.NoError(t, spread().ValidateFor(role), role)
		for key, without := range lacks {
			c := spread()
			without(&c)
			err := c.ValidateFor(role)
			needed := false
			for _, n := range needs {
				needed = needed || n == key
			}
			if needed {
				require.ErrorContains(t, err, key+": ", "%s without %s", role, key)
			} else {
				require.NoError(t, err, "%s without %s", role, key)
			}
		}
	}
	metrics := spread()
	metrics.Writer.Signals, metrics.ClickHouse.URL = []signal.Signal{signal.Metrics}, ""
	require.NoError(t, metrics.ValidateFor(RoleWriter), "a writer of metrics alone needs no ClickHouse")
	require.False(t, metrics.UsesClickHouse(RoleWriter))
	require.True(t, metrics.UsesClickHouse(RoleAll))
	require.NoError(t, Default().ValidateFor(RoleAll))
	bad := spread()
	bad.LogLevel = ""
	require.ErrorContains(t, bad.ValidateFor(RoleQuery), "log_level", "what is wrong for every role is said as well")
}

func TestRoles(t *testing.T) {
	roles := []Role{RoleGateway, RoleWriter, RoleQuery, RoleAlert}
	for _, r := range roles {
		require.True(t, RoleAll.Is(r))
		require.False(t, r.Is(RoleAll))
		for _, x := range roles {
			require.Equal(t, r == x, r.Is(x))
		}
	}
}

// TestVariables: any key, in the form of YAML, texts as they are; the others' variables are passed over.
func TestVariables(t *testing.T) {
	cfg, err := Load("", []string{
		"STRATA_HTTP_EXTERNAL_URL=https://a.example:1", "STRATA_BUS_KAFKA_BROKERS=[a:1, 'b:2']", "STRATA_SELF_TRACE_RATIO=1e-2", "STRATA_INTAKE_MAX_BODY_BYTES=123",
		"STRATA_OTLP_CORS_MAX_AGE=90m", "STRATA_ENGINE_URL=x", "STRATA_KEY=x", "STRATA_TEST_ANYTHING=x", "OTHER=1", "STRATA_CATALOG_URL=",
	})
	require.NoError(t, err)
	require.Equal(t, "https://a.example:1", cfg.HTTP.ExternalURL)
	require.Equal(t, []string{"a:1", "b:2"}, cfg.Bus.Kafka.Brokers)
	require.InDelta(t, 0.01, cfg.Self.TraceRatio, 1e-9)
	require.EqualValues(t, 123, cfg.Intake.MaxBodyBytes)
	require.Equal(t, 90*time.Minute, cfg.OTLP.CORS.MaxAge)
	require.Empty(t, cfg.Catalog.URL)
	for variable, want := range map[string]string{
		"STRATA_INTAKE_MAX_BODY_BYTES=many": "STRATA_INTAKE_MAX_BODY_BYTES", "STRATA_OTLP=x": "names no configuration key", "STRATA_=x": "names no configuration key",
		"STRATA_BUS_KAFKA_BROKERS={a: b}": "STRATA_BUS_KAFKA_BROKERS", "STRATA_CLUSTER_INSTANCE=- a list": "STRATA_CLUSTER_INSTANCE", "STRATA_OTLP_MAX_BODY_BYTES=1": "is called STRATA_INTAKE_MAX_BODY_BYTES now",
	} {
		_, err := Load("", []string{variable})
		require.ErrorContains(t, err, want, variable)
	}
}
