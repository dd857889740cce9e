// SPDX-License-Identifier: Apache-2.0

// Package structure holds what the documents claim of the source tree.
package structure

import (
	"bytes"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// root is the top of the source tree.
const root = "../.."

const (
	mostLines     = 3000 // of a package, without its tests
	mostFiles     = 25   // of a package, without its tests
	mostFileLines = 600
	mostProjects  = 60 // whose modules are imported directly
	leastTests    = 0.8
)

// source is one Go file of the product.
type source struct {
	path, folder string // relative to root, with slashes
	lines        int
	test         bool
	imports      []string
}

// sources reads every Go file of the main module.
func sources(t *testing.T) []source {
	t.Helper()
	var out []source
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			other := file != root && exists(filepath.Join(file, "go.mod"))
			if name := d.Name(); other || name == "node_modules" || name == "bin" || name == "data" || name != ".." && strings.HasPrefix(name, ".") && file != root {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(file, ".go") {
			return nil
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, text, parser.ImportsOnly)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		s := source{path: filepath.ToSlash(rel), folder: path.Dir(filepath.ToSlash(rel)), lines: bytes.Count(text, []byte("\n")), test: strings.HasSuffix(file, "_test.go")}
		for _, i := range parsed.Imports {
			name, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			s.imports = append(s.imports, name)
		}
		// Packages that only tests import: test/…, bustest, storagetest.
		s.test = s.test || slices.ContainsFunc(strings.Split(s.folder, "/"), func(part string) bool { return strings.HasSuffix(part, "test") })
		out = append(out, s)
		return nil
	})
	require.NoError(t, err)
	require.Greater(t, len(out), 500, "the tree was not found")
	return out
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

func text(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, file))
	require.NoError(t, err)
	return string(b)
}

// TestPackagesAreSmall: no package over 3 000 lines or 25 files, no file over 600 lines.
func TestPackagesAreSmall(t *testing.T) {
	lines, files := map[string]int{}, map[string]int{}
	for _, s := range sources(t) {
		require.LessOrEqual(t, s.lines, mostFileLines, s.path)
		if !s.test {
			lines[s.folder] += s.lines
			files[s.folder]++
		}
	}
	for folder, n := range lines {
		require.LessOrEqual(t, n, mostLines, "lines of %s", folder)
		require.LessOrEqual(t, files[folder], mostFiles, "files of %s", folder)
	}
}

// TestEnoughTests: at least 0.8 lines of tests for a line of the product, not counting what only measures it.
func TestEnoughTests(t *testing.T) {
	code, tests := 0, 0
	for _, s := range sources(t) {
		switch {
		case s.test:
			tests += s.lines
		case !strings.HasPrefix(s.folder, "bench"):
			code += s.lines
		}
	}
	require.GreaterOrEqual(t, float64(tests)/float64(code), leastTests, "%d lines of tests, %d of code", tests, code)
}

// TestArchitectureNamesFilesThatExist: the folders of the table and the files of the walks.
func TestArchitectureNamesFilesThatExist(t *testing.T) {
	doc := text(t, "docs/architecture.md")
	named := 0
	for _, m := range regexp.MustCompile("`([a-z][a-zA-Z0-9_/.-]*)`").FindAllStringSubmatch(doc, -1) {
		name := m[1]
		top, _, nested := strings.Cut(name, "/")
		isFile := regexp.MustCompile(`\.(go|tsx?|sql|json|yaml)$`).MatchString(name)
		if !nested || !exists(filepath.Join(root, top)) {
			continue
		}
		named++
		require.True(t, exists(filepath.Join(root, name)), "docs/architecture.md names %s (a file: %v), which does not exist", name, isFile)
	}
	require.Greater(t, named, 60)
}

// TestEveryFolderIsInTheArchitecture: a newcomer finds the room of a line of code from the table.
func TestEveryFolderIsInTheArchitecture(t *testing.T) {
	doc := text(t, "docs/architecture.md")
	for _, s := range sources(t) {
		if s.test || strings.HasPrefix(s.folder, "bench/") || strings.HasPrefix(s.folder, "examples/") {
			continue
		}
		require.True(t, strings.Contains(doc, "`"+s.folder+"`") || inBraces(doc, s.folder), "docs/architecture.md has no row for %s", s.folder)
	}
}

// inBraces says whether a folder stands in a list such as `internal/{config,auth}`.
func inBraces(doc, folder string) bool {
	for _, m := range regexp.MustCompile("`([a-z/]*)\\{([a-z,/]*)\\}`").FindAllStringSubmatch(doc, -1) {
		if rest, ok := strings.CutPrefix(folder, m[1]); ok && slices.Contains(strings.Split(m[2], ","), rest) {
			return true
		}
	}
	return false
}

// project is the repository of an imported package, as far as its path says: the Collector and the SDK are one each, however many modules they are.
func project(imported string) string {
	for _, family := range []string{
		"go.opentelemetry.io/collector", "go.opentelemetry.io/otel", "go.opentelemetry.io/contrib", "go.opentelemetry.io/proto", "go.uber.org/", "k8s.io/", "google.golang.org/", "golang.org/x/", "go.yaml.in/", "modernc.org/",
	} {
		if strings.HasPrefix(imported, family) {
			if !strings.HasSuffix(family, "/") {
				return family
			}
			name, _, _ := strings.Cut(strings.TrimPrefix(imported, family), "/")
			return family + name
		}
	}
	parts := strings.Split(imported, "/")
	return strings.Join(parts[:min(3, len(parts))], "/")
}

// TestDependenciesHaveReasons: at most 60 projects are imported directly, each with its reason in the decision about dependencies.
func TestDependenciesHaveReasons(t *testing.T) {
	doc := text(t, "docs/design/0001-dependencies.md")
	seen := map[string]bool{}
	for _, s := range sources(t) {
		for _, i := range s.imports {
			host, _, _ := strings.Cut(i, "/")
			if strings.Contains(host, ".") && !strings.HasPrefix(i, "github.com/strata-apm/") {
				seen[project(i)] = true
			}
		}
	}
	require.LessOrEqual(t, len(seen), mostProjects)
	for p := range seen {
		name := p[strings.LastIndexByte(p, '/')+1:]
		require.Contains(t, doc, name, "docs/design/0001-dependencies.md has no reason for %s", p)
	}
}

// TestLeakChecks: where goroutines are started, the tests look for those that are left behind.
func TestLeakChecks(t *testing.T) {
	// A go statement, or the Go method of a group.
	startsGoroutine := regexp.MustCompile(`(?m)^\s*go (func|[a-zA-Z.]+\()|\.Go\(func`)
	starts, checked := map[string]bool{}, map[string]bool{}
	for _, s := range sources(t) {
		code := text(t, s.path)
		if strings.HasSuffix(s.path, "_test.go") {
			checked[s.folder] = checked[s.folder] || strings.Contains(code, "goleak.") || strings.Contains(code, "enginetest.Main(")
		} else if !s.test && !strings.HasPrefix(s.folder, "bench") && startsGoroutine.MatchString(code) {
			starts[s.folder] = true
		}
	}
	require.Greater(t, len(starts), 20)
	for folder := range starts {
		require.True(t, checked[folder], "%s starts goroutines; its tests have no leak check", folder)
	}
}
