// SPDX-License-Identifier: Apache-2.0

package otelconfig

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/strata-apm/strata/collector/config"
	"github.com/strata-apm/strata/collector/enrich"
)

func updating() bool {
	f := flag.Lookup("update")
	return f != nil && f.Value.String() == "true"
}

// TestGenerateGolden keeps the generated configuration visible in review. Run with -update after a wanted change.
func TestGenerateGolden(t *testing.T) {
	env := Environment{
		Host:     enrich.Host{Name: "web-1", ID: "0123456789abcdef0123456789abcdef", OSType: "linux", Description: "Debian 13", Arch: "amd64"},
		StateDir: "/state",
	}
	for name, text := range map[string]string{
		"default": "",
		"full": `
server: {endpoint: "https://strata.example:4318", protocol: http, key: strata_secret, compression: gzip, tls: {ca_file: /ca.pem}}
host: {interval: 15s, process_top: 0, root_path: /hostfs}
logs:
  - {include: [/var/log/a.log, /var/log/b/*.log], exclude: [/var/log/b/x.log], multiline_start: '^\d{4}$', service: shop}
otlp: {grpc: "127.0.0.1:14317", http: "127.0.0.1:14318"}
queue: {dir: /queue, size_mib: 300}
attributes: {deployment.environment.name: prod, host.name: renamed}
raw:
  receivers: {otlp: {protocols: {grpc: {max_recv_msg_size_mib: 64}}}}
  processors: {batch: {}}
  service: {extensions: [mine], pipelines: {traces/otlp: null}}
`,
	} {
		t.Run(name, func(t *testing.T) {
			cfg, err := config.Parse([]byte(text))
			require.NoError(t, err)
			got, err := Generate(cfg, env)
			require.NoError(t, err)
			HideSecrets(got)
			rendered, err := yaml.Marshal(got)
			require.NoError(t, err)
			require.NotContains(t, string(rendered), "strata_secret")
			path := filepath.Join("testdata", "generate_"+name+".yaml")
			if updating() {
				require.NoError(t, os.WriteFile(path, rendered, 0o600))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, string(want), string(rendered))
		})
	}
}

func TestGenerateNothing(t *testing.T) {
	cfg, err := config.Parse([]byte("host: {enabled: false}\nmiddleware: {enabled: false}"))
	require.NoError(t, err)
	_, err = Generate(cfg, Environment{})
	require.ErrorContains(t, err, "nothing to do")
}

// TestStartAt: files that existed before the first run are skipped, files that appear while the agent is down are not.
func TestStartAt(t *testing.T) {
	state := t.TempDir()
	cfg, err := config.Parse([]byte("logs: [{include: [/x/*.log]}]"))
	require.NoError(t, err)
	id := cfg.Logs[0].ID()
	startAt := func() any {
		got, err := Generate(cfg, Environment{StateDir: state})
		require.NoError(t, err)
		return got["receivers"].(object)["strata_files/"+id].(object)["start_at"]
	}
	require.Equal(t, "end", startAt())
	require.NoError(t, os.MkdirAll(filepath.Join(state, "checkpoints"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(state, "checkpoints", "receiver_strata_files_"+id), nil, 0o600))
	require.Equal(t, "beginning", startAt())
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("server: {endpoint: '127.0.0.1:4317'}\nlogs: [{include: [a]}]\nraw: {service: {pipelines: {x: null}}}\n"))
	f.Add([]byte("host: {interval: 1h, process_top: 3}\nattributes: {a: b}\n"))
	f.Add([]byte("raw: {receivers: 1, service: [1]}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		cfg, err := config.Parse(text)
		if err != nil {
			return
		}
		cfg.Server.KeyFile = "" // Parsing must not depend on what lies on disk.
		if _, err := Generate(cfg, Environment{StateDir: t.TempDir()}); err != nil {
			return
		}
		rendered, err := cfg.YAML()
		require.NoError(t, err)
		if cfg.Server.Key == "" {
			again, err := config.Parse(rendered)
			require.NoError(t, err)
			require.Equal(t, cfg.Server, again.Server)
		}
	})
}
