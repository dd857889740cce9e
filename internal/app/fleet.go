// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"fmt"

	"github.com/strata-apm/strata/fleet"
	"github.com/strata-apm/strata/internal/auth"
	"github.com/strata-apm/strata/internal/cluster"
	"github.com/strata-apm/strata/internal/config"
	"github.com/strata-apm/strata/storage"
)

// newFleet makes what talks to agents, where the intake is: agents reach that address, and have its key, already.
func (a *App) newFleet() error {
	if a.opts.Role.Is(config.RoleQuery) {
		a.fleetAPI = fleet.NewAPI(a.stores.catalog, principalName, a.logger.With("part", "agents"))
	}
	if !a.opts.Role.Is(config.RoleGateway) {
		return nil
	}
	var leases storage.LeaseStore
	if a.peers != nil {
		leases = a.stores.catalog
	}
	svc, err := fleet.New(fleet.Options{
		Store: a.stores.catalog, Leases: leases, Instance: a.instance, Source: principalName, Losses: cluster.NewLosses(a.stores.ledger, a.peers),
		Logger: a.logger.With("part", "agents"), Registerer: a.reg,
	})
	if err != nil {
		return fmt.Errorf("agents: %w", err)
	}
	a.fleet = svc
	return nil
}

func principalName(ctx context.Context) string {
	p, _ := auth.FromContext(ctx)
	return p.Name
}
