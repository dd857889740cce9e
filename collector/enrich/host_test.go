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
