// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/strata-apm/strata/storage/clickhouse/engine/fetch"
	"github.com/strata-apm/strata/storage/clickhouse/engine/serve"
)

// engineCmd groups the commands of the embedded engine.
type engineCmd struct {
	Fetch engineFetchCmd `cmd:"" help:"Download the engine's library (178 MB) and verify its checksum."`
	Serve engineServeCmd `cmd:"" hidden:"" passthrough:"" help:"Run the engine as the server's child."`
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
	return err //nolint:wrapcheck // Writing to standard output.
}

// engineServeCmd is what the server starts as its child.
type engineServeCmd struct {
	Args []string `arg:"" optional:""`
}

// Run implements the command.
func (c *engineServeCmd) Run(ctx context.Context, s streams) error {
	opts, err := serve.ParseArgs(c.Args)
	if err != nil {
		return err //nolint:wrapcheck // It says what is wrong.
	}
	opts.Parent = os.Stdin
	opts.Logger = slog.New(slog.NewTextHandler(s.err, nil))
	if err := serve.Serve(ctx, opts); err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	return nil
}
