// SPDX-License-Identifier: Apache-2.0

package config

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "strata.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestDefaultsAreValidAndDocumented(t *testing.T) {
	require.NoError(t, Default().Validate())
	b, err := Default().Marshal()
	require.NoError(t, err)
	golden := filepath.Join("..", "..", "docs", "reference", "default.yaml")
	if os.Getenv("STRATA_TEST_UPDATE") != "" {
		require.NoError(t, os.WriteFile(golden, b, 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), string(b), "run with STRATA_TEST_UPDATE=1 to renew docs/reference/default.yaml")
}

func TestFileThenEnvironment(t *testing.T) {
	path := write(t, "http: {listen: '127.0.0.1:1'}\nintake: {limits: {attributes: 7}}\nself: {interval: 1m}\n")
	cfg, err := Load(path, []string{
		"STRATA_INTAKE_LIMITS_ATTRIBUTES=9", "STRATA_SELF_ENABLED=false", "STRATA_ALERTING_RULE_FILES=[a.yml, b.yml]",
		"STRATA_CLICKHOUSE_URL=http://u:p@h:8123/db", "STRATA_ENGINE_URL=x", "HOME=/", "STRATA_HTTP_EXTERNAL_URL=",
	})
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:1", cfg.HTTP.Listen)
	require.Equal(t, 9, cfg.Intake.Limits.Attributes)
	require.Equal(t, 4096, cfg.Intake.Limits.AttributeBytes)
	require.Equal(t, time.Minute, cfg.Self.Interval)
	require.False(t, cfg.Self.Enabled)
	require.Equal(t, []string{"a.yml", "b.yml"}, cfg.Alerting.RuleFiles)
	require.Equal(t, "http://u:p@h:8123/db", cfg.ClickHouse.URL)
}

func TestMistakesAreNamed(t *testing.T) {
	for _, c := range []struct{ yaml, env, want string }{
		{yaml: "htpp: {}", want: "field htpp not found"},
		{yaml: "http: {listen: [1]}", want: "line 1"},
		{yaml: "self: {interval: soon}", want: "line 1"},
		{yaml: "a: 1\n---\nb: 2", want: "field a not found"},
		{yaml: "log_level: info\n---\nb: 2", want: "one YAML document"},
		{yaml: "otlp:\n  max_body_bytes: 1024", want: "line 2: otlp.max_body_bytes is called intake.max_body_bytes now"},
		{yaml: "otlp: {limits: {attributes: 7}}", want: "otlp.limits is called intake.limits now"},
		{env: "STRATA_OTLP_LIMITS_LOGS_PAST=1h", want: "STRATA_OTLP_LIMITS_LOGS_PAST is called STRATA_INTAKE_LIMITS_LOGS_PAST now"},
		{env: "STRATA_OTLP_IN_FLIGHT_BYTES=0", want: "STRATA_OTLP_IN_FLIGHT_BYTES is called STRATA_INTAKE_IN_FLIGHT_BYTES now"},
		{env: "STRATA_HTPP=1", want: "STRATA_HTPP names no configuration key"},
		{env: "STRATA_SELF_ENABLED=perhaps", want: "STRATA_SELF_ENABLED"},
	} {
		_, err := Load(write(t, c.yaml), []string{c.env})
		require.ErrorContains(t, err, c.want)
	}
	_, err := Load(filepath.Join(t.TempDir(), "missing"), nil)
	require.ErrorIs(t, err, os.ErrNotExist)

	bad := Default()
	bad.HTTP.Listen, bad.LogLevel, bad.Auth.Local, bad.Query.Timeout = "7080", "loud", "maybe", 0
	err = bad.Validate()
	for _, want := range []string{"http.listen", "log_level", "auth.local", "query: timeout"} {
		require.ErrorContains(t, err, want)
	}
}

func TestExternalURL(t *testing.T) {
	for address, ok := range map[string]bool{
		"": true, "https://strata.example.org": true, "http://10.0.0.1:7080/": true, "https://example.org/strata": true,
		"nonsense": false, "strata.example.org": false, "ftp://example.org": false, "https://": false, "https://user@example.org": false, "https://example.org?a=b": false,
		"localhost:7080": false, "http://a b": false,
	} {
		c := Default()
		c.HTTP.ExternalURL = address
		if err := c.Validate(); ok {
			require.NoError(t, err, address)
		} else {
			require.ErrorContains(t, err, "http.external_url", address)
		}
	}
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte("http: {listen: x}"))
	f.Fuzz(func(_ *testing.T, b []byte) {
		cfg := Default()
		_ = decode(b, &cfg)
		_ = cfg.Validate()
	})
}

// Kubernetes adds variables for every service beside the pod; one whose name begins with strata must not stop the process.
func TestServiceVariablesOfKubernetesArePassedOver(t *testing.T) {
	_, err := Load("", []string{
		"STRATA_GATEWAY_SERVICE_HOST=10.0.0.1", "STRATA_GATEWAY_SERVICE_PORT=7080", "STRATA_GATEWAY_SERVICE_PORT_OTLP_GRPC=4317",
		"STRATA_GATEWAY_PORT=tcp://10.0.0.1:7080", "STRATA_GATEWAY_PORT_7080_TCP=tcp://10.0.0.1:7080", "STRATA_GATEWAY_PORT_7080_TCP_ADDR=10.0.0.1",
	})
	require.NoError(t, err)
	_, err = Load("", []string{"STRATA_GATEWAY_HOST=x"})
	require.Error(t, err)
}
