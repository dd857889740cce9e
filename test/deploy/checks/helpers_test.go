// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// deploy is the folder that is checked.
var deploy = filepath.Join("..", "..", "..", "deploy")

// pinned is an image with a version.
var pinned = regexp.MustCompile(`^[a-z0-9./_-]+:[A-Za-z0-9._-]*[0-9][A-Za-z0-9._-]*(@sha256:[0-9a-f]{64})?$`)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// strata runs the built program with nothing but env in its environment, and returns what it printed.
func strata(t *testing.T, env []string, args ...string) (string, error) {
	t.Helper()
	program := os.Getenv("STRATA_TEST_PROGRAM")
	if program == "" {
		t.Fatal("STRATA_TEST_PROGRAM names no strata; run go test ./test/deploy in the repository's root")
	}
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env = append([]string{"HOME=" + t.TempDir()}, env...)
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// checkRole lets strata check judge a role's configuration.
func checkRole(t *testing.T, role, file string, env []string) {
	t.Helper()
	args := []string{"check", "--role", role}
	if file != "" {
		args = append(args, "--config", file)
	}
	if out, err := strata(t, env, args...); err != nil {
		t.Errorf("strata check --role %s: %v: %s", role, err, out)
	}
}
