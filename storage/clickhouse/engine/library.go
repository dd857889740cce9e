// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

const (
	// Version is the release of the engine that this build is tested with.
	Version = "26.7.3-stable.1"
	// LibraryName is the file name of the shared library.
	LibraryName = "libchdb.so"
	// LibraryEnv names the environment variable that holds the library's path when nothing is configured.
	LibraryEnv = "STRATA_ENGINE_LIBRARY"
)

// ErrLibraryMissing says that no library was found; the message around it says where was looked and what to do.
var ErrLibraryMissing = errors.New("the embedded engine's library " + LibraryName + " is missing")

// Search says where FindLibrary looks.
type Search struct {
	// Path is the configured file. When set, no other place is looked at.
	Path string
	// DataDir is the server's data directory; its folder "engine" is looked at. May be empty.
	DataDir string
}

// FindLibrary returns the path of the shared library: the configured file, beside the executable, in the data directory, in the
// user's cache directory, in the system's library folders. The error wraps ErrLibraryMissing and names the command that helps.
func FindLibrary(s Search) (string, error) {
	path := s.Path
	if path == "" {
		path = os.Getenv(LibraryEnv)
	}
	if path != "" {
		if !isFile(path) {
			return "", fmt.Errorf("%w: the configured file %s does not exist; correct the setting, or clear it and run `strata engine fetch`", ErrLibraryMissing, path)
		}
		return path, nil
	}
	candidates := candidates(s)
	for _, c := range candidates {
		if isFile(c) {
			return c, nil
		}
	}
	return "", fmt.Errorf("%w: run `strata engine fetch` to download it (178 MB), or configure a ClickHouse server instead; looked in %s",
		ErrLibraryMissing, strings.Join(candidates, ", "))
}

func candidates(s Search) []string {
	var out []string
	if exe, err := os.Executable(); err == nil {
		out = append(out, filepath.Join(filepath.Dir(exe), LibraryName))
	}
	if s.DataDir != "" {
		out = append(out, filepath.Join(s.DataDir, "engine", LibraryName))
	}
	if dir, err := CacheDir(); err == nil {
		out = append(out, filepath.Join(dir, LibraryName))
	}
	for _, dir := range []string{"/usr/local/lib/strata", "/usr/lib/strata", "/usr/local/lib", "/usr/lib"} {
		out = append(out, filepath.Join(dir, LibraryName))
	}
	return out
}

// CacheDir is the folder in the user's cache directory that holds the library of the pinned version.
func CacheDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the user's cache directory: %w", err)
	}
	return filepath.Join(dir, "strata", "engine", Version), nil
}

// Package is the npm package that carries the library for one platform.
type Package struct {
	Name string
	// Integrity is the sha512 of the package file in the form of npm ("sha512-…"); empty when the release has no such package.
	Integrity string
}

// PlatformPackage returns the package for the platform this program was built for.
func PlatformPackage() (Package, error) {
	switch platform := runtime.GOOS + "/" + runtime.GOARCH; platform {
	case "linux/amd64":
		return Package{
			Name:      "@chdb/lib-linux-x64-gnu",
			Integrity: "sha512-XP97mMqnc5tZpKQywR8N7cLTsHNiTmHr30pC5mzo3jWmukjKn2IBa60c2B/gWUNcuFjOMjWoorQICCqBVj5wpw==",
		}, nil
	case "linux/arm64":
		return Package{Name: "@chdb/lib-linux-arm64-gnu"}, nil
	default:
		return Package{}, fmt.Errorf("the embedded engine does not exist for %s; configure a ClickHouse server instead", platform)
	}
}

func isFile(path string) bool {
	info, err := os.Stat(path) //nolint:gosec // The operator names the path.
	return err == nil && info.Mode().IsRegular()
}
