// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// agentsDir is what `make agents` makes, for this platform.
func agentsDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o755))
	platform := filepath.Join(dir, "linux-"+runtime.GOARCH)
	require.NoError(t, os.Mkdir(platform, 0o755))
	agent := program(t, "strata-agent")
	require.NoError(t, os.Symlink(agent, filepath.Join(platform, "strata-agent")))
	b, err := os.ReadFile(agent)
	require.NoError(t, err)
	sum := sha256.Sum256(b)
	require.NoError(t, os.WriteFile(filepath.Join(platform, "strata-agent.sha256"), []byte(hex.EncodeToString(sum[:])+"  strata-agent\n"), 0o600))
	return dir
}

type hostsAnswer struct {
	Hosts []struct {
		Name string `json:"name"`
		Up   bool   `json:"up"`
	} `json:"hosts"`
}

func (s *server) hosts(t *testing.T, key string) hostsAnswer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url("/api/v1/hosts"), nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+key)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { require.NoError(t, resp.Body.Close()) }()
	require.Equal(t, http.StatusOK, resp.StatusCode)
	var answer hostsAnswer
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&answer))
	return answer
}

// valueOf is the value of the one series that a PromQL query finds, empty when there is none.
func (s *server) valueOf(t *testing.T, key, query string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url("/prometheus/api/v1/query?query="+url.QueryEscape(query)), nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+key)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { require.NoError(t, resp.Body.Close()) }()
	var answer struct {
		Data struct {
			Result []struct{ Value [2]any }
		}
	}
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&answer))
	if len(answer.Data.Result) == 0 {
		return ""
	}
	return fmt.Sprint(answer.Data.Result[0].Value[1])
}

// keySeen looks at the arguments of every process until stop is closed and says whether the key was among them.
func keySeen(key string, stop <-chan struct{}) <-chan string {
	seen := make(chan string, 1)
	go func() {
		for {
			select {
			case <-stop:
				seen <- ""
				return
			default:
			}
			lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
			for _, path := range lines {
				if b, _ := os.ReadFile(path); bytes.Contains(b, []byte(key)) {
					seen <- string(bytes.ReplaceAll(b, []byte{0}, []byte{' '}))
					return
				}
			}
		}
	}()
	return seen
}

// TestInstall is the one command on a host of its own, with a systemd of its own: install, upgrade, what must not harm, uninstall.
func TestInstall(t *testing.T) {
	agents := agentsDir(t)
	s := start(t, append(quiet(), "STRATA_AUTH_LOCAL=required", "STRATA_AGENTS_DIR="+agents)...)
	key, read := s.createKey(t, "ingest", "web-1"), s.createKey(t, "read", "reader")
	m := newMachine(t, "web-1")
	m.must(t, `systemctl start dbus.service
		printf '[Service]\nExecStart=/bin/false\nRestart=on-failure\nRestartSec=100ms\n[Unit]\nStartLimitBurst=3\n' >/run/systemd/system/broken.service
		systemctl daemon-reload && systemctl start --no-block broken.service`)
	before := m.files(t)
	script := "curl -fsSL " + s.url("/install.sh") + " | sh -s --"

	out, err := m.run(script + " --key strata_wrong")
	require.Error(t, err, out)
	require.Contains(t, out, "the server refuses the key")
	require.Empty(t, s.hosts(t, read).Hosts)

	stop := make(chan struct{})
	seen := keySeen(key, stop)
	started := time.Now()
	out = m.must(t, script, "STRATA_KEY="+key)
	took := time.Since(started)
	close(stop)
	require.Empty(t, <-seen, "the key is in a process' arguments")
	t.Logf("installed in %s: %s", took.Round(time.Millisecond), out)
	require.Less(t, took, time.Minute)
	require.Contains(t, out, s.url("/hosts/web-1"))
	found := s.hosts(t, read)
	require.Len(t, found.Hosts, 1)
	require.Equal(t, "web-1", found.Hosts[0].Name)
	require.True(t, found.Hosts[0].Up)
	require.Equal(t, "600 strata-agent /etc/strata-agent/key\n600 root /etc/strata-agent/credentials.yaml\n700 strata-agent /var/lib/strata-agent\n",
		m.must(t, "stat -c '%a %U %n' /etc/strata-agent/key /etc/strata-agent/credentials.yaml /var/lib/strata-agent"))
	require.Equal(t, "strata-agent\n", m.must(t, `ps -o user= -p "$(systemctl show -P MainPID strata-agent)"`))
	require.Equal(t, "enabled\n", m.must(t, "systemctl is-enabled strata-agent"))

	m.must(t, "logger -t shop -p user.err order 17 failed")
	eventually(t, 20*time.Second, "the journal is on the page", func() error {
		var logs struct{ Logs []struct{ Body, Host string } }
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url("/api/v1/logs?query=level:error"), nil)
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+read)
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer func() { require.NoError(t, resp.Body.Close()) }()
		require.NoError(t, json.NewDecoder(resp.Body).Decode(&logs))
		for _, l := range logs.Logs {
			if l.Body == "order 17 failed" {
				return nil
			}
		}
		return fmt.Errorf("not among %v: %s", logs.Logs, m.must(t, "journalctl -u strata-agent -n 5 --no-pager"))
	})
	for query, want := range map[string]string{
		`systemd_unit_state{systemd_unit_name="broken.service",systemd_unit_active_state="failed",host_name="web-1"}`:       "1",
		`systemd_unit_state{systemd_unit_name="broken.service",systemd_unit_active_state="active",host_name="web-1"}`:       "0",
		`systemd_unit_state{systemd_unit_name="strata-agent.service",systemd_unit_active_state="active",host_name="web-1"}`: "1",
		`systemd_service_restarts_total{systemd_unit_name="broken.service",host_name="web-1"}`:                              strings.TrimSpace(m.must(t, "systemctl show -P NRestarts broken.service")),
	} {
		eventually(t, 25*time.Second, "the unit that fails is seen: "+query, func() error {
			if got := s.valueOf(t, read, query); got != want {
				return fmt.Errorf("%q: %s", got, m.must(t, "journalctl -u strata-agent -n 5 --no-pager; systemctl --no-pager show -p NRestarts,ActiveState broken.service"))
			}
			return nil
		})
	}
	eventually(t, 20*time.Second, "the agent has compared its clock with the server's", func() error {
		text, err := m.run("strata-agent --state-dir /var/lib/strata-agent status")
		if err == nil && (!strings.Contains(text, "offset_seconds") || !strings.Contains(text, "oldest_seconds")) {
			err = errors.New("no clock, no queue")
		}
		if err != nil {
			return fmt.Errorf("%w: %s", err, text)
		}
		return nil
	})

	pid := m.must(t, "systemctl show -P MainPID strata-agent")
	m.must(t, "echo '# mine' >>/etc/strata-agent/agent.yaml")
	m.must(t, script+" --key "+key)
	require.Contains(t, m.must(t, "cat /etc/strata-agent/agent.yaml"), "# mine", "the configuration is the user's")
	upgraded := m.must(t, "systemctl show -P MainPID strata-agent")
	require.NotEqual(t, pid, upgraded)

	sums := filepath.Join(agents, "linux-"+runtime.GOARCH, "strata-agent.sha256")
	require.NoError(t, os.WriteFile(sums, []byte(strings.Repeat("0", 64)+"  strata-agent\n"), 0o600))
	out, err = m.run(script)
	require.Error(t, err)
	require.Contains(t, out, "does not match its checksum; nothing was changed")
	require.NoError(t, os.Remove(sums))
	out, err = m.run(script)
	require.Error(t, err)
	require.Contains(t, out, "cannot download the checksum; nothing was changed")
	require.Equal(t, upgraded, m.must(t, "systemctl show -P MainPID strata-agent"), "the old one runs on")
	m.must(t, "/usr/local/bin/strata-agent --version && test -z \"$(ls -A /usr/local/bin | grep '^\\.')\"")

	m.must(t, "sh /usr/local/lib/strata-agent/uninstall.sh --keep-data && test -d /var/lib/strata-agent/queue && ! test -e /usr/local/bin/strata-agent")
	m.must(t, "curl -fsSL "+s.url("/uninstall.sh")+" | sh")
	require.Equal(t, before, m.files(t), "uninstalling leaves nothing")
	out, err = m.run("systemctl status strata-agent")
	require.Error(t, err)
	require.Contains(t, out, "could not be found")
	require.Error(t, exec.Command("pgrep", "--ns", strconv.Itoa(m.pid), "--nslist", "pid", "strata-agent").Run())
}

// TestInstallTree installs into a directory, as for an image, and what the script refuses.
func TestInstallTree(t *testing.T) {
	s := start(t, append(quiet(), "STRATA_AGENTS_DIR="+agentsDir(t))...)
	shims := t.TempDir()
	run := func(t *testing.T, shim, args string) (string, error) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "sh", "-c", "curl -fsSL "+s.url("/install.sh")+" | sh -s -- "+args)
		cmd.Env = append(os.Environ(), "PATH="+filepath.Join(shims, shim)+":"+os.Getenv("PATH"))
		b, err := cmd.CombinedOutput()
		return string(b), err
	}
	root := t.TempDir()
	for range 2 { // The second time is an upgrade.
		out, err := run(t, "", "--root "+root)
		require.NoError(t, err, out)
		require.Contains(t, out, "start it there with: /usr/local/bin/strata-agent --config")
	}
	text, err := os.ReadFile(filepath.Join(root, "etc/strata-agent/agent.yaml"))
	require.NoError(t, err)
	require.Contains(t, string(text), "endpoint: "+s.url(""))
	out, err := exec.CommandContext(t.Context(), filepath.Join(root, "usr/local/bin/strata-agent"), "--config",
		filepath.Join(root, "etc/strata-agent/agent.yaml"), "--state-dir", t.TempDir(), "config").CombinedOutput()
	require.NoError(t, err, string(out))
	for _, c := range []struct{ name, uname, args, want string }{
		{"system", "echo FreeBSD", "", "no agent for FreeBSD on FreeBSD"},
		{"macos", `[ "$1" = -s ] && echo Darwin || echo arm64`, "", "/agent/darwin-arm64/strata-agent"},
		{"machine", `[ "$1" = -s ] && echo Linux || echo riscv64`, "", "no agent for Linux on riscv64"},
		{"binary", `[ "$1" = -s ] && echo Linux || case ` + runtime.GOARCH + ` in amd64) echo aarch64;; *) echo x86_64;; esac`, "", "nothing was changed"},
		{"option", "exec /bin/uname $1", "--frobnicate", "unknown option --frobnicate"},
		{"server", "exec /bin/uname $1", "--server 'http://h/$(id)'", "characters that no address has"},
		{"key", "exec /bin/uname $1", "--key 'a b'", "characters that no key has"},
	} {
		require.NoError(t, os.MkdirAll(filepath.Join(shims, c.name), 0o750))
		require.NoError(t, os.WriteFile(filepath.Join(shims, c.name, "uname"), []byte("#!/bin/sh\n"+c.uname+"\n"), 0o700))
		other := t.TempDir()
		out, err := run(t, c.name, c.args+" --root "+other)
		require.Error(t, err, c.name)
		require.Contains(t, out, c.want, c.name)
		entries, err := filepath.Glob(filepath.Join(other, "*", "*", "*", "*"))
		require.NoError(t, err)
		require.Empty(t, entries, c.name)
	}
	b, err := exec.CommandContext(t.Context(), "sh", "-c", "curl -fsSL "+s.url("/uninstall.sh")+" | sh -s -- --root "+root).CombinedOutput()
	require.NoError(t, err, string(b))
	left, err := exec.CommandContext(t.Context(), "find", root, "-type", "f").CombinedOutput()
	require.NoError(t, err)
	require.Empty(t, string(left))
}
