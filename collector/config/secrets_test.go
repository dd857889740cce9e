// SPDX-License-Identifier: Apache-2.0

package config

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestIsSecret(t *testing.T) {
	for name, want := range map[string]bool{
		"key": true, "KEY": true, "password": true, "db_passwd": true, "client_secret": true, "bearer_token": true, "credentials": true,
		"Authorization": true, "api_key": true, "x-ApiKey": true,
		"key_file": false, "password_file": false, "credentials_file": false, "keys": false, "endpoint": false, "": false,
	} {
		require.Equal(t, want, isSecret(name), name)
	}
}

func TestHideUserInfo(t *testing.T) {
	for text, want := range map[string]string{
		"http://u:p@a/x":                "http://u:<hidden>@a/x",
		"http://:p@a":                   "http://:<hidden>@a",
		"http://u@a":                    "http://u@a",
		"http://a:80/x@y":               "http://a:80/x@y",
		"redis://u:p@a,redis://v:q@b":   "redis://u:<hidden>@a,redis://v:<hidden>@b",
		"u:p@a":                         "u:p@a",
		"see http://u:p@a and http://b": "see http://u:<hidden>@a and http://b",
	} {
		require.Equal(t, want, hideUserInfo(text))
	}
}

// TestWithoutSecretsKeepsTheShape: what is hidden is the values, at any depth, and a switch is no secret.
func TestWithoutSecretsKeepsTheShape(t *testing.T) {
	for text, want := range map[string]string{
		"a: 1\n":                       "a: 1\n",
		"password: p\n":                "password: <hidden>\n",
		"password: ''\n":               "password: ''\n",
		"password: null\n":             "password: null\n",
		"token: true\n":                "token: true\n",
		"secrets:\n  a: x\n  b: [y]\n": "secrets:\n  a: <hidden>\n  b: [<hidden>]\n",
		"password: 12\n":               "password: <hidden>\n",
		"- key: a\n- key: b\n":         "- key: <hidden>\n- key: <hidden>\n",
		"key_file: /k\n":               "key_file: /k\n",
	} {
		got, err := WithoutSecrets([]byte(text))
		require.NoError(t, err)
		require.Equal(t, want, string(got))
	}
	_, err := WithoutSecrets([]byte("\t:"))
	require.Error(t, err)
}

func TestYAMLHidesScrapeSecrets(t *testing.T) {
	cfg, err := Parse([]byte(`
server: {key: k1}
scrape:
  - job_name: a
    basic_auth: {username: u1, password: p1}
    http_headers: {x-token: {secrets: [h1]}}
    static_configs: [{targets: ['a:1']}]
  - job_name: b
    authorization: {credentials: c1}
  - job_name: c
    oauth2: {client_id: id1, client_secret: s1, token_url: 'http://t1'}
`))
	require.NoError(t, err)
	text, err := cfg.YAML()
	require.NoError(t, err)
	for _, secret := range []string{"k1", "p1", "h1", "c1", "s1"} {
		require.NotContains(t, string(text), secret)
	}
	for _, shown := range []string{"u1", "a:1", "id1", "t1", "job_name: c"} {
		require.Contains(t, string(text), shown)
	}
	require.Equal(t, "k1", cfg.Server.Key, "the configuration itself keeps them")
	first, _ := cfg.Scrape[0].(map[string]any)
	require.Equal(t, "p1", first["basic_auth"].(map[string]any)["password"])
}

func TestYAMLIsRead(t *testing.T) {
	want := Default()
	text, err := want.YAML()
	require.NoError(t, err)
	got, err := Parse(text)
	require.NoError(t, err)
	again, err := got.YAML()
	require.NoError(t, err)
	require.Equal(t, string(text), string(again))
}
