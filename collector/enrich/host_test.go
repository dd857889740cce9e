// SPDX-License-Identifier: Apache-2.0

package enrich

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestHostIdentity: the id is the machine's over reboots and renames; without a machine id it is made once and kept.
func TestHostIdentity(t *testing.T) {
	state, root := t.TempDir(), t.TempDir()
	first, err := DetectHost(state, root)
	require.NoError(t, err)
	require.Len(t, first.ID, 32)
	again, err := DetectHost(state, root)
	require.NoError(t, err)
	require.Equal(t, first, again)
	other, err := DetectHost(t.TempDir(), root)
	require.NoError(t, err)
	require.NotEqual(t, first.ID, other.ID)
	require.NoError(t, os.MkdirAll(filepath.Join(root, "etc"), 0o750))
	machine := strings.Repeat("a1", 16)
	require.NoError(t, os.WriteFile(filepath.Join(root, "etc", "machine-id"), []byte(machine+"\n"), 0o600))
	for _, dir := range []string{state, t.TempDir()} {
		h, err := DetectHost(dir, root)
		require.NoError(t, err)
		require.Equal(t, machine, h.ID, "the machine's, whatever the state directory holds")
	}
}

// TestMachineID: a machine id that is none is passed over, and the second place is looked at.
func TestMachineID(t *testing.T) {
	id := strings.Repeat("b2", 16)
	for name, files := range map[string]map[string]string{
		"the first":               {"etc/machine-id": id, "var/lib/dbus/machine-id": strings.Repeat("c3", 16)},
		"the second":              {"var/lib/dbus/machine-id": id + "\n"},
		"the first is empty":      {"etc/machine-id": "\n", "var/lib/dbus/machine-id": id},
		"the first is not set up": {"etc/machine-id": "uninitialized\n", "var/lib/dbus/machine-id": id},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			for path, text := range files {
				require.NoError(t, os.MkdirAll(filepath.Join(root, filepath.Dir(path)), 0o750))
				require.NoError(t, os.WriteFile(filepath.Join(root, path), []byte(text), 0o600))
			}
			state := t.TempDir()
			got, err := hostID(state, root)
			require.NoError(t, err)
			require.Equal(t, id, got)
			require.NoFileExists(t, filepath.Join(state, "host-id"))
		})
	}
}

// TestOwnHostID: an id that was cut short, as by a full disk, is made anew; one that cannot be kept is an error.
func TestOwnHostID(t *testing.T) {
	root, state := t.TempDir(), filepath.Join(t.TempDir(), "state")
	first, err := hostID(state, root)
	require.NoError(t, err, "the directory is made")
	require.NoError(t, os.WriteFile(filepath.Join(state, "host-id"), []byte(first[:10]), 0o600))
	second, err := hostID(state, root)
	require.NoError(t, err)
	require.Len(t, second, 32)
	require.NotEqual(t, first, second)
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = DetectHost(file, root)
	require.ErrorContains(t, err, "create state directory")
	require.NoError(t, os.MkdirAll(filepath.Join(root, "taken", "host-id"), 0o750))
	_, err = DetectHost(filepath.Join(root, "taken"), root)
	require.ErrorContains(t, err, "write host id")
}

func TestOSDescription(t *testing.T) {
	for text, want := range map[string]string{
		"NAME=x\nPRETTY_NAME=\"Debian GNU/Linux 13\"\nID=debian\n": "Debian GNU/Linux 13",
		"PRETTY_NAME='Alpine'\n":                                   "Alpine",
		"PRETTY_NAME=Arch\n":                                       "Arch",
		"NAME=x\n":                                                 "",
		"":                                                         "",
	} {
		root := t.TempDir()
		require.NoError(t, os.MkdirAll(filepath.Join(root, "etc"), 0o750))
		require.NoError(t, os.WriteFile(filepath.Join(root, "etc", "os-release"), []byte(text), 0o600))
		require.Equal(t, want, osDescription(root), text)
	}
	require.Empty(t, osDescription(t.TempDir()))
}

func TestSemconvArch(t *testing.T) {
	for goarch, want := range map[string]string{"amd64": "amd64", "arm64": "arm64", "386": "x86", "arm": "arm32", "riscv64": "riscv64"} {
		require.Equal(t, want, semconvArch(goarch))
	}
}

// TestHostAttributes: what is configured lies over what was detected.
func TestHostAttributes(t *testing.T) {
	h := Host{Name: "n", ID: "i", OSType: "linux", Description: "Debian", Arch: "amd64"}
	require.Equal(t, map[string]string{"host.name": "n", "host.id": "i", "host.arch": "amd64", "os.type": "linux", "os.description": "Debian"}, h.Attributes(nil))
	configured := map[string]string{"host.name": "renamed", "team": "a", "os.description": ""}
	got := h.Attributes(configured)
	require.Equal(t, "renamed", got["host.name"])
	require.Equal(t, "a", got["team"])
	require.Equal(t, "i", got["host.id"])
	require.Empty(t, got["os.description"])
	require.Len(t, configured, 3, "the configuration is left as it is")
	h.Description = ""
	require.NotContains(t, h.Attributes(nil), "os.description")
}
