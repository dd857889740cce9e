// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/collector/fleet"
)

// newTestMember returns a member that talks to nobody, over a state directory of its own, and the agent's log.
func newTestMember(t *testing.T) (*member, *bytes.Buffer) {
	t.Helper()
	log := new(bytes.Buffer)
	a := New(Options{StateDir: t.TempDir(), Version: "1.2.3", Logger: slog.New(slog.NewTextHandler(log, nil))})
	var err error
	a.remote, err = fleet.OpenRemote(a.opts.StateDir)
	require.NoError(t, err)
	return &member{agent: a, changed: make(chan struct{}, 1)}, log
}

// TestStatusFile: what a running agent says is read by another process, which also knows whether the agent lives.
func TestStatusFile(t *testing.T) {
	m, _ := newTestMember(t)
	dir := m.agent.opts.StateDir
	_, err := ReadStatus(dir)
	require.ErrorIs(t, err, ErrNoAgent)
	unlock, err := lockDir(dir)
	require.NoError(t, err)
	m.agent.health.setRunning(true)
	now := time.Now().Add(-time.Minute)
	m.report(t.Context(), now)
	got, err := ReadStatus(dir)
	require.NoError(t, err)
	require.True(t, got.Running)
	require.True(t, got.Healthy)
	require.Equal(t, "running", got.Health)
	require.Equal(t, os.Getpid(), got.PID)
	require.Equal(t, "1.2.3", got.Version)
	require.GreaterOrEqual(t, got.Age, time.Minute)
	require.Nil(t, got.Server)
	require.Nil(t, got.Pushed)
	require.Contains(t, got.Board, "volume")
	require.Contains(t, got.Board, "queue")
	require.NotContains(t, got.Board, "clock", "no answer with a date yet")
	unlock()
	got, err = ReadStatus(dir)
	require.NoError(t, err)
	require.False(t, got.Running, "the file of an agent that ended stays")
	require.NoError(t, os.WriteFile(filepath.Join(dir, StatusFile), []byte("{"), 0o600))
	_, err = ReadStatus(dir)
	require.ErrorContains(t, err, "read status")
}

// TestStatusOfAPushedConfiguration: the file says what became of it.
func TestStatusOfAPushedConfiguration(t *testing.T) {
	m, _ := newTestMember(t)
	for _, tc := range []struct {
		step func() error
		want PushedStatus
	}{
		{func() error { m.Offer([]byte{1}, []byte("host: {}")); return nil }, PushedStatus{Hash: "01", State: "applying"}},
		{func() error { return m.agent.remote.Try(<-m.agent.remote.Offers()) }, PushedStatus{Hash: "01", State: "applying"}},
		{m.agent.remote.Applied, PushedStatus{Hash: "01", State: "applied"}},
		{func() error { return m.agent.remote.Revert("why") }, PushedStatus{Hash: "01", State: "failed", Error: "why"}},
	} {
		require.NoError(t, tc.step())
		m.writeStatus(t.Context(), time.Now())
		got, err := ReadStatus(m.agent.opts.StateDir)
		require.NoError(t, err)
		require.Equal(t, &tc.want, got.Pushed)
	}
	require.Equal(t, fleet.Pushed{Hash: []byte{1}, State: fleet.Failed, Error: "why"}, m.Pushed())
}

// TestStatusFileIsNotVital: an agent whose status cannot be written says so and goes on.
func TestStatusFileIsNotVital(t *testing.T) {
	m, log := newTestMember(t)
	require.NoError(t, os.Mkdir(m.statusPath(), 0o700))
	m.writeStatus(t.Context(), time.Now())
	require.Contains(t, log.String(), "status file not written")
}

// TestEffective: what the server sees has what was pushed and no secrets; a configuration that cannot be read is told as a comment.
func TestEffective(t *testing.T) {
	m, _ := newTestMember(t)
	m.agent.opts.ConfigFile = filepath.Join(m.agent.opts.StateDir, "agent.yaml")
	require.NoError(t, os.WriteFile(m.agent.opts.ConfigFile, []byte("server: {key: strata_k}\nraw: {exporters: {x: {password: p1}}}\n"), 0o600))
	require.NoError(t, m.agent.remote.Try(fleet.ConfigVersion{Hash: "01", Text: "host: {process_top: 7}"}))
	got := m.Effective()
	require.Contains(t, got, "process_top: 7")
	require.NotContains(t, got, "strata_k")
	require.NotContains(t, got, "p1")
	require.Equal(t, "strata_k", m.key(), "read anew for each connection")
	require.NoError(t, os.WriteFile(m.agent.opts.ConfigFile, []byte("x: 1"), 0o600))
	require.Regexp(t, `^# .*agent.yaml: parse configuration: yaml: unmarshal errors:\n#   line 1: field x not found`, m.Effective())
	require.Empty(t, m.key())
}
