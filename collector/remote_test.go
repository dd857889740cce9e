// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

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
