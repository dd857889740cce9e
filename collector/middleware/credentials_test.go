// SPDX-License-Identifier: Apache-2.0

package middleware

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCredentials(t *testing.T) {
	file := filepath.Join(t.TempDir(), "credentials.yaml")
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	c := newCredentials(file)
	changed, err := c.load()
	require.NoError(t, err)
	require.False(t, changed, "no file is no credentials")

	text := "- {kind: redis, password: all}\n- {kind: redis, address: \"127.0.0.1:7000\", password: one}\n"
	require.NoError(t, os.WriteFile(file, []byte(text), 0o640))
	_, err = c.load()
	require.ErrorContains(t, err, "chmod 600", "others can read it")

	require.NoError(t, os.Chmod(file, 0o600))
	changed, err = c.load()
	require.NoError(t, err)
	require.True(t, changed)
	require.Equal(t, "one", c.find("redis", "127.0.0.1:7000", true).Password)
	require.Equal(t, "all", c.find("redis", "127.0.0.1:6379", true).Password)
	require.Nil(t, c.find("redis", "10.0.0.1:6379", false), "another host gets only what names it")
	require.Nil(t, c.find("mysql", "127.0.0.1:3306", true))
	require.NotContains(t, fmt.Sprintf("%v %+v %#v", c.list, c.list[0], c.list[0]), "all")

	require.NoError(t, os.WriteFile(file, []byte("- {kind: redis, pasword: hidden-typo}\n"), 0o600))
	_, err = c.load()
	require.ErrorContains(t, err, "is not a list of")
	require.NotContains(t, err.Error(), "hidden-typo")
	require.Equal(t, "all", c.find("redis", "127.0.0.1:6379", true).Password, "the last good list stays")

	require.NoError(t, os.Remove(file))
	changed, err = c.load()
	require.NoError(t, err)
	require.True(t, changed)
	require.Nil(t, c.find("redis", "127.0.0.1:6379", true))
}

// TestManagedCredentials: what systemd gives comes first, whatever its group bits say.
func TestManagedCredentials(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "credentials.yaml"), []byte("- {kind: redis, password: p}\n"), 0o440))
	c := newCredentials("/nonexistent/credentials.yaml")
	_, err := c.load()
	require.NoError(t, err)
	require.Equal(t, "p", c.find("redis", "127.0.0.1:6379", true).Password)
}
