// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"

	"github.com/strata-apm/strata/internal/status"
	"github.com/strata-apm/strata/storage/clickhouse/engine/supervise"
)

// newStatus makes what says how this process is.
func (a *App) newStatus() *status.API {
	opts := status.Options{
		Version: a.opts.Version, Commit: a.opts.Commit, Instance: a.instance, URL: a.advertised(), Role: a.opts.Role, Started: a.started,
		AuthMode: a.authMode(), Addresses: a.listeners.Addresses(), Probes: a.probes(), Ledger: a.stores.ledger,
		Group: a.cfg.Bus.Kafka.Group, Peers: a.peers,
	}
	if a.stores.bus != nil {
		opts.Bus = a.stores.bus
	}
	return status.New(opts)
}

// probes ask every part that this process has.
func (a *App) probes() (out []status.Probe) {
	s := a.stores
	if s.bus != nil {
		out = append(out, func(context.Context) status.Component { return status.Bus(s.bus) })
	}
	if s.tsdb != nil {
		out = append(out, func(context.Context) status.Component { return status.Part("metrics", s.tsdb.Err()) })
	}
	if s.clickhouse != nil {
		out = append(out, a.engineState, func(ctx context.Context) status.Component { return status.Part("clickhouse", s.clickhouse.Ping(ctx)) })
	}
	if a.peers != nil { // Keys and writers that are known go on being known without it.
		out = append(out, func(ctx context.Context) status.Component { return status.Spared("catalog", s.catalog.Ping(ctx)) })
	}
	return out
}

func (a *App) engineState(context.Context) status.Component {
	if a.stores.engine == nil {
		return status.Engine(true, "a ClickHouse server is used", 0)
	}
	st := a.stores.engine.State()
	return status.Engine(st.Phase == supervise.OK, st.Message, st.Restarts)
}
