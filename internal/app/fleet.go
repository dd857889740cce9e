// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/strata-apm/strata/fleet"
	"github.com/strata-apm/strata/internal/auth"
	"github.com/strata-apm/strata/internal/cluster"
	"github.com/strata-apm/strata/internal/config"
	"github.com/strata-apm/strata/internal/ledger"
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
		Store: a.stores.catalog, Leases: leases, Instance: a.instance, Source: principalName, Losses: losses{a},
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

// losses asks the ledgers of every process. It implements fleet.Losses.
type losses struct{ app *App }

// Lost implements fleet.Losses.
func (l losses) Lost(ctx context.Context, source string, since time.Time) (int64, error) {
	now := time.Now()
	var n int64
	for _, r := range l.app.stores.ledger.Rows(since, now) {
		if r.Source == source {
			n += ledger.Sum(r.Refused) + ledger.Sum(r.Rejected)
		}
	}
	if l.app.peers == nil {
		return n, nil
	}
	all, err := l.app.peers.List(ctx)
	if err != nil {
		return 0, err
	}
	q := url.Values{"local": {"1"}, "start": {since.Format(time.RFC3339Nano)}, "end": {now.Format(time.RFC3339Nano)}}
	for _, x := range cluster.AskAll[cluster.LedgerAnswer](ctx, l.app.peers, cluster.With(all, config.RoleGateway, config.RoleWriter), "/api/v1/ledger", q) {
		switch {
		case x.From.ID == l.app.instance:
			continue
		case x.Err != nil && x.From.Live:
			return 0, fmt.Errorf("ledger of %s: %w", x.From.ID, x.Err)
		}
		for _, r := range x.Body.Rows {
			if r.Source == source {
				n += ledger.Sum(r.Refused) + ledger.Sum(r.Rejected)
			}
		}
	}
	return n, nil
}
