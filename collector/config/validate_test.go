// SPDX-License-Identifier: Apache-2.0

package config

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// parseError is the message of a configuration that is refused.
func parseError(t *testing.T, text string) string {
	t.Helper()
	cfg, err := Parse([]byte(text))
	require.Error(t, err, text)
	require.Equal(t, Config{}, cfg, "nothing of a refused configuration is used")
	return err.Error()
}

// TestRefusals: each bound and each choice of the file is refused by name on the far side of it.
func TestRefusals(t *testing.T) {
	for text, want := range map[string]string{
		"server: {endpoint: ''}":                           "server.endpoint: missing port in address",
		"server: {endpoint: ':4317'}":                      `server.endpoint: ":4317" is not host:port`,
		"server: {endpoint: 'a:http'}":                     `server.endpoint: "a:http" is not host:port`,
		"server: {endpoint: 'a:65536'}":                    `server.endpoint: "a:65536" is not host:port`,
		"server: {endpoint: 'http://'}":                    "is not scheme://host:port",
		"server: {endpoint: 'http://u:p@a:1'}":             `"http://u:xxxxx@a:1" is not scheme://host:port`,
		"server: {endpoint: 'http://a:1?x=1'}":             "is not scheme://host:port",
		"server: {endpoint: 'http://a:1#x'}":               "is not scheme://host:port",
		"server: {endpoint: 'http://a:x'}":                 "server.endpoint: parse",
		"server: {protocol: GRPC}":                         `server.protocol: "GRPC" is neither grpc nor http`,
		"server: {compression: ''}":                        `server.compression: "" is none of zstd, gzip, none`,
		"server: {timeout: 999ms}":                         "server.timeout: 999ms is below 1s",
		"server: {tls: {key_file: a}}":                     "server.tls: cert_file and key_file belong together",
		"host: {interval: 0s}":                             "host.interval: 0s is below 1s",
		"host: {process_interval: 999ms}":                  "host.process_interval: 999ms is below 1s",
		"host: {process_top: -1}":                          "host.process_top: -1 is not between 0 and 1000",
		"host: {process_top: 1001}":                        "host.process_top: 1001 is not between 0 and 1000",
		"host: {systemd: {max_units: 0}}":                  "host.systemd.max_units: 0 is not between 1 and 1000",
		"host: {systemd: {max_units: 1001}}":               "host.systemd.max_units: 1001 is not between 1 and 1000",
		"host: {systemd: {units: []}}":                     "host.systemd.units: no pattern",
		"host: {containers: {max: 0}}":                     "host.containers.max: 0 is not between 1 and 1000",
		"host: {containers: {max: 1001}}":                  "host.containers.max: 1001 is not between 1 and 1000",
		"queue: {size_mib: 23}":                            "queue.size_mib: 23 is below 24",
		"otlp: {http: 'a:b'}":                              `otlp.http: "b" is not a port`,
		"otlp: {grpc: 'a:-1'}":                             `otlp.grpc: "-1" is not a port`,
		"log_times: {past: 0s}":                            "log_times: past and future must be positive",
		"log_times: {future: -1s}":                         "log_times: past and future must be positive",
		"opamp: {heartbeat: 999ms}":                        "opamp.heartbeat: 999ms is not between 1s and 30s",
		"opamp: {heartbeat: 31s}":                          "opamp.heartbeat: 31s is not between 1s and 30s",
		"opamp: {endpoint: 'ws://a:1'}":                    `opamp.endpoint: "ws://a:1" is not http(s)://host:port`,
		"opamp: {endpoint: 'http://a:1?x=1'}":              "opamp.endpoint",
		"opamp: {endpoint: 'http://a:1#x'}":                "opamp.endpoint",
		"opamp: {endpoint: 'http://'}":                     "opamp.endpoint",
		"attributes: {'': x}":                              "attributes: an empty name",
		"middleware: {interval: 999ms}":                    "middleware: interval: 999ms is below 1s",
		"middleware: {forget_after: 59s}":                  "middleware: forget_after: 59s is below 1m",
		"middleware: {disable: [floppy]}":                  `middleware: disable: "floppy" is none of`,
		"middleware: {static: [{kind: redis}]}":            "middleware: static[0].address",
		"scrape: [{job_name: a, colour: red}]":             "scrape: ",
		"scrape: [{job_name: a}, {job_name: a}]":           "scrape: ",
		"scrape: [{scrape_interval: 10s}]":                 "scrape: ",
		"host: {interval: [1s]}":                           "is not a duration such as 10s",
		"host: {interval: {a: 1s}}":                        "is not a duration such as 10s",
		"host: {interval: 1 s}":                            `"1 s" is not a duration such as 10s`,
		"server: {endpoint: a:1}\nserver: {endpoint: b:1}": "already defined",
	} {
		require.Contains(t, parseError(t, text), want, text)
	}
}

func TestLogRefusals(t *testing.T) {
	for keys, want := range map[string]string{
		"start_at: start":               `start_at: "start" is neither end nor beginning`,
		"multiline: always":             `multiline: "always" is neither auto nor none`,
		"multiline_start: '['":          "multiline_start: error parsing regexp",
		"format: csv":                   `format: "csv" is none of`,
		"max_records_per_second: -1":    "max_records_per_second: negative",
		"encoding: klingon":             "klingon",
		"timezone: Mars/Olympus":        "timezone: unknown time zone Mars/Olympus",
		"rotate_wait: -1s":              "rotate_wait: -1s is not between 0s and 24h",
		"rotate_wait: 24h1s":            "rotate_wait: 24h0m1s is not between 0s and 24h",
		"flush_line: 25h":               "flush_line: 25h0m0s is not between 0s and 24h",
		"include: [], exclude: [/a/b]":  "include: no file pattern",
		"service: a, format: xml":       "format",
		"encoding: utf-8, start_at: no": "start_at",
	} {
		if !strings.Contains(keys, "include") {
			keys = "include: [/var/log/x], " + keys
		}
		got := parseError(t, "logs: [{include: [/other]}, {"+keys+"}]")
		require.Contains(t, got, "logs[1]: ", keys)
		require.Contains(t, got, want, keys)
	}
}

func TestSyslogRefusals(t *testing.T) {
	const tls = "cert_file and key_file are for tls, and tls needs both"
	for keys, want := range map[string]string{
		"listen: ''":                                        `listen: "" is not udp://, tcp:// or tls:// host:port`,
		"listen: '127.0.0.1:514'":                           "is not udp://, tcp:// or tls:// host:port",
		"listen: 'unix:///x'":                               "is not udp://, tcp:// or tls:// host:port",
		"listen: 'udp://a'":                                 "listen: address a: missing port in address",
		"listen: 'tcp://a:x'":                               `listen: "x" is not a port`,
		"listen: 'tls://a:1'":                               tls,
		"listen: 'tls://a:1', cert_file: c":                 tls,
		"listen: 'tcp://a:1', cert_file: c, key_file: k":    tls,
		"listen: 'udp://a:1', client_ca_file: c":            tls,
		"listen: 'udp://a:1', protocol: rfc1":               `protocol: "rfc1" is neither rfc3164 nor rfc5424`,
		"listen: 'udp://a:1', location: X/Y":                "location: timezone: unknown time zone X/Y",
		"listen: 'udp://a:1', timezone: X/Y":                "timezone: unknown time zone X/Y",
		"listen: 'udp://a:1', timezone: UTC, location: UTC": "timezone and location are the same; give one",
		"listen: 'udp://a:1', encoding: klingon":            "klingon",
		"listen: 'udp://a:1', max_records_per_second: -1":   "max_records_per_second: negative",
	} {
		got := parseError(t, "syslog: [{"+keys+"}]")
		require.Contains(t, got, "syslog[0]: ", keys)
		require.Contains(t, got, want, keys)
	}
	got := parseError(t, "syslog: [{listen: 'udp://a:1'}, {listen: 'tcp://a:1'}, {listen: 'udp://a:1'}]")
	require.Equal(t, "syslog[2]: listen: is there already", got, "the same port over another protocol is another address")
}

// TestJournaldRefusals: units become arguments of a program.
func TestJournaldRefusals(t *testing.T) {
	for keys, want := range map[string]string{
		"priority: loud":             `journald.priority: "loud" is none of emerg to debug`,
		"priority: '6'":              `journald.priority: "6" is none of emerg to debug`,
		"max_records_per_second: -1": "journald.max_records_per_second: negative",
		"units: ['']":                `journald.units: "" is no unit`,
		"units: [a, --file=/x]":      `journald.units: "--file=/x" is no unit`,
		"units: ['a b']":             `journald.units: "a b" is no unit`,
		`units: ["a\tb"]`:            "is no unit",
		`units: ["a\nb"]`:            "is no unit",
		`units: ["a\0b"]`:            "is no unit",
	} {
		require.Contains(t, parseError(t, "journald: {"+keys+"}"), want, keys)
	}
}

// TestBounds: what lies on the near side of each bound is accepted.
func TestBounds(t *testing.T) {
	for _, text := range []string{
		"server: {timeout: 1s, compression: none, key_file: /k, tls: {cert_file: a, key_file: b}}",
		"server: {endpoint: 'a:65535'}",
		"server: {endpoint: 'a:0'}",
		"server: {endpoint: 'https://a/', protocol: grpc}",
		"host: {interval: 1s, process_interval: 1s, process_top: 0}",
		"host: {process_top: 1000, systemd: {max_units: 1}, containers: {max: 1}}",
		"host: {systemd: {enabled: false, units: [], max_units: 1000}, containers: {max: 1000}}",
		"queue: {size_mib: 24}",
		"otlp: {grpc: ':4317', http: '[::1]:0'}",
		"otlp: {grpc: '', http: ''}",
		"opamp: {heartbeat: 1s, endpoint: 'https://a/prefix'}",
		"opamp: {heartbeat: 30s, enabled: false}",
		"log_times: {past: 1ns, future: 1ns}",
		"middleware: {interval: 1s, discover_interval: 1s, forget_after: 1m, disable: [redis], static: [{kind: redis, address: 'a:1'}]}",
		"logs: [{include: [a], rotate_wait: 0s, flush_line: 24h, start_at: beginning, multiline: auto, format: json, encoding: gbk, timezone: UTC}]",
		"logs: [{include: [a]}, {include: [b]}, {include: [a, b]}]",
		"syslog: [{listen: 'tls://a:1', cert_file: c, key_file: k, client_ca_file: ca}, {listen: 'udp://:514', protocol: auto, location: UTC}]",
		"journald: {enabled: true, units: [ssh.service, 'getty@*.service'], priority: debug}",
		"scrape: [{job_name: a, static_configs: [{targets: ['127.0.0.1:1']}]}]",
		"scrape: []",
	} {
		_, err := Parse([]byte(text))
		require.NoError(t, err, text)
	}
}

// TestEveryMistakeAtOnce: a person who edits the file is told of all mistakes in one go.
func TestEveryMistakeAtOnce(t *testing.T) {
	got := parseError(t, `
server: {endpoint: x, protocol: udp, compression: br}
host: {interval: 1ms, process_top: 2000}
queue: {size_mib: 1}
otlp: {grpc: x, http: y}
logs: [{start_at: no}, {include: [a]}, {include: [a]}]
syslog: [{listen: x}]
journald: {priority: x}
log_times: {past: 0s}
opamp: {heartbeat: 1h}
middleware: {interval: 0s}
`)
	for _, want := range []string{
		"server.endpoint", "server.protocol", "server.compression", "host.interval", "host.process_top", "queue.size_mib", "otlp.grpc", "otlp.http",
		"logs[0]: include", "start_at", "logs[2]: includes the same files as logs[1]", "syslog[0]", "journald.priority", "log_times", "opamp.heartbeat",
		"middleware: interval",
	} {
		require.Contains(t, got, want)
	}
}
