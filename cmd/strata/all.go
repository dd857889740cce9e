// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/strata-apm/strata/internal/app"
)

// allCmd runs every role.
type allCmd struct{ serverFlags }

// Run implements the command.
func (c *allCmd) Run(ctx context.Context, s streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	a, err := app.New(ctx, cfg, app.Options{Version: version, Commit: commit, Stdout: s.out, Stderr: s.err})
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	return errors.Join(a.Run(ctx), a.Close())
}
