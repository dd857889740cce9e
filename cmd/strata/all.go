// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"

	"github.com/strata-apm/strata/internal/app"
)

// gcPercent trades memory for processor time: most of what the intake allocates is dead within a second. Measured in bench/pipeline against the
// default of 100: samples per CPU-second +29 %, spans +10 %.
const gcPercent = 300

// allCmd runs every role.
type allCmd struct{ serverFlags }

// Run implements the command.
func (c *allCmd) Run(ctx context.Context, s streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	a, err := app.New(ctx, cfg, app.Options{Version: version, Commit: commit, Stdout: s.out, Stderr: s.err})
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	return errors.Join(a.Run(ctx), a.Close())
}
