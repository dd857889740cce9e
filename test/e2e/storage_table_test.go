// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestStorageFaultTable checks docs/reference/faults.md: the rows are numbered without a gap, each says something about its tests, and every test it
// names exists.
func TestStorageFaultTable(t *testing.T) {
	root := filepath.Join("..", "..")
	doc, err := os.ReadFile(filepath.Join(root, "docs", "reference", "faults.md"))
	require.NoError(t, err)
	row, named := regexp.MustCompile(`^\| (\d+) \|.*\| ([^|]*) \|$`), regexp.MustCompile("`([a-z0-9/]+): ((?:Test|Fuzz)[A-Za-z0-9_]+)(?:/([a-z_]+))?`")
	next, sources := 1, map[string]string{}
	for line := range strings.Lines(string(doc)) {
		m := row.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			continue
		}
		number, err := strconv.Atoi(m[1])
		require.NoError(t, err)
		require.GreaterOrEqual(t, number, next)
		require.True(t, number == next || number > 77, "row %d is missing", next)
		next = number + 1
		tests := named.FindAllStringSubmatch(m[2], -1)
		require.True(t, len(tests) > 0 || strings.Contains(m[2], "none yet"), "row %s names no test and does not say so: %q", m[1], m[2])
		for _, test := range tests {
			folder, name := test[1], test[2]
			if sources[folder] == "" {
				files, err := filepath.Glob(filepath.Join(root, folder, "*_test.go"))
				require.NoError(t, err)
				for _, file := range files {
					b, err := os.ReadFile(file)
					require.NoError(t, err)
					sources[folder] += string(b)
				}
			}
			if !strings.Contains(sources[folder], "\nfunc "+name+"(") || test[3] != "" && !strings.Contains(sources[folder], `{"`+test[3]+`", `) {
				t.Errorf("row %s: there is no %s in %s", m[1], test[0], folder)
			}
		}
	}
	require.Greater(t, next, 77)
}
