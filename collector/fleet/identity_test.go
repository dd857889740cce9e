// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestIdentity(t *testing.T) {
	dir := t.TempDir()
	one, err := LoadIdentity(dir, "host")
	require.NoError(t, err)
	again, err := LoadIdentity(dir, "host")
	require.NoError(t, err)
	require.Equal(t, one, again)
	other, err := LoadIdentity(dir, "a copy of the disk")
	require.NoError(t, err)
	require.NotEqual(t, one.UID, other.UID)
	require.NoError(t, os.WriteFile(filepath.Join(dir, identityFile), []byte("{"), 0o600))
	made, err := LoadIdentity(dir, "host")
	require.NoError(t, err)
	require.NotEqual(t, other.UID, made.UID)
	_, err = LoadIdentity(filepath.Join(dir, "none"), "host")
	require.ErrorContains(t, err, "write agent id")
}
