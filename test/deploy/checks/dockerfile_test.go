// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// TestDockerfile reads the file as BuildKit does, with its linter, and checks what each stage is made of. Nothing is built.
func TestDockerfile(t *testing.T) {
	f, err := os.Open(filepath.Join(deploy, "docker", "Dockerfile"))
	must(t, err)
	defer func() { _ = f.Close() }()
	ast, err := parser.Parse(f)
	must(t, err)
	for _, w := range ast.Warnings {
		t.Errorf("warning: %s", w.Short)
	}
	lint := linter.New(&linter.Config{Warn: func(rule, _, _, msg string, _ []parser.Range) { t.Errorf("%s: %s", rule, msg) }})
	stages, meta, err := instructions.Parse(ast.AST, lint)
	must(t, err)
	args := map[string]string{}
	for _, m := range meta {
		for _, a := range m.Args {
			args["${"+a.Key+"}"] = a.ValueString()
		}
	}
	known := map[string]bool{}
	for _, s := range stages {
		base := s.BaseName
		for k, v := range args {
			base = strings.ReplaceAll(base, k, v)
		}
		if !known[s.BaseName] && !pinned.MatchString(base) && base != "debian:bookworm-slim" {
			t.Errorf("stage %s begins with %q, which is not pinned", s.Name, base)
		}
		checkCopies(t, s, known)
		known[s.Name] = true
	}
	for _, target := range []string{"strata", "engine", "agent", "agent-kubernetes"} {
		if !known[target] {
			t.Errorf("no stage %s", target)
		}
	}
	if last := stages[len(stages)-1].Name; last != "strata" {
		t.Errorf("the last stage is %s: it is what is built without --target", last)
	}
	checkFinal(t, stages)
}

// checkCopies checks that every file that is copied from the context, and every stage, is there.
func checkCopies(t *testing.T, s instructions.Stage, known map[string]bool) {
	t.Helper()
	for _, c := range s.Commands {
		cp, ok := c.(*instructions.CopyCommand)
		switch {
		case !ok:
		case cp.From != "":
			if !known[cp.From] {
				t.Errorf("stage %s copies from %s, which is not before it", s.Name, cp.From)
			}
		default:
			for _, src := range cp.SourcePaths {
				if _, err := os.Stat(filepath.Join(deploy, "..", src)); err != nil {
					t.Errorf("stage %s: %v", s.Name, err)
				}
			}
		}
	}
}

// checkFinal checks the user, and that strata takes the variables that the image sets.
func checkFinal(t *testing.T, stages []instructions.Stage) {
	t.Helper()
	var env []string
	users := map[string]string{}
	for _, s := range stages {
		users[s.Name] = users[s.BaseName]
		for _, c := range s.Commands {
			switch c := c.(type) {
			case *instructions.UserCommand:
				users[s.Name] = c.User
			case *instructions.EnvCommand:
				for _, kv := range c.Env {
					env = append(env, kv.Key+"="+kv.Value)
				}
			}
		}
	}
	for _, target := range []string{"strata", "engine", "agent", "agent-kubernetes"} {
		if users[target] != "10001:10001" {
			t.Errorf("image %s runs as %q", target, users[target])
		}
	}
	if len(env) == 0 {
		t.Error("the image sets no variables")
	}
	checkRole(t, "all", "", env)
}
