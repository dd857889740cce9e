// SPDX-License-Identifier: Apache-2.0

package middleware

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/collector/middleware/reader"
	"github.com/strata-apm/strata/packs"
)

// TestCredentialsExamples takes the comments off the examples of the file that is installed.
func TestCredentialsExamples(t *testing.T) {
	text, err := os.ReadFile("../../deploy/agent/credentials.yaml")
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "credentials.yaml")
	require.NoError(t, os.WriteFile(file, text, 0o600))
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	c := newCredentials(file)
	_, err = c.load()
	require.NoError(t, err)
	require.Empty(t, c.list, "as installed it has none")
	require.NoError(t, os.WriteFile(file, []byte(strings.ReplaceAll(string(text), "# - {", "- {")), 0o600))
	_, err = c.load()
	require.NoError(t, err)
	kinds, err := packs.Names()
	require.NoError(t, err)
	var seen []string
	for _, e := range c.list {
		require.Contains(t, kinds, e.Kind)
		require.Equal(t, "CHOOSE-A-PASSWORD", e.Password)
		seen = append(seen, e.Kind)
	}
	require.Subset(t, seen, []string{"redis", "mysql", "postgresql", "tomcat", "rabbitmq", "elasticsearch"})
	require.True(t, slices.ContainsFunc(c.list, func(e reader.Credential) bool { return e.Address == "" }))
}

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
