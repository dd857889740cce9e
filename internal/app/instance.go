// SPDX-License-Identifier: Apache-2.0

package app

import (
	"cmp"
	"context"
	"path/filepath"

	"github.com/strata-apm/strata/internal/auth"
	"github.com/strata-apm/strata/internal/cluster"
	"github.com/strata-apm/strata/internal/config"
	"github.com/strata-apm/strata/signal"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/metrics/fanout"
)

// localPrefix is where a writer serves the Prometheus API of its own tsdb to the others, whatever /prometheus answers.
const localPrefix = "/local"

// instanceName is the name of this process among the others: configured, or made at the first start.
func (a *App) instanceName() (string, error) {
	if a.cfg.Cluster.Instance != "" {
		return a.cfg.Cluster.Instance, nil
	}
	return cluster.KeptName(filepath.Join(a.cfg.DataDir, "instance"), a.opts.Role) // It says what failed.
}

// joinCluster makes this process known to those that share its catalog, when Run runs.
func (a *App) joinCluster(ctx context.Context) error {
	key, err := a.internalKey(ctx, auth.ScopeProcess)
	if err != nil {
		return err
	}
	a.peers = cluster.NewPeers(a.stores.catalog, a.instance, key, a.tls.peers)
	self := storage.Instance{ID: a.instance, Role: string(a.opts.Role), URL: a.advertised(), Version: a.opts.Version, StartedAt: a.started}
	if a.storesMetrics() {
		self.Group = a.cfg.Bus.Kafka.Group
	}
	a.member = &cluster.Member{Self: self, Registry: a.stores.catalog, Peers: a.peers, Logger: a.logger}
	return a.member.Check(ctx) // It says what is wrong.
}

// advertised is where the other processes reach this one.
func (a *App) advertised() string { return cmp.Or(a.cfg.Cluster.AdvertiseURL, a.ownURL()) }

// storesMetrics says whether this process owns a tsdb.
func (a *App) storesMetrics() bool {
	return a.opts.Role.Is(config.RoleWriter) && a.cfg.Writer.Takes(signal.Metrics)
}

// internalKey is a key for requests among the processes, kept in the data directory.
func (a *App) internalKey(ctx context.Context, scope auth.Scope) (string, error) {
	path := filepath.Join(a.cfg.DataDir, "key-"+string(scope))
	return auth.KeptKey(ctx, a.stores.catalog, path, auth.KeyRequest{Name: "process " + a.instance, Scope: scope}) // It says what failed.
}

// writers is the fan-out's registry.
type writers struct{ known *cluster.Writers }

// Writers implements fanout.Registry.
func (w writers) Writers(ctx context.Context) ([]fanout.Writer, error) {
	all, err := w.known.List(ctx)
	if err != nil {
		return nil, err // It says what failed.
	}
	out := make([]fanout.Writer, 0, len(all))
	for _, in := range all {
		out = append(out, fanout.Writer{ID: in.ID, URL: in.URL + localPrefix, Group: in.Group})
	}
	return out, nil
}
