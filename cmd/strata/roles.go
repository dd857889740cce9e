// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"

	"github.com/strata-apm/strata/internal/app"
	"github.com/strata-apm/strata/internal/config"
)

// allCmd runs every role.
type allCmd struct{ serverFlags }

// Run implements the command.
func (c *allCmd) Run(ctx context.Context, s streams) error { return c.serve(ctx, s, config.RoleAll) }

// gatewayCmd runs the intake.
type gatewayCmd struct{ serverFlags }

// Run implements the command.
func (c *gatewayCmd) Run(ctx context.Context, s streams) error {
	return c.serve(ctx, s, config.RoleGateway)
}

// writerCmd runs the writers.
type writerCmd struct{ serverFlags }

// Run implements the command.
func (c *writerCmd) Run(ctx context.Context, s streams) error {
	return c.serve(ctx, s, config.RoleWriter)
}

// queryCmd runs the page and the query APIs.
type queryCmd struct{ serverFlags }

// Run implements the command.
func (c *queryCmd) Run(ctx context.Context, s streams) error {
	return c.serve(ctx, s, config.RoleQuery)
}

// alertCmd runs the rules.
type alertCmd struct{ serverFlags }

// Run implements the command.
func (c *alertCmd) Run(ctx context.Context, s streams) error {
	return c.serve(ctx, s, config.RoleAlert)
}

// serve runs one role until ctx ends.
func (f serverFlags) serve(ctx context.Context, s streams, role config.Role) error {
	cfg, err := f.loadFor(role)
	if err != nil {
		return err
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(app.MemoryLimit(cfg, role))
	}
	a, err := app.New(ctx, cfg, app.Options{Role: role, Version: version, Commit: commit, Stdout: s.out, Stderr: s.err})
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	return errors.Join(a.Run(ctx), a.Close())
}
