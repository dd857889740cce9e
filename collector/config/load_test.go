// SPDX-License-Identifier: Apache-2.0

package config

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// TestMergeRules: the file lies over what was pushed, and both over the defaults.
func TestMergeRules(t *testing.T) {
	for name, tc := range map[string]struct {
		pushed, file string
		check        func(t *testing.T, cfg Config)
	}{
		"neither": {"", "", func(t *testing.T, cfg Config) {
			t.Helper()
			require.Equal(t, Default(), cfg)
		}},
		"pushed alone": {"host: {process_top: 3}", "", func(t *testing.T, cfg Config) {
			t.Helper()
			require.Equal(t, 3, cfg.Host.ProcessTop)
			require.Equal(t, Default().Host.Interval, cfg.Host.Interval)
		}},
		"a scalar of the file wins": {"host: {process_top: 3}", "host: {process_top: 0}", func(t *testing.T, cfg Config) {
			t.Helper()
			require.Zero(t, cfg.Host.ProcessTop, "also when it is the zero value")
		}},
		"false of the file wins": {"journald: {enabled: true}", "journald: {enabled: false}", func(t *testing.T, cfg Config) {
			t.Helper()
			require.False(t, cfg.Journald.Enabled)
		}},
		"nested sections are merged": {"host: {systemd: {max_units: 5}}", "host: {containers: {max: 6}}", func(t *testing.T, cfg Config) {
			t.Helper()
			require.Equal(t, 5, cfg.Host.Systemd.MaxUnits)
			require.Equal(t, 6, cfg.Host.Containers.Max)
			require.True(t, cfg.Host.Systemd.Enabled)
		}},
		"maps are merged key by key": {"attributes: {a: 1, b: 1}", "attributes: {b: 2, c: 2}", func(t *testing.T, cfg Config) {
			t.Helper()
			require.Equal(t, map[string]string{"a": "1", "b": "2", "c": "2"}, cfg.Attributes)
		}},
		"lists are replaced": {"host: {systemd: {units: [a, b]}}", "host: {systemd: {units: [c]}}", func(t *testing.T, cfg Config) {
			t.Helper()
			require.Equal(t, []string{"c"}, cfg.Host.Systemd.Units)
		}},
		"an empty list replaces too": {"logs: [{include: [a]}]", "logs: []", func(t *testing.T, cfg Config) {
			t.Helper()
			require.Empty(t, cfg.Logs)
		}},
		"an empty section changes nothing": {"host: {process_top: 3}", "host: {}", func(t *testing.T, cfg Config) {
			t.Helper()
			require.Equal(t, 3, cfg.Host.ProcessTop)
		}},
		"a comment is no configuration": {"# nothing\n", "# nothing\n", func(t *testing.T, cfg Config) {
			t.Helper()
			require.Equal(t, Default(), cfg)
		}},
		"the file repairs what was pushed": {"host: {process_top: 5000}", "host: {process_top: 5}", func(t *testing.T, cfg Config) {
			t.Helper()
			require.Equal(t, 5, cfg.Host.ProcessTop)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, err := Merge([]byte(tc.pushed), []byte(tc.file))
			require.NoError(t, err)
			tc.check(t, cfg)
		})
	}
}

// TestMergeNamesTheText: a mistake is blamed on the text that has it.
func TestMergeNamesTheText(t *testing.T) {
	for _, tc := range []struct{ pushed, file, want string }{
		{"x: 1", "", "parse pushed configuration: yaml: unmarshal errors:\n  line 1: field x not found"},
		{"", "x: 1", "parse configuration: yaml: unmarshal errors:\n  line 1: field x not found"},
		{"{}\n---\n{}", "", "parse pushed configuration: more than one YAML document"},
		{"[]", "", "parse pushed configuration"},
		{"", "text", "parse configuration"},
		{"host: {process_top: 5000}", "", "host.process_top"},
	} {
		_, err := Merge([]byte(tc.pushed), []byte(tc.file))
		require.ErrorContains(t, err, tc.want)
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "agent.yaml")
	pushed := []byte("host: {process_top: 3, interval: 5s}")
	cfg, err := Load("", pushed)
	require.NoError(t, err, "an agent without a file")
	require.Equal(t, 3, cfg.Host.ProcessTop)
	_, err = Load(path, pushed)
	require.ErrorIs(t, err, os.ErrNotExist, "a file that was named must be there")
	require.ErrorContains(t, err, "read configuration")
	require.NoError(t, os.WriteFile(path, []byte("host: {process_top: 4}"), 0o600))
	cfg, err = Load(path, pushed)
	require.NoError(t, err)
	require.Equal(t, 4, cfg.Host.ProcessTop)
	require.Equal(t, Duration(5*time.Second), cfg.Host.Interval)
	cfg, err = Load(path, nil)
	require.NoError(t, err)
	require.Equal(t, Default().Host.Interval, cfg.Host.Interval)
	require.NoError(t, os.WriteFile(path, []byte("host: {process_tops: 4}"), 0o600))
	_, err = Load(path, nil)
	require.ErrorContains(t, err, path+": parse configuration", "the file is named")
}

func TestReadKey(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "key")
	require.NoError(t, os.WriteFile(file, []byte("  strata_file\n"), 0o600))
	empty := filepath.Join(dir, "empty")
	require.NoError(t, os.WriteFile(empty, []byte("\n"), 0o600))
	for name, tc := range map[string]struct {
		server Server
		want   string
	}{
		"none":          {Server{}, ""},
		"in the file":   {Server{Key: "strata_k"}, "strata_k"},
		"of its own":    {Server{KeyFile: file}, "strata_file"},
		"an empty file": {Server{KeyFile: empty}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := tc.server.ReadKey()
			require.NoError(t, err)
			require.Equal(t, tc.want, got)
		})
	}
	_, err := Server{KeyFile: filepath.Join(dir, "none")}.ReadKey()
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "read server.key_file")
}

func TestDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{"10s": 10 * time.Second, "1h30m": 90 * time.Minute, "0s": 0, "-5ms": -5 * time.Millisecond} {
		var d Duration
		require.NoError(t, yaml.Unmarshal([]byte(text), &d))
		require.Equal(t, Duration(want), d)
		out, err := yaml.Marshal(d)
		require.NoError(t, err)
		var again Duration
		require.NoError(t, yaml.Unmarshal(out, &again))
		require.Equal(t, d, again)
	}
	for _, text := range []string{"10", "ten", "''", "[10s]", "10 s"} {
		var d Duration
		require.ErrorContains(t, yaml.Unmarshal([]byte(text), &d), "line 1", text)
	}
}

// TestLogFilesID: checkpoints are found again by it.
func TestLogFilesID(t *testing.T) {
	id := func(include ...string) string { return LogFiles{Include: include}.ID() }
	require.Equal(t, "ca978112ca1b", id("a"), "a change makes running agents forget where they were")
	require.Equal(t, id("a", "b"), id("b", "a"), "the order of patterns says nothing")
	require.NotEqual(t, id("a", "b"), id("ab"))
	require.NotEqual(t, id("a"), id("b"))
	include := []string{"b", "a"}
	all := LogFiles{Include: include, Exclude: []string{"x"}, Service: "s"}
	require.Equal(t, id("a", "b"), all.ID(), "nothing but the patterns counts")
	require.Equal(t, []string{"b", "a"}, include, "the list is left as it is")
}

func TestSignalBytes(t *testing.T) {
	require.Equal(t, int64(8<<20), Queue{SizeMiB: 24}.SignalBytes())
	require.Equal(t, int64(178956970), Queue{SizeMiB: 512}.SignalBytes())
}

func TestMiddlewareReceiver(t *testing.T) {
	cfg, err := Parse([]byte("middleware: {interval: 3s, discover_interval: 4s, forget_after: 5m, credentials_file: /c, disable: [redis], static: [{kind: mysql, address: 'a:1'}]}"))
	require.NoError(t, err)
	got := cfg.Middleware.Receiver("web-1", "")
	require.Equal(t, 3*time.Second, got.Interval)
	require.Equal(t, 4*time.Second, got.DiscoverInterval)
	require.Equal(t, 5*time.Minute, got.ForgetAfter)
	require.Equal(t, "/c", got.CredentialsFile)
	require.Equal(t, []string{"redis"}, got.Disable)
	require.Equal(t, "a:1", got.Static[0].Address)
	require.Equal(t, "web-1", got.HostName)
	require.Empty(t, got.ProcRoot)
	require.Equal(t, "/hostfs/proc", cfg.Middleware.Receiver("", "/hostfs").ProcRoot)
}
