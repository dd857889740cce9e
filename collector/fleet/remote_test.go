// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func reopen(t *testing.T, dir string) *Remote {
	t.Helper()
	r, err := OpenRemote(dir)
	require.NoError(t, err)
	return r
}

func TestPushedConfigurationOnTrial(t *testing.T) {
	dir := t.TempDir()
	r := reopen(t, dir)
	require.Equal(t, None, r.Pushed().State)
	one, two := ConfigVersion{"01", "host: {}"}, ConfigVersion{"02", "logs: []"}
	r.Offer(one)
	r.Offer(two)
	require.Equal(t, two, <-r.offers, "the newest replaces one that waits")
	r.Offer(two)
	require.Empty(t, r.offers, "it is being looked at")
	require.NoError(t, r.Try(one))
	require.NoError(t, r.Applied())
	require.Equal(t, Pushed{Hash: []byte{1}, State: Applied}, r.Pushed())
	require.NoError(t, r.Confirm())
	require.Equal(t, one.Text, string(reopen(t, dir).Text()))

	require.NoError(t, r.Try(two))
	require.NoError(t, r.Try(ConfigVersion{"03", "x"}), "a newer one while one is on trial")
	r = reopen(t, dir) // As after a kill.
	require.Equal(t, one.Text, string(r.Text()))
	require.Equal(t, Failed, r.Pushed().State)
	require.Contains(t, r.Pushed().Error, "the agent ended within 30s of applying it")
	require.Equal(t, []byte{3}, r.Pushed().Hash)
	require.Equal(t, Failed, reopen(t, dir).Pushed().State, "it is not tried again")

	require.NoError(t, r.Refuse(two, errors.New("line 1: no")))
	require.Equal(t, one.Text, string(r.Text()))
	require.Equal(t, Pushed{Hash: []byte{2}, State: Failed, Error: "line 1: no"}, r.Pushed())
	require.NoError(t, r.Same(ConfigVersion{"01", one.Text}))
	require.Equal(t, Applied, r.Pushed().State)

	require.NoError(t, os.WriteFile(filepath.Join(dir, pushedFile), []byte("{"), 0o600))
	_, err := OpenRemote(dir)
	require.ErrorContains(t, err, "read pushed configuration")
}

// TestRemoteStates: what runs, what there is to go back to and what the server is told, after each step.
func TestRemoteStates(t *testing.T) {
	first, second, third := ConfigVersion{"01", "one"}, ConfigVersion{"02", "two"}, ConfigVersion{"03", "three"}
	kept := func(r *Remote) error { return errors.Join(r.Try(first), r.Confirm()) }
	for name, tc := range map[string]struct {
		steps func(r *Remote) error
		want  RemoteState
	}{
		"nothing": {func(*Remote) error { return nil }, RemoteState{}},
		"offered": {func(r *Remote) error { r.Offer(first); return nil }, RemoteState{Hash: "01", State: Applying}},
		"on trial": {
			func(r *Remote) error { return r.Try(first) },
			RemoteState{Current: first, Trial: true, Hash: "01", State: Applying},
		},
		"running on trial": {
			func(r *Remote) error { return errors.Join(r.Try(first), r.Applied()) },
			RemoteState{Current: first, Trial: true, Hash: "01", State: Applied},
		},
		"kept":                  {kept, RemoteState{Current: first, Hash: "01", State: Applied}},
		"kept without running":  {func(r *Remote) error { return errors.Join(r.Try(first), r.Confirm()) }, RemoteState{Current: first, Hash: "01", State: Applied}},
		"confirmed, no trial":   {func(r *Remote) error { return errors.Join(r.Confirm(), r.Applied()) }, RemoteState{}},
		"taken back to nothing": {func(r *Remote) error { return errors.Join(r.Try(first), r.Revert("why")) }, RemoteState{Hash: "01", State: Failed, Error: "why"}},
		"taken back": {
			func(r *Remote) error { return errors.Join(kept(r), r.Try(second), r.Revert("why")) },
			RemoteState{Current: first, Hash: "02", State: Failed, Error: "why"},
		},
		"two on trial, taken back": {
			func(r *Remote) error { return errors.Join(kept(r), r.Try(second), r.Try(third), r.Revert("why")) },
			RemoteState{Current: first, Hash: "03", State: Failed, Error: "why"},
		},
		"refused": {
			func(r *Remote) error { return errors.Join(kept(r), r.Refuse(second, errors.New("why"))) },
			RemoteState{Current: first, Hash: "02", State: Failed, Error: "why"},
		},
		"refused while another is on trial": {
			func(r *Remote) error { return errors.Join(kept(r), r.Try(second), r.Refuse(third, errors.New("why"))) },
			RemoteState{Current: second, Previous: first, Trial: true, Hash: "03", State: Failed, Error: "why"},
		},
		"the same text again": {
			func(r *Remote) error { return errors.Join(kept(r), r.Same(ConfigVersion{"09", "one"})) },
			RemoteState{Current: ConfigVersion{"09", "one"}, Hash: "09", State: Applied},
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			r := reopen(t, dir)
			require.NoError(t, tc.steps(r))
			require.Equal(t, tc.want, r.State())
			require.Equal(t, tc.want.Trial, r.OnTrial())
			require.Equal(t, tc.want.Current.Text, string(r.Text()))
			if !tc.want.Trial && tc.want.State != Applying { // An offer is kept once it was looked at, and a trial does not outlive a run.
				require.Equal(t, tc.want, reopen(t, dir).State())
			}
		})
	}
}

// TestRemoteTellsOfChanges: each change is told once to one reader, and an offer that was answered is not taken up again.
func TestRemoteTellsOfChanges(t *testing.T) {
	r := reopen(t, t.TempDir())
	told := func() bool {
		select {
		case <-r.Changed():
			return true
		default:
			return false
		}
	}
	require.False(t, told())
	v := ConfigVersion{"01", "one"}
	r.Offer(v)
	require.True(t, told())
	require.NoError(t, r.Refuse(<-r.Offers(), errors.New("why")))
	require.True(t, told())
	r.Offer(v)
	require.False(t, told(), "the server repeats itself with each heartbeat")
	require.Empty(t, r.Offers())
	r.Offer(ConfigVersion{"zz", "two"})
	require.Equal(t, Pushed{}, r.Pushed(), "a hash that is none is not told")
}

// TestRemoteOnABrokenDisk: what cannot be kept is not tried.
func TestRemoteOnABrokenDisk(t *testing.T) {
	dir := t.TempDir()
	r := reopen(t, dir)
	require.NoError(t, os.Mkdir(filepath.Join(dir, pushedFile), 0o700))
	require.ErrorContains(t, r.Try(ConfigVersion{"01", "one"}), "keep pushed configuration")
	require.False(t, r.OnTrial())
	require.Empty(t, r.Text())
	_, err := OpenRemote(dir)
	require.ErrorContains(t, err, "read pushed configuration")
}
