// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/strata-apm/strata/storage/clickhouse/engine"
	"github.com/strata-apm/strata/storage/clickhouse/engine/fetch"
	"github.com/strata-apm/strata/storage/clickhouse/engine/serve"
)

// engineCmd groups the commands of the embedded engine.
type engineCmd struct {
	Fetch engineFetchCmd `cmd:"" help:"Download the engine's library (178 MB) and verify its checksum."`
	Serve engineServeCmd `cmd:"" hidden:"" passthrough:"" help:"Run the engine as the server's child."`
	// The default: strata engine --listen ADDR.
	Standalone engineListenCmd `cmd:"" name:"standalone" default:"withargs" help:"Run the engine alone, for several processes (strata engine --listen ADDR)."`
}

// engineListenCmd runs the engine as a server of its own. Production uses ClickHouse's own server.
type engineListenCmd struct {
	Listen       string `required:"" placeholder:"ADDR" help:"TCP address of ClickHouse's HTTP interface, such as 127.0.0.1:8123."`
	DataDir      string `default:"./data" placeholder:"DIR" help:"Directory whose folder clickhouse holds the data."`
	Library      string `placeholder:"FILE" help:"libchdb.so (default: where strata engine fetch puts it)."`
	MemoryBytes  uint64 `placeholder:"N" help:"Memory limit (default: half of the machine or cgroup)."`
	PasswordFile string `placeholder:"FILE" help:"File with the password of every user; needed off loopback."`
}

// Run implements the command.
func (c *engineListenCmd) Run(ctx context.Context, s streams) error {
	library, err := engine.FindLibrary(engine.Search{Path: c.Library, DataDir: c.DataDir})
	if err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	dir, err := filepath.Abs(c.DataDir)
	if err != nil {
		return fmt.Errorf("engine: resolve data directory: %w", err)
	}
	opts := serve.Options{
		Library: library, DataDir: filepath.Join(dir, "clickhouse"), Listen: c.Listen, MaxMemoryBytes: c.MemoryBytes,
		Logger:   slog.New(slog.NewTextHandler(s.err, nil)),
		OnListen: func(address string) { _, _ = fmt.Fprintf(s.out, "The engine is ready: http://%s\n", address) },
	}
	if c.PasswordFile != "" {
		b, err := os.ReadFile(c.PasswordFile)
		if err != nil {
			return fmt.Errorf("read the password: %w", err)
		}
		if opts.Password = strings.TrimRight(string(b), "\r\n"); opts.Password == "" {
			return fmt.Errorf("read the password: %s is empty", c.PasswordFile)
		}
	}
	if err := serve.Serve(ctx, opts); err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	return nil
}

// engineFetchCmd fetches the library.
type engineFetchCmd struct {
	To    string `placeholder:"DIR" help:"Folder to put the library into (default: the user's cache directory)."`
	URL   string `placeholder:"URL" help:"Package file: http(s) address or path (default: where npm finds it)."`
	Force bool   `help:"Download even when the library is there."`
}

// Run implements the command.
func (c *engineFetchCmd) Run(ctx context.Context, s streams) error {
	res, err := fetch.Run(ctx, fetch.Options{To: c.To, URL: c.URL, Force: c.Force, Progress: s.err})
	if err != nil {
		return fmt.Errorf("fetch the engine: %w", err)
	}
	_, err = fmt.Fprintln(s.out, res.Path)
	return err // Writing to standard output.
}

// engineServeCmd is what the server starts as its child.
type engineServeCmd struct {
	Args []string `arg:"" optional:""`
}

// Run implements the command.
func (c *engineServeCmd) Run(ctx context.Context, s streams) error {
	opts, err := serve.ParseArgs(c.Args)
	if err != nil {
		return err // It says what is wrong.
	}
	opts.Parent = os.Stdin
	opts.Logger = slog.New(slog.NewTextHandler(s.err, nil))
	if err := serve.Serve(ctx, opts); err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	return nil
}
