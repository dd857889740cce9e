// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/strata-apm/strata/storage/clickhouse/engine"
)

// URLEnv names the environment variable that holds the package's address when Options.URL is empty.
const URLEnv = "STRATA_ENGINE_URL"

// Options say what to fetch and where to put it. The zero value fetches the pinned package into the user's cache directory.
type Options struct {
	// To is the folder the library is put into. Default: engine.CacheDir.
	To string
	// URL is the package file: http(s)://…, file://… or a local path. Default: the environment's STRATA_ENGINE_URL, then npm is asked.
	URL string
	// Integrity is the package's "sha512-…". Default: the pinned one of this platform.
	Integrity string
	// Progress receives the progress in words. Default: nothing is written.
	Progress io.Writer
	// Client downloads. Default: a client that gives up when no byte arrives for a minute.
	Client *http.Client
	// Force fetches even when the library is there already.
	Force bool

	// npm runs npm; tests replace it.
	npm func(ctx context.Context, args ...string) (string, error)
}

// Result says what was done.
type Result struct {
	// Path is the library's file.
	Path string
	// Downloaded is false when it was there already.
	Downloaded bool
}

// Run makes sure the library is in place. It may be called by several processes at once and interrupted at any time: what was
// downloaded so far is kept and continued the next time.
func Run(ctx context.Context, opts Options) (Result, error) {
	opts, pkg, err := complete(opts)
	if err != nil {
		return Result{}, err
	}
	if err := os.MkdirAll(opts.To, 0o755); err != nil { //nolint:gosec // a shared library is no secret
		return Result{}, fmt.Errorf("create %s: %w", opts.To, err)
	}
	unlock, err := lockDir(ctx, opts.To, opts.Progress)
	if err != nil {
		return Result{}, err
	}
	defer unlock()

	library := filepath.Join(opts.To, engine.LibraryName)
	if _, err := os.Stat(library); err == nil && !opts.Force {
		return Result{Path: library}, nil
	}
	archive, remove, err := obtain(ctx, opts, pkg)
	if err != nil {
		return Result{}, err
	}
	if err := verify(ctx, archive, opts.Integrity); err != nil {
		// A package that is whole but wrong would be continued for ever, so what was downloaded of it goes.
		remove()
		return Result{}, err
	}
	_, _ = fmt.Fprintf(opts.Progress, "verified sha512, unpacking\n")
	if err := extract(ctx, archive, library); err != nil {
		return Result{}, err
	}
	remove()
	return Result{Path: library, Downloaded: true}, nil
}

func complete(opts Options) (Options, engine.Package, error) {
	pkg, err := engine.PlatformPackage()
	if err != nil {
		return opts, pkg, err
	}
	if opts.URL == "" {
		opts.URL = os.Getenv(URLEnv)
	}
	if opts.Integrity == "" {
		opts.Integrity = pkg.Integrity
	}
	if opts.Integrity == "" {
		return opts, pkg, fmt.Errorf("release %s of the embedded engine is not published as %s; give the package's URL and integrity, or configure a ClickHouse server instead",
			engine.Version, pkg.Name)
	}
	if opts.To == "" {
		if opts.To, err = engine.CacheDir(); err != nil {
			return opts, pkg, err
		}
	}
	if opts.Progress == nil {
		opts.Progress = io.Discard
	}
	if opts.Client == nil {
		opts.Client = &http.Client{Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			ResponseHeaderTimeout: time.Minute,
		}}
	}
	if opts.npm == nil {
		opts.npm = runNPM
	}
	return opts, pkg, nil
}

// obtain returns the package as a local file and how to remove it when it is not needed any more.
func obtain(ctx context.Context, opts Options, pkg engine.Package) (string, func(), error) {
	url := opts.URL
	if url == "" {
		found, err := opts.npm(ctx, "view", pkg.Name+"@"+engine.Version, "dist.tarball")
		if err != nil {
			return "", nil, err
		}
		url = found
	}
	if path, ok := localPath(url); ok {
		if _, err := os.Stat(path); err != nil {
			return "", nil, fmt.Errorf("read the engine package: %w", err)
		}
		return path, func() {}, nil
	}
	partial := filepath.Join(opts.To, ".engine-"+engine.Version+".tgz.part")
	if err := download(ctx, opts, url, partial); err != nil {
		if ctx.Err() != nil {
			return "", nil, fmt.Errorf("download interrupted; run the command again to continue: %w", ctx.Err())
		}
		return "", nil, err
	}
	return partial, func() { _ = os.Remove(partial) }, nil
}
