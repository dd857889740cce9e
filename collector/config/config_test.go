// SPDX-License-Identifier: Apache-2.0

package config

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseEmptyIsDefault(t *testing.T) {
	for _, text := range []string{"", "\n", "# nothing\n", "{}\n"} {
		cfg, err := Parse([]byte(text))
		require.NoError(t, err)
		require.Equal(t, Default(), cfg)
	}
}

func TestParse(t *testing.T) {
	cfg, err := Parse([]byte(`
server: {endpoint: "https://strata.example:443/otlp", protocol: http, key: strata_k, compression: gzip}
host: {interval: 30s, process_top: 5}
logs: [{include: [/var/log/*.log], service: shop}]
attributes: {deployment.environment.name: prod}
`))
	require.NoError(t, err)
	require.Equal(t, Duration(30*time.Second), cfg.Host.Interval)
	require.True(t, cfg.Host.Enabled, "a default is kept when its section is given")
	target, err := cfg.Server.Target()
	require.NoError(t, err)
	require.Equal(t, "strata.example:443", target.Address)
	require.Equal(t, "/otlp", target.Path)
	require.False(t, target.Plain)
	text, err := cfg.YAML()
	require.NoError(t, err)
	require.NotContains(t, string(text), "strata_k")
}

func TestParseErrors(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"unknown key":      {"server:\n  endpoint: a:1\n  colour: red\n", "line 3: field colour not found"},
		"unknown section":  {"hosts: {}\n", "line 1: field hosts not found"},
		"duration":         {"host: {interval: 10}\n", `line 1: "10" is not a duration`},
		"short interval":   {"host: {interval: 1ms}\n", "host.interval: 1ms is below 1s"},
		"endpoint":         {"server: {endpoint: nowhere}\n", "server.endpoint"},
		"scheme":           {"server: {endpoint: 'ftp://a:1'}\n", `scheme "ftp"`},
		"grpc path":        {"server: {endpoint: 'http://a:1/x'}\n", "a path needs protocol http"},
		"protocol":         {"server: {protocol: udp}\n", "neither grpc nor http"},
		"compression":      {"server: {compression: br}\n", "none of zstd, gzip, none"},
		"two keys":         {"server: {key: a, key_file: b}\n", "exclude each other"},
		"no include":       {"logs: [{service: a}]\n", "logs[0]: include"},
		"twice":            {"logs: [{include: [a]}, {include: [a]}]\n", "same files as logs[0]"},
		"regexp":           {"logs: [{include: [a], multiline_start: '('}]\n", "multiline_start"},
		"start_at":         {"logs: [{include: [a], start_at: middle}]\n", "start_at"},
		"queue":            {"queue: {size_mib: 1}\n", "queue.size_mib"},
		"otlp":             {"otlp: {grpc: '4317'}\n", "otlp.grpc"},
		"two documents":    {"{}\n---\n{}\n", "more than one"},
		"not YAML":         {"\t:", "parse configuration"},
		"client cert only": {"server: {tls: {cert_file: a}}\n", "belong together"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse([]byte(tc.text))
			require.ErrorContains(t, err, tc.want)
		})
	}
}

func TestTargetPlain(t *testing.T) {
	for endpoint, plain := range map[string]bool{
		"127.0.0.1:4317": true, "[::1]:4317": true, "localhost:4317": true, "10.0.0.1:4317": false,
		"http://10.0.0.1:4317": true, "https://127.0.0.1:4317": false,
	} {
		got, err := Server{Endpoint: endpoint, Protocol: ProtocolGRPC}.Target()
		require.NoError(t, err)
		require.Equal(t, plain, got.Plain, endpoint)
	}
}

func TestLocalFileLiesOverWhatIsPushed(t *testing.T) {
	cfg, err := Merge([]byte("host: {interval: 5s, process_top: 3}\nattributes: {a: pushed, b: pushed}\nlogs: [{include: [pushed]}]\n"),
		[]byte("host: {interval: 7s}\nattributes: {b: local}\nlogs: [{include: [local]}]\n"))
	require.NoError(t, err)
	require.Equal(t, Duration(7*time.Second), cfg.Host.Interval)
	require.Equal(t, 3, cfg.Host.ProcessTop)
	require.Equal(t, map[string]string{"a": "pushed", "b": "local"}, cfg.Attributes)
	require.Equal(t, []string{"local"}, cfg.Logs[0].Include)
	_, err = Merge([]byte("logs:\n- includes: [x]\n"), nil)
	require.ErrorContains(t, err, "parse pushed configuration")
	require.ErrorContains(t, err, "line 2")
}

func TestOpAMPAddress(t *testing.T) {
	for _, c := range []struct{ server, opamp, want string }{
		{"127.0.0.1:4317", "", "http://127.0.0.1:7080/v1/opamp"},
		{"strata.example:4317", "", "https://strata.example:7080/v1/opamp"},
		{"http://strata:4318", "", "http://strata:7080/v1/opamp"},
		{"https://strata.example", "", "https://strata.example:443/v1/opamp"},
		{"127.0.0.1:39000", "", ""},
		{"127.0.0.1:39000", "http://127.0.0.1:7081/", "http://127.0.0.1:7081/v1/opamp"},
		{"127.0.0.1:39000", "https://x:1/y/v1/opamp", "https://x:1/y/v1/opamp"},
	} {
		cfg := Default()
		cfg.Server.Endpoint, cfg.OpAMP.Endpoint = c.server, c.opamp
		require.NoError(t, cfg.Validate())
		got, err := cfg.OpAMPURL()
		require.NoError(t, err)
		require.Equal(t, c.want, got, c)
	}
	for _, bad := range []OpAMP{
		{Heartbeat: Duration(time.Minute)},
		{Heartbeat: Duration(time.Second), Endpoint: "127.0.0.1:7080"},
		{Heartbeat: Duration(time.Second), Endpoint: "http://key@x:1"},
	} {
		require.Error(t, bad.validate(), bad)
	}
}

func TestShownWithoutSecrets(t *testing.T) {
	got, err := WithoutSecrets([]byte(`server: {key: k1, key_file: /etc/key}
scrape: {basic_auth: {password: p1, username: u}, authorization: {credentials: c1}, url: 'http://u:p2@x/'}
list: [{api_token: t1, enabled: true}]
`))
	require.NoError(t, err)
	for _, secret := range []string{"k1", "p1", "c1", "p2", "t1"} {
		require.NotContains(t, string(got), secret)
	}
	for _, shown := range []string{"/etc/key", "username: u", "http://u:<hidden>@x/", "enabled: true"} {
		require.Contains(t, string(got), shown)
	}
}
