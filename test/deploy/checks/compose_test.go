// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

// load reads compose.yaml as docker compose does: schema, merges, interpolation, references among its parts.
func load(ctx context.Context, env ...string) (*types.Project, error) {
	opts, err := cli.NewProjectOptions([]string{filepath.Join(deploy, "compose", "compose.yaml")}, cli.WithEnv(env), cli.WithResolvedPaths(true))
	if err != nil {
		return nil, err
	}
	return opts.LoadProject(ctx)
}

func TestComposeNeedsPasswords(t *testing.T) {
	if _, err := load(t.Context(), "POSTGRES_PASSWORD=a"); err == nil || !strings.Contains(err.Error(), "CLICKHOUSE_PASSWORD") {
		t.Fatalf("a missing password is no error: %v", err)
	}
}

func TestCompose(t *testing.T) {
	p, err := load(t.Context(), "POSTGRES_PASSWORD=a", "CLICKHOUSE_PASSWORD=b")
	must(t, err)
	checked := map[string]int{}
	for name, s := range p.Services {
		env := []string{}
		for k, v := range s.Environment {
			if v != nil {
				env = append(env, k+"="+*v)
			}
		}
		if role := roleOf(s); role != "" {
			checked[role]++
			checkRole(t, role, "", env)
			if s.HealthCheck == nil || !slices.Contains(s.HealthCheck.Test, "http://127.0.0.1:7080/-/ready") {
				t.Errorf("%s: /-/ready is not its health check", name)
			}
			if want := "http://" + name + ":7080"; *s.Environment["STRATA_CLUSTER_ADVERTISE_URL"] != want || *s.Environment["STRATA_CLUSTER_INSTANCE"] != name {
				t.Errorf("%s is not known to the others as %s", name, want)
			}
			if !slices.ContainsFunc(s.Volumes, func(v types.ServiceVolumeConfig) bool { return v.Target == "/var/lib/strata" && v.Source == name }) {
				t.Errorf("%s has no volume of its own", name)
			}
		}
		checkService(t, name, s)
	}
	for role, n := range map[string]int{"gateway": 1, "writer": 2, "query": 1, "alert": 1} {
		if checked[role] != n {
			t.Errorf("%d of role %s, not %d", checked[role], role, n)
		}
	}
}

// checkService checks what holds for every service.
func checkService(t *testing.T, name string, s types.ServiceConfig) {
	t.Helper()
	ours := s.Build != nil
	if !ours && !pinned.MatchString(s.Image) {
		t.Errorf("%s: image %q is not pinned", name, s.Image)
	}
	if ours {
		if _, err := os.Stat(filepath.Join(s.Build.Context, s.Build.Dockerfile)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !s.ReadOnly || !slices.Contains(s.CapDrop, "ALL") {
			t.Errorf("%s is not confined", name)
		}
	} else if s.HealthCheck == nil || len(s.HealthCheck.Test) == 0 {
		t.Errorf("%s has no health check", name)
	}
	for _, port := range s.Ports {
		if port.HostIP != "127.0.0.1" {
			t.Errorf("%s publishes port %s on %q, not on loopback", name, port.Published, port.HostIP)
		}
	}
	for _, v := range s.Volumes {
		if v.Type == types.VolumeTypeBind {
			if _, err := os.Stat(v.Source); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func roleOf(s types.ServiceConfig) string {
	if len(s.Entrypoint) == 0 && len(s.Command) == 1 && strings.HasPrefix(s.Image, "strata:") {
		return s.Command[0]
	}
	return ""
}

// TestComposeKeys runs the shell script of the service keys twice, on a catalog in a folder, and takes the key as the shop does.
func TestComposeKeys(t *testing.T) {
	p, err := load(t.Context(), "POSTGRES_PASSWORD=a", "CLICKHOUSE_PASSWORD=b")
	must(t, err)
	keys, data := t.TempDir(), t.TempDir()
	env := []string{"STRATA_DATA_DIR=" + data, "PATH=" + filepath.Dir(os.Getenv("STRATA_TEST_PROGRAM")) + ":" + os.Getenv("PATH")}
	shell := func(service, from, to string) string {
		s := p.Services[service]
		script := strings.NewReplacer("/var/lib/strata-keys", keys, from, to).Replace(s.Command[len(s.Command)-1])
		cmd := exec.CommandContext(t.Context(), s.Entrypoint[0], append(slices.Clone(s.Entrypoint[1:]), script)...)
		cmd.Env = env
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v: %s", service, err, out)
		}
		return string(out)
	}
	shell("keys", "", "")
	first, err := os.ReadFile(filepath.Join(keys, "shop"))
	must(t, err)
	shell("keys", "", "")
	second, err := os.ReadFile(filepath.Join(keys, "shop"))
	must(t, err)
	if !strings.HasPrefix(string(first), "strata_") || string(first) != string(second) {
		t.Errorf("the key of the shop is %q, then %q", first, second)
	}
	list, err := strata(t, env, "key", "list")
	if err != nil || strings.Count(list, "ingest") != 2 {
		t.Errorf("%v: %s", err, list)
	}
	if out := shell("shop", "exec strata demo --endpoint gateway:4317 --rate 5", "exec env"); !strings.Contains(out, "STRATA_KEY="+string(first)) {
		t.Errorf("the shop has no key: %s", out)
	}
}
