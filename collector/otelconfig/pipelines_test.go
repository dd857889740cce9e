// SPDX-License-Identifier: Apache-2.0

package otelconfig

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/collector/config"
	"github.com/strata-apm/strata/collector/enrich"
	"github.com/strata-apm/strata/collector/hoststate"
	"github.com/strata-apm/strata/collector/logs"
)

// quiet turns off what runs by default.
const quiet = "host: {enabled: false}\nmiddleware: {enabled: false}\n"

func found(name string) (string, error) { return "/usr/bin/" + name, nil }

var errNotFound = errors.New("not found")

func missing(string) (string, error) { return "", errNotFound }

// generate makes the configuration of a file's text on the host web-1.
func generate(t *testing.T, text string) object {
	t.Helper()
	return generateIn(t, text, Environment{StateDir: t.TempDir(), LookPath: found})
}

func generateIn(t *testing.T, text string, env Environment) object {
	t.Helper()
	cfg, err := config.Parse([]byte(text))
	require.NoError(t, err)
	env.Host = enrich.Host{Name: "web-1", ID: "id-1", OSType: "linux", Arch: "amd64"}
	got, err := Generate(cfg, env)
	require.NoError(t, err)
	return got
}

// at returns what stands at a path of keys.
func at(t *testing.T, in any, path ...string) any {
	t.Helper()
	for _, key := range path {
		o, ok := in.(object)
		require.True(t, ok, path)
		require.Contains(t, o, key)
		in = o[key]
	}
	return in
}

func keys(t *testing.T, in any) []string {
	t.Helper()
	return slices.Sorted(maps.Keys(in.(object)))
}

// TestPipelines: each source that is configured has its pipeline, and nothing else runs.
func TestPipelines(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		want []string
	}{
		"default":        {"", []string{"metrics/host", "metrics/middleware"}},
		"files":          {quiet + "logs: [{include: [a]}, {include: [b]}]", []string{"logs/files", "metrics/agent"}},
		"OTLP":           {quiet + "otlp: {grpc: ':4317'}", []string{"logs/otlp", "metrics/otlp", "traces/otlp"}},
		"OTLP over HTTP": {quiet + "otlp: {http: ':4318'}", []string{"logs/otlp", "metrics/otlp", "traces/otlp"}},
		"syslog":         {quiet + "syslog: [{listen: 'udp://:514'}]", []string{"logs/syslog_f0ee956e", "metrics/agent"}},
		"journal":        {quiet + "journald: {enabled: true}", []string{"logs/journald", "metrics/agent"}},
		"scrape":         {quiet + "scrape: [{job_name: a}]", []string{"metrics/scrape"}},
		"middleware":     {"host: {enabled: false}", []string{"metrics/middleware"}},
		"of raw alone":   {quiet + "raw: {service: {pipelines: {traces: {receivers: [x]}}}}", []string{"traces"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := generate(t, tc.text)
			require.Equal(t, tc.want, keys(t, at(t, got, "service", "pipelines")))
		})
	}
}

// TestPipelinesAreWhole: what a pipeline names is there, and each receiver and processor is used.
func TestPipelinesAreWhole(t *testing.T) {
	got := generate(t, `
logs: [{include: [a]}, {include: [b], operators: [{type: json_parser}]}]
syslog: [{listen: 'udp://:514'}, {listen: 'tcp://:514'}]
journald: {enabled: true}
otlp: {grpc: ':4317'}
scrape: [{job_name: a}]
`)
	used := map[string]map[string]bool{"receivers": {}, "processors": {}, "exporters": {}}
	for _, p := range at(t, got, "service", "pipelines").(object) {
		require.Len(t, at(t, p, "processors"), 1, "the one processor of each pipeline")
		for kind, names := range used {
			for _, id := range at(t, p, kind).(list) {
				require.Contains(t, got[kind], id)
				names[id.(string)] = true
			}
		}
	}
	for kind, names := range used {
		require.Equal(t, keys(t, got[kind]), slices.Sorted(maps.Keys(names)), kind)
	}
	var extensions []string
	for _, id := range at(t, got, "service", "extensions").(list) {
		extensions = append(extensions, id.(string))
	}
	require.ElementsMatch(t, keys(t, got["extensions"]), extensions)
}

func TestNoJournalctl(t *testing.T) {
	got := generateIn(t, "journald: {enabled: true}", Environment{StateDir: t.TempDir(), LookPath: missing})
	require.NotContains(t, got["receivers"], idJournald)
	require.NotContains(t, at(t, got, "service", "pipelines"), "metrics/agent", "there is no source of logs")
	none := Environment{}
	t.Setenv("PATH", t.TempDir())
	_, err := none.lookPath("journalctl")
	require.Error(t, err, "looked for where programs are")
}

func TestJournald(t *testing.T) {
	got := generate(t, "journald: {enabled: true}")
	require.Equal(t, object{"journalctl_path": "/usr/bin/journalctl", "storage": idCheckpoints, "start_at": "end", "priority": "info"}, at(t, got, "receivers", idJournald))
	got = generate(t, "journald: {enabled: true, units: [ssh.service], priority: err, mask: false, max_records_per_second: 7}\nqueue: {size_mib: 30}")
	require.Equal(t, list{"ssh.service"}, at(t, got, "receivers", idJournald, "units"))
	require.Equal(t, "err", at(t, got, "receivers", idJournald, "priority"))
	require.Equal(t, object{"kind": logs.KindJournald, "name": "journald", "drop": false, "mask": false, "max_records_per_second": 7},
		at(t, got, "processors", enrich.TypeName+"/journald", "stream"))
	require.Equal(t, int64(10<<20), at(t, got, "processors", enrich.TypeName+"/journald", "queue_limit"))
}

// TestSyslog: senders over UDP cannot wait, and the older name of the zone still counts.
func TestSyslog(t *testing.T) {
	for name, tc := range map[string]struct {
		keys     string
		receiver object
		stream   object
	}{
		"udp": {
			"listen: 'udp://:514'",
			object{"listen": "udp://:514", "timezone": "Local"},
			object{"name": "udp://:514", "drop": true, "mask": true, "max_records_per_second": 0},
		},
		"tcp": {
			"listen: 'tcp://:514', location: Europe/Berlin, encoding: gbk, mask: false, max_records_per_second: 5",
			object{"listen": "tcp://:514", "timezone": "Europe/Berlin", "encoding": "gbk"},
			object{"name": "tcp://:514", "drop": false, "mask": false, "max_records_per_second": 5},
		},
		"tls": {
			"listen: 'tls://:6514', timezone: UTC, cert_file: c, key_file: k, client_ca_file: ca, mask: true",
			object{"listen": "tls://:6514", "timezone": "UTC", "cert_file": "c", "key_file": "k", "client_ca_file": "ca"},
			object{"name": "tls://:6514", "drop": false, "mask": true, "max_records_per_second": 0},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := generate(t, quiet+"log_times: {past: 1h, future: 2m}\nsyslog: [{"+tc.keys+"}]")
			tc.receiver["times"] = object{"past": "1h0m0s", "future": "2m0s"}
			tc.stream["kind"] = logs.KindSyslog
			for id, r := range got["receivers"].(object) {
				if id != logs.StatsType {
					require.Equal(t, tc.receiver, r)
				}
			}
			for id, p := range got["processors"].(object) {
				if id != idEnrichAgent {
					require.Equal(t, tc.stream, at(t, p, "stream"))
					require.Equal(t, true, at(t, p, "detect_severity"))
				}
			}
		})
	}
}

// TestFiles: only keys that are given are handed on, so that the receiver's own defaults stay.
func TestFiles(t *testing.T) {
	receiver := func(keys string) object {
		got := generate(t, quiet+"log_times: {past: 1h, future: 2m}\nlogs: [{include: [a, b], "+keys+"}]")
		for id, r := range got["receivers"].(object) {
			if id != logs.StatsType {
				return r.(object)
			}
		}
		return nil
	}
	times := object{"past": "1h0m0s", "future": "2m0s"}
	require.Equal(t, object{
		"include": list{"a", "b"}, "start_at": "end", "multiline": true, "mask": true, "max_records_per_second": 0, "storage": idCheckpoints, "times": times,
	}, receiver("exclude: []"))
	require.Equal(t, object{
		"include": list{"a", "b"}, "exclude": list{"c"}, "start_at": "beginning", "multiline": false, "multiline_start": "^x", "mask": false,
		"max_records_per_second": 9, "storage": idCheckpoints, "times": times, "format": "json", "encoding": "gbk", "timezone": "UTC",
		"rotate_wait": "3s", "flush_line": "0s", "resource": object{"service.name": "shop"}, "attributes": object{"k": "v"},
	}, receiver("exclude: [c], start_at: beginning, multiline: none, multiline_start: ^x, mask: false, max_records_per_second: 9, format: json, "+
		"encoding: gbk, timezone: UTC, rotate_wait: 3s, flush_line: 0s, service: shop, attributes: {k: v}"))
	got := receiver("operators: [{type: json_parser}], exclude: [c], multiline_start: ^x, service: shop, attributes: {k: v}")
	require.Equal(t, []any{object{"type": "json_parser"}}, got["operators"])
	require.Equal(t, list{"c"}, got["exclude"])
	require.Equal(t, object{"line_start_pattern": "^x"}, got["multiline"])
	require.Equal(t, object{"service.name": "shop"}, got["resource"])
	require.Equal(t, object{"k": "v"}, got["attributes"])
	require.Equal(t, true, at(t, got, "retry_on_failure", "enabled"), "a full queue holds the file back")
	require.NotContains(t, got, "times")
	require.NotContains(t, got, "mask")
}

// TestStartAtOfOperators: the library calls its checkpoints otherwise than the receiver.
func TestStartAtOfOperators(t *testing.T) {
	const text = quiet + "logs: [{include: [/x], operators: [{type: json_parser}]}]"
	env := Environment{StateDir: t.TempDir()}
	id := config.LogFiles{Include: []string{"/x"}}.ID()
	require.Equal(t, "end", at(t, generateIn(t, text, env), "receivers", "file_log/"+id, "start_at"))
	require.NoError(t, os.MkdirAll(filepath.Join(env.StateDir, "checkpoints"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(env.StateDir, "checkpoints", "receiver_filelog_"+id), nil, 0o600))
	require.Equal(t, "beginning", at(t, generateIn(t, text, env), "receivers", "file_log/"+id, "start_at"))
}

func TestCheckpointsThatCannotBeRead(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	require.NoError(t, os.WriteFile(state, nil, 0o600))
	cfg, err := config.Parse([]byte("logs: [{include: [a]}]"))
	require.NoError(t, err)
	_, err = Generate(cfg, Environment{StateDir: state})
	require.ErrorContains(t, err, "look for checkpoints")
}

// TestHost: processes are read by a receiver of their own, less often.
func TestHost(t *testing.T) {
	got := generate(t, "host: {interval: 5s, process_interval: 7s, process_top: 3, root_path: /hostfs, systemd: {units: [a], max_units: 4}, containers: {max: 6}}")
	require.Equal(t, "5s", at(t, got, "receivers", idHostMetrics, "collection_interval"))
	require.Equal(t, "/hostfs", at(t, got, "receivers", idHostMetrics, "root_path"))
	require.Equal(t, "7s", at(t, got, "receivers", idProcessMetrics, "collection_interval"))
	require.Equal(t, "7s", at(t, got, "receivers", idProcessMetrics, "scrapers", "process", "scrape_process_delay"))
	require.Equal(t, []string{"process"}, keys(t, at(t, got, "receivers", idProcessMetrics, "scrapers")))
	require.Equal(t, 3, at(t, got, "processors", idEnrichHost, "process_top"))
	require.Equal(t, object{
		"interval": "5s", "root_path": "/hostfs",
		"systemd":    object{"enabled": true, "units": list{"a"}, "max_units": 4},
		"containers": object{"enabled": true, "max": 6},
	}, at(t, got, "receivers", hoststate.Type))
	require.Equal(t, "/hostfs/proc", at(t, got, "receivers", idMiddleware, "proc_root"))
	got = generate(t, "host: {process_top: 0}")
	require.NotContains(t, got["receivers"], idProcessMetrics)
	require.NotContains(t, at(t, got, "receivers", idHostMetrics), "root_path")
	require.Empty(t, at(t, got, "receivers", idMiddleware, "proc_root"))
}

// TestIdentity: each pipeline puts the host's identity on what passes; only what programs sent keeps its own.
func TestIdentity(t *testing.T) {
	got := generate(t, `
attributes: {host.name: renamed, team: a, service.instance.id: mine}
logs: [{include: [a]}]
syslog: [{listen: 'udp://:514'}]
otlp: {grpc: ':4317'}
scrape: [{job_name: a}]
`)
	for id, instance := range map[string]any{
		idEnrichHost: "id-1", idEnrichAgent: "id-1", idEnrichLogs: "mine", idEnrichOTLP: "mine", idEnrichScrape: "mine", idEnrichMiddleware: nil,
	} {
		p := at(t, got, "processors", id).(object)
		attrs := at(t, p, "attributes").(object)
		require.Equal(t, "renamed", attrs["host.name"], id)
		require.Equal(t, "a", attrs["team"], id)
		require.Equal(t, "id-1", attrs["host.id"], id)
		require.Equal(t, instance, attrs["service.instance.id"], id)
		override, _ := p["override"].(bool)
		require.Equal(t, id != idEnrichOTLP && id != idEnrichScrape, override, id)
	}
	require.Equal(t, "renamed", at(t, got, "receivers", idMiddleware, "host_name"))
}

func TestMiddleware(t *testing.T) {
	got := generate(t, "middleware: {interval: 3s, discover_interval: 4s, forget_after: 5m, credentials_file: /c, disable: [redis], static: [{kind: mysql, address: 'a:1'}]}")
	require.Equal(t, object{
		"interval": "3s", "discover_interval": "4s", "forget_after": "5m0s", "credentials_file": "/c", "disable": list{"redis"},
		"static": list{object{"kind": "mysql", "address": "a:1"}}, "host_name": "web-1", "proc_root": "",
	}, at(t, got, "receivers", idMiddleware))
}
