// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// execPath is the program of a unit; the test puts the built one in its place, because verify wants it to exist.
var execPath = regexp.MustCompile(`(?m)^ExecStart=/usr/bin/(strata(?:-agent)?) (.*)$`)

// maxExposure is what systemd-analyze security may say at most, in tenths: 0 is confined, 100 exposed. The agent reads the whole host.
const maxExposure = "30"

func TestUnits(t *testing.T) {
	for _, path := range files(t, "systemd/*.service") {
		name := filepath.Base(path)
		t.Run(name, func(t *testing.T) {
			b, err := os.ReadFile(path)
			require.NoError(t, err)
			m := execPath.FindStringSubmatch(string(b))
			require.NotNil(t, m, "ExecStart is not one of ours")
			checkArguments(t, m[1], strings.Fields(m[2]))

			unit := filepath.Join(t.TempDir(), strings.Replace(name, "@.", "@1.", 1))
			text := execPath.ReplaceAllString(string(b), "ExecStart="+program(t, m[1])+" $2")
			require.NoError(t, os.WriteFile(unit, []byte(text), 0o600))
			out, err := run(t, "", "systemd-analyze", "verify", "--recursive-errors=one", unit)
			require.NoError(t, err, "%s\n(where systemd-analyze is missing: make test-deps)", out)
			require.Empty(t, strings.TrimSpace(out), "an unknown key or value is a warning only")
			out, err = run(t, "", "systemd-analyze", "security", "--offline=yes", "--no-pager", "--threshold="+maxExposure, unit)
			require.NoError(t, err, out)

			require.Contains(t, text, "Restart=always")
			require.Regexp(t, `(?m)^User=strata`, text)
		})
	}
}

// checkArguments lets the program parse what the unit calls it with.
func checkArguments(t *testing.T, name string, args []string) {
	t.Helper()
	out, err := run(t, "", program(t, name), append(args, "--help")...)
	require.NoError(t, err, out)
	for i, a := range args {
		if a == "--data-dir" || a == "--state-dir" {
			require.True(t, strings.HasPrefix(args[i+1], "/var/lib/strata"), "only StateDirectory can be written")
		}
	}
}

// TestUnitsThatAreWrong shows that TestUnits can fail.
func TestUnitsThatAreWrong(t *testing.T) {
	unit := filepath.Join(t.TempDir(), "wrong.service")
	require.NoError(t, os.WriteFile(unit, []byte("[Service]\nExecStart="+program(t, "strata")+"\nProtectSystem=strikt\nNoSuchKey=1\n"), 0o600))
	out, _ := run(t, "", "systemd-analyze", "verify", unit)
	require.Contains(t, out, "strikt")
	require.Contains(t, out, "NoSuchKey")
	out, err := run(t, "", "systemd-analyze", "security", "--offline=yes", "--no-pager", "--threshold="+maxExposure, unit)
	require.Error(t, err, out)
}
