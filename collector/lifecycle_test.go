// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/strata-apm/strata/collector/fleet"
)

var errBroken = errors.New("does not start")

// TestTakeBack: only a configuration on trial is taken back, and only for what it may have caused.
func TestTakeBack(t *testing.T) {
	for name, tc := range map[string]struct {
		trial bool
		cause error
		want  error
		kept  string // what runs afterwards
	}{
		"an orderly end":           {false, nil, nil, ""},
		"an orderly end on trial":  {true, nil, nil, "two"},
		"no trial":                 {false, errBroken, errBroken, ""},
		"on trial":                 {true, errBroken, errAgain, "one"},
		"the stop took too long":   {true, fmt.Errorf("stop: %w", ErrStopTimeout), ErrStopTimeout, "two"},
		"more than one thing, too": {true, errors.Join(errBroken, ErrStopTimeout), ErrStopTimeout, "two"},
	} {
		t.Run(name, func(t *testing.T) {
			m, log := newTestMember(t)
			r := m.agent.remote
			if tc.trial {
				require.NoError(t, errors.Join(r.Try(fleet.ConfigVersion{Hash: "01", Text: "one"}), r.Confirm(), r.Try(fleet.ConfigVersion{Hash: "02", Text: "two"})))
			}
			require.ErrorIs(t, m.agent.takeBack(tc.cause), tc.want)
			require.Equal(t, tc.kept, string(r.Text()))
			if tc.kept == "one" {
				require.Contains(t, log.String(), "back to the one before")
				require.Equal(t, errBroken.Error(), r.Pushed().Error)
			}
		})
	}
}

// TestAccept: what is refused changes nothing, and what runs already starts nothing.
func TestAccept(t *testing.T) {
	const good = "host: {process_top: 7}\n"
	for name, tc := range map[string]struct {
		runs, file, offer string
		want              bool
		state             fleet.PushedState
		reason            string
	}{
		"good":                           {"", "", good, true, fleet.Applying, ""},
		"runs already":                   {good, "", good, false, fleet.Applied, ""},
		"not YAML":                       {good, "", "\t:", false, fleet.Failed, "yaml"},
		"must not be pushed":             {good, "", "server: {endpoint: 'a:1'}", false, fleet.Failed, "server"},
		"out of bounds":                  {good, "", "host: {process_top: 7000}", false, fleet.Failed, "host.process_top"},
		"the file does not make it good": {good, "host: {process_top: 5}", "host: {process_top: 7000}", false, fleet.Failed, "host.process_top"},
		"does not fit to the file":       {good, "middleware: {enabled: false}", "host: {enabled: false}", false, fleet.Failed, "nothing to do"},
		"the collector refuses it":       {good, "", "otlp: {grpc: '127.0.0.1:70000'}", false, fleet.Failed, "port"},
	} {
		t.Run(name, func(t *testing.T) {
			m, _ := newTestMember(t)
			a := m.agent
			a.opts.ConfigFile = filepath.Join(a.opts.StateDir, "agent.yaml")
			require.NoError(t, os.WriteFile(a.opts.ConfigFile, []byte(tc.file), 0o600))
			if tc.runs != "" {
				require.NoError(t, errors.Join(a.remote.Try(fleet.ConfigVersion{Hash: "01", Text: tc.runs}), a.remote.Confirm()))
			}
			require.Equal(t, tc.want, a.accept(t.Context(), fleet.ConfigVersion{Hash: "02", Text: tc.offer}))
			got := a.remote.Pushed()
			require.Equal(t, tc.state, got.State)
			require.Equal(t, []byte{2}, got.Hash)
			require.Contains(t, got.Error, tc.reason)
			require.Equal(t, tc.want, a.remote.OnTrial())
			if !tc.want {
				require.Equal(t, tc.runs, string(a.remote.Text()))
			}
		})
	}
}

// TestLock: one agent has a state directory, until it ends.
func TestLock(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	unlock, err := lockDir(dir)
	require.NoError(t, err)
	_, err = lockDir(dir)
	require.ErrorIs(t, err, errLocked)
	require.ErrorContains(t, err, dir)
	unlock()
	unlock, err = lockDir(dir)
	require.NoError(t, err)
	unlock()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = lockDir(file)
	require.ErrorContains(t, err, "create state directory")
}

// TestLogging: the collector's information is for people who debug, and a request that a stop interrupts is not lost.
func TestLogging(t *testing.T) {
	m, log := newTestMember(t)
	logger := zap.New(slogCore{m.agent.opts.Logger}).With(zap.String("component", "a"), zap.String("resource", "hidden"))
	logger.Info("details")
	require.Empty(t, log.String())
	logger.Warn("careful", zap.Int("n", 3))
	require.Contains(t, log.String(), `level=WARN msg=careful component=a n=3`)
	require.NotContains(t, log.String(), "hidden")
	log.Reset()
	logger.Error("Dropping data", zap.Error(errors.New("interrupted due to shutdown: x")))
	require.Empty(t, log.String())
	logger.Error("Dropping data", zap.Error(errBroken))
	require.Contains(t, log.String(), "level=ERROR")
	require.Contains(t, log.String(), `error="does not start"`)
	require.False(t, slogCore{m.agent.opts.Logger}.Enabled(zapcore.InfoLevel))
}
