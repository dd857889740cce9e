// SPDX-License-Identifier: Apache-2.0

package pushed

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCheck(t *testing.T) {
	for _, text := range []string{
		"", "# nothing\n", "host: {interval: 5s}\n", "logs:\n- include: [/var/log/*.log]\n  operators: [{type: json_parser}]\n",
		"middleware: {disable: [redis], static: [{kind: redis, address: '127.0.0.1:6380'}]}\n", "attributes: {team: web}\nlogs: [{include: [x], mask: true}]\n",
		"otlp: {grpc: '127.0.0.1:14317'}\nscrape: {}\nsyslog: {}\njournald: {}\n",
	} {
		require.NoError(t, Check([]byte(text)), text)
	}
	for text, want := range map[string]string{
		"server: {endpoint: evil:4317}":                                      "line 1: server may not be pushed",
		"host: {}\nqueue: {size_mib: 1}":                                     "line 2: queue may not be pushed",
		"raw: {receivers: {}}":                                               "raw may not be pushed",
		"opamp: {enabled: false}":                                            "opamp may not be pushed",
		"middleware: {credentials_file: /etc/passwd}":                        "credentials stay on the host",
		"middleware: {static: [{kind: redis, address: 'evil:6379'}]}":        "only addresses of the host itself",
		"logs:\n- include: [x]\n  operators:\n  - type: file_output":         "line 4: the operator \"file_output\"",
		"logs:\n- operators:\n  - {type: stdout}":                            "the operator \"stdout\"",
		"logs:\n- operators:\n  - {type: add, value: 'EXPR(env (\"KEY\"))'}": "reads the agent's environment",
		"scrape:\n  jobs:\n  - authorization: {credentials_file: /x}":        "line 3: scrape.jobs.authorization.credentials_file",
		"scrape: {tls_config: {KEY_FILE: /x}}":                               "names something on the host",
		"journald: {journalctl_path: /tmp/x}":                                "names something on the host",
		"host: &a {}\nlogs: *a":                                              "anchors and aliases",
		"host:\n  <<: {root_path: /}":                                        "merge keys",
		"logs: [{include: [x], mask: false}]":                                "only the host's own file",
		"syslog:\n- {listen: 'udp://:514', mask: no}":                        "line 2: syslog.mask",
		"attributes: {host.name: all}":                                       "host.name may not be pushed",
		"host: {root_path: /}":                                               "names something on the host",
		"- a":                                                                "not a mapping",
		"host: {}\n---\nraw: {}":                                             "more than one YAML document",
		"host: [":                                                            "line 1",
		strings.Repeat("#", MaxBytes+1):                                      "more than",
	} {
		require.ErrorContains(t, Check([]byte(text)), want, text)
	}
	var at *Error
	require.ErrorAs(t, Check([]byte("host: {}\nlogs: [\n")), &at)
}

func FuzzCheck(f *testing.F) {
	f.Add([]byte("logs: [{include: [x]}]"))
	f.Fuzz(func(_ *testing.T, text []byte) { _ = Check(text) })
}

// TestCheckEverywhere: a forbidden key is refused however deep it stands, in any spelling, with the line.
func TestCheckEverywhere(t *testing.T) {
	for _, key := range []string{"credentials_file", "CREDENTIALS_FILE", "Command", "exec", "directory", "journalctl_path", "root_path", "x_file"} {
		for _, frame := range []string{"logs:\n- %s: x\n", "scrape:\n  %s: x\n", "host:\n  a: {b: [{c: {%s: x}}]}\n"} {
			err := Check([]byte(strings.Replace(frame, "%s", key, 1)))
			var at *Error
			require.ErrorAs(t, err, &at, "%s in %s", key, frame)
			require.Equal(t, 2, at.Line)
			require.ErrorContains(t, err, "line 2: ")
			require.ErrorContains(t, err, key)
		}
	}
	for _, mask := range []string{"false", "no", "off", "False", "null", "''", "[true]", "0"} {
		require.ErrorContains(t, Check([]byte("logs: [{mask: "+mask+"}]")), "masking", mask)
	}
}

// TestCheckAddresses: the agent signs in with the host's credentials, so only the host itself may be named.
func TestCheckAddresses(t *testing.T) {
	for address, ok := range map[string]bool{
		"127.0.0.1:6379": true, "127.9.9.9:1": true, "'[::1]:6379'": true, "localhost:6379": true, "10.0.0.1:6379": false, "evil.example:6379": false, "localhost": false, "'::1'": false, "LOCALHOST:1": false,
		"localhost.evil.example:1": false, "0.0.0.0:1": false, "''": false, "'127.0.0.1:1:2'": false,
	} {
		err := Check([]byte("middleware: {static: [{kind: redis, address: " + address + "}]}"))
		require.Equal(t, ok, err == nil, "%s: %v", address, err)
	}
}

// TestCheckOperators: parsers and transformers of a record, and none that writes or reads elsewhere.
func TestCheckOperators(t *testing.T) {
	for typ, ok := range map[string]bool{
		"json_parser": true, "regex_parser": true, "add": true, "move": true, "filter": true, "recombine": true, "noop": true, "file_output": false, "stdout": false, "generate_input": false, "": false, "drop_output": false,
	} {
		err := Check([]byte("logs: [{operators: [{type: '" + typ + "'}]}]"))
		require.Equal(t, ok, err == nil, "%s: %v", typ, err)
	}
	require.NoError(t, Check([]byte("host: {operators: [{type: stdout}]}")), "a key of that name elsewhere is for the agent's own check")
	require.NoError(t, Check([]byte("logs: [{operators: [{type: add, value: 'environment (x)'}]}]")))
}

// TestCheckNothing: some texts push nothing, and some are no configuration.
func TestCheckNothing(t *testing.T) {
	for _, text := range []string{"", "   ", "---\n", "null", "~", "{}", "# only a comment"} {
		require.NoError(t, Check([]byte(text)), text)
	}
	for text, want := range map[string]string{"text": "line 1: not a mapping", "5": "not a mapping", "[a]": "not a mapping", "host: {}\nhost: [": "line 2", "\t": "parse configuration: yaml", "a: b: c": "parse configuration: yaml"} {
		require.ErrorContains(t, Check([]byte(text)), want, text)
	}
	for _, key := range Keys() {
		require.NoError(t, Check([]byte(key+": {}")), key)
	}
}
