// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/collector/fleet"
)

func reopen(t *testing.T, dir string) *remote {
	t.Helper()
	r, err := openRemote(dir)
	require.NoError(t, err)
	return r
}

func TestPushedConfigurationOnTrial(t *testing.T) {
	dir := t.TempDir()
	r := reopen(t, dir)
	require.Equal(t, fleet.None, r.pushed().State)
	one, two := version{"01", "host: {}"}, version{"02", "logs: []"}
	r.offer(one)
	r.offer(two)
	require.Equal(t, two, <-r.offers, "the newest replaces one that waits")
	r.offer(two)
	require.Empty(t, r.offers, "it is being looked at")
	require.NoError(t, r.try(one))
	require.NoError(t, r.applied())
	require.Equal(t, fleet.Pushed{Hash: []byte{1}, State: fleet.Applied}, r.pushed())
	require.NoError(t, r.confirm())
	require.Equal(t, one.Text, string(reopen(t, dir).text()))

	require.NoError(t, r.try(two))
	require.NoError(t, r.try(version{"03", "x"}), "a newer one while one is on trial")
	r = reopen(t, dir) // As after a kill.
	require.Equal(t, one.Text, string(r.text()))
	require.Equal(t, fleet.Failed, r.pushed().State)
	require.Contains(t, r.pushed().Error, "the agent ended within 30s of applying it")
	require.Equal(t, []byte{3}, r.pushed().Hash)
	require.Equal(t, fleet.Failed, reopen(t, dir).pushed().State, "it is not tried again")

	require.NoError(t, r.refuse(two, errors.New("line 1: no")))
	require.Equal(t, one.Text, string(r.text()))
	require.Equal(t, fleet.Pushed{Hash: []byte{2}, State: fleet.Failed, Error: "line 1: no"}, r.pushed())
	require.NoError(t, r.same(version{"01", one.Text}))
	require.Equal(t, fleet.Applied, r.pushed().State)

	require.NoError(t, os.WriteFile(filepath.Join(dir, pushedFile), []byte("{"), 0o600))
	_, err := openRemote(dir)
	require.ErrorContains(t, err, "read pushed configuration")
}

func TestLocalFileLiesOverWhatIsPushed(t *testing.T) {
	cfg, err := parse([]byte("host: {interval: 5s, process_top: 3}\nattributes: {a: pushed, b: pushed}\nlogs: [{include: [pushed]}]\n"),
		[]byte("host: {interval: 7s}\nattributes: {b: local}\nlogs: [{include: [local]}]\n"))
	require.NoError(t, err)
	require.Equal(t, Duration(7*time.Second), cfg.Host.Interval)
	require.Equal(t, 3, cfg.Host.ProcessTop)
	require.Equal(t, map[string]string{"a": "pushed", "b": "local"}, cfg.Attributes)
	require.Equal(t, []string{"local"}, cfg.Logs[0].Include)
	_, err = parse([]byte("logs:\n- includes: [x]\n"), nil)
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
		got, err := cfg.opampURL()
		require.NoError(t, err)
		require.Equal(t, c.want, got, c)
	}
	for _, bad := range []OpAMPConfig{
		{Heartbeat: Duration(time.Minute)},
		{Heartbeat: Duration(time.Second), Endpoint: "127.0.0.1:7080"},
		{Heartbeat: Duration(time.Second), Endpoint: "http://key@x:1"},
	} {
		require.Error(t, bad.validate(), bad)
	}
}

func TestShownWithoutSecrets(t *testing.T) {
	got, err := withoutSecrets([]byte(`server: {key: k1, key_file: /etc/key}
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

func TestVolume(t *testing.T) {
	at := time.Unix(1000, 0)
	v := newVolume(at)
	v.add("logs/files", 30)
	got := v.section(at.Add(10*time.Second), "h")
	require.Equal(t, volumeCounts{Total: 30, PerMinute: 30}, got.Pipelines["logs/files"], "no rate that is too high")
	require.Equal(t, "h", got.Config)
	for i := range 20 {
		v.add("logs/files", 10)
		got = v.section(at.Add(time.Duration(15+5*i)*time.Second), "h")
	}
	require.Equal(t, volumeCounts{Total: 230, PerMinute: 120}, got.Pipelines["logs/files"])
	require.LessOrEqual(t, len(v.past), 14)
}
