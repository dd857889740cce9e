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
