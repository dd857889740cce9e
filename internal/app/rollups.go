// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"fmt"

	counting "github.com/strata-apm/strata/ingest/rollup"
	"github.com/strata-apm/strata/ingest/writer"
	"github.com/strata-apm/strata/internal/config"
	"github.com/strata-apm/strata/query/rollups"
	"github.com/strata-apm/strata/signal"
)

// newRollups makes what counts for rollups, where this process stores records, and what answers from them, where it queries or evaluates rules.
func (a *App) newRollups() error {
	s, role := a.stores, a.opts.Role
	if s.clickhouse == nil {
		return nil
	}
	var err error
	if role.Is(config.RoleWriter) {
		a.counting, err = counting.New(counting.Options{Definitions: s.catalog, States: s.clickhouse, Logger: a.logger.With("part", "rollups")})
		if err != nil {
			return err // It names its part.
		}
	}
	if !role.Is(config.RoleQuery) && !role.Is(config.RoleAlert) {
		return nil
	}
	a.rollups, err = rollups.New(rollups.Options{
		Definitions: s.catalog, States: s.clickhouse, Actor: principalName,
		Changed: func(ctx context.Context) {
			if a.counting == nil {
				return // The writers look for changes by themselves.
			}
			if err := a.counting.Refresh(ctx); err != nil {
				a.logger.Error("a changed rollup is not in force yet", "err", err)
			}
		},
	})
	if err != nil {
		return fmt.Errorf("rollups API: %w", err)
	}
	if s.metrics != nil {
		s.metrics = a.rollups.Series(s.metrics)
	}
	return nil
}

// derived are the blocks that are made of batches of a signal.
func (a *App) derived(of signal.Signal) []writer.Derived {
	if a.counting == nil {
		return nil
	}
	return []writer.Derived{a.counting.Derived(of)}
}
