// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"
)

const deployDir = "../../deploy"

// binaries are built once for all tests.
var binaries = sync.OnceValues(func() (string, error) {
	if dir := os.Getenv("STRATA_TEST_BIN"); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.MkdirTemp("", "strata-deploy-bin-")
	if err != nil {
		return "", err
	}
	for _, args := range [][]string{
		{"-o", dir + "/", "../../cmd/strata", "../../cmd/strata-agent"},
		{"-tags", "kubernetes", "-o", dir + "/strata-agent-kubernetes", "../../cmd/strata-agent"},
	} {
		if out, err := exec.Command("go", append([]string{"build"}, args...)...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("build: %w\n%s", err, out)
		}
	}
	return dir, nil
})

func program(t *testing.T, name string) string {
	t.Helper()
	dir, err := binaries()
	require.NoError(t, err)
	return filepath.Join(dir, name)
}

// run runs a program without any STRATA_* variable and returns what it printed.
func run(t *testing.T, dir, name string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "STRATA_") {
			cmd.Env = append(cmd.Env, kv)
		}
	}
	cmd.Env = append(cmd.Env, "STRATA_TEST_PROGRAM="+program(t, "strata"), "STRATA_TEST_AGENT_KUBERNETES="+program(t, "strata-agent-kubernetes"))
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func files(t *testing.T, pattern string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(deployDir, pattern))
	require.NoError(t, err)
	require.NotEmpty(t, list, pattern)
	return list
}

// checkLine is the second line of each example: how its user may check it.
var checkLine = regexp.MustCompile(`(?m)^# strata check --role ([a-z]+) --config (\S+)$`)

func TestExamples(t *testing.T) {
	roles := map[string]int{}
	for _, path := range files(t, "examples/*.yaml") {
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		m := checkLine.FindSubmatch(b)
		require.NotNil(t, m, "%s does not say how it is checked", path)
		role := string(m[1])
		require.Equal(t, filepath.Base(path), string(m[2]))
		roles[role]++
		out, err := run(t, "", program(t, "strata"), "check", "--role", role, "--config", path)
		require.NoError(t, err, "%s: %s", path, out)

		// The test can fail: a key that does not exist is an error.
		wrong := filepath.Join(t.TempDir(), "wrong.yaml")
		require.NoError(t, os.WriteFile(wrong, append(b, "no_such_key: 1\n"...), 0o600))
		out, err = run(t, "", program(t, "strata"), "check", "--role", role, "--config", wrong)
		require.Error(t, err)
		require.Contains(t, out, "no_such_key")
	}
	for _, role := range []string{"all", "gateway", "writer", "query", "alert"} {
		require.Positive(t, roles[role], "no example for the role %s", role)
	}
}

func TestRules(t *testing.T) {
	for _, path := range files(t, "examples/rules/*.yaml") {
		groups, errs := rulefmt.ParseFile(path, false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
		require.Empty(t, errs, path)
		require.NotEmpty(t, groups.Groups)
	}
}

func TestAgentExample(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(deployDir, "compose", "agent.yaml"))
	require.NoError(t, err)
	key, file := filepath.Join(t.TempDir(), "key"), filepath.Join(t.TempDir(), "agent.yaml")
	require.NoError(t, os.WriteFile(key, []byte("strata_x\n"), 0o600))
	text := strings.NewReplacer("/var/lib/strata-keys/agent", key, "root_path: /host", "root_path: "+t.TempDir()).Replace(string(b))
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	out, err := run(t, "", program(t, "strata-agent"), "check", "--config", file)
	require.NoError(t, err, out)
}

func TestScripts(t *testing.T) {
	for _, path := range files(t, "*/*.sh") {
		out, err := run(t, "", "shellcheck", "--severity=warning", path)
		require.NoError(t, err, "%s\n(where shellcheck is missing: make test-deps)", out)
	}
}

// TestImagesAndCharts runs the tests of the module checks: Compose, BuildKit's parser and linter, Helm, Kubernetes's types.
func TestImagesAndCharts(t *testing.T) {
	out, err := run(t, "checks", "go", "test", "-count=1", "./...")
	require.NoError(t, err, out)
}
