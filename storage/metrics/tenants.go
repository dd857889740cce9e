// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/strata-apm/strata/atomicfile"
	"github.com/strata-apm/strata/tenant"
)

// Tenant is the tsdb of one tenant, and what is known of the metrics in it.
type Tenant struct {
	*Store
	Metadata *Metadata
}

// Tenants are the tsdbs of all tenants: one directory each, named as the tenant is, under one. A tenant comes into being with its first
// sample; nobody else pays for it. Safe for concurrent use.
type Tenants struct {
	dir    string
	cfg    Config
	logger *slog.Logger
	reg    prometheus.Registerer

	mu   sync.RWMutex
	open map[tenant.ID]*Tenant // guarded by mu; nil once closed
}

// OpenTenants opens the tsdb of every tenant that has a directory in dir, and that of tenant.Default, as Open does. A tsdb that lies in dir
// itself, from before there were tenants, is moved to where the default one's is.
func OpenTenants(dir string, cfg Config, logger *slog.Logger, reg prometheus.Registerer) (*Tenants, error) {
	if err := moveIntoDefault(dir); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("list the tenants of metrics: %w", err)
	}
	ts := &Tenants{dir: dir, cfg: cfg, logger: logger, reg: reg, open: map[tenant.ID]*Tenant{}}
	ids := []tenant.ID{tenant.Default}
	for _, e := range entries {
		id, err := tenant.Parse(e.Name())
		if err == nil && e.IsDir() && id != tenant.Default {
			ids = append(ids, id)
		}
	}
	for _, id := range ids {
		if _, err := ts.Tenant(id); err != nil {
			return nil, errors.Join(err, ts.Close())
		}
	}
	return ts, nil
}

// errClosed says that the tsdbs have been closed.
var errClosed = errors.New("the store of metrics is closed")

// Tenant returns the tsdb of a tenant, which is made where there is none. The error wraps tenant.ErrInvalid where id is no tenant's name.
func (ts *Tenants) Tenant(id tenant.ID) (*Tenant, error) {
	if t := ts.Lookup(id); t != nil {
		return t, nil
	}
	if _, err := tenant.Parse(string(id)); err != nil {
		return nil, fmt.Errorf("open the metrics of a tenant: %w", err)
	}
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if ts.open == nil {
		return nil, errClosed
	}
	if t := ts.open[id]; t != nil {
		return t, nil
	}
	reg := prometheus.WrapRegistererWith(prometheus.Labels{"tenant": string(id)}, ts.reg)
	store, err := Open(filepath.Join(ts.dir, string(id)), ts.cfg, ts.logger.With("tenant", string(id)), reg)
	if err != nil {
		return nil, fmt.Errorf("metrics of tenant %s: %w", id, err)
	}
	store.allSeries = ts.series
	t := &Tenant{Store: store, Metadata: NewMetadata()}
	ts.open[id] = t
	return t, nil
}

// Lookup returns the tsdb of a tenant, nil where it has none.
func (ts *Tenants) Lookup(id tenant.ID) *Tenant {
	ts.mu.RLock()
	defer ts.mu.RUnlock()
	return ts.open[id]
}

// all returns the tsdbs that are open.
func (ts *Tenants) all() []*Tenant {
	ts.mu.RLock()
	defer ts.mu.RUnlock()
	out := make([]*Tenant, 0, len(ts.open))
	for _, t := range ts.open {
		out = append(out, t)
	}
	return out
}

// series is how many series all tenants have in memory.
func (ts *Tenants) series() uint64 {
	var n uint64
	for _, t := range ts.all() {
		n += t.db.Head().NumSeries()
	}
	return n
}

// Full says whether no new series of any tenant is taken: Config.MaxSeries bounds all of them together, for the memory is the process's.
func (ts *Tenants) Full() bool { return ts.cfg.MaxSeries != 0 && ts.series() >= ts.cfg.MaxSeries }

// Known says whether the tenant that ctx is for, the default one where it is for none, has the series in memory.
func (ts *Tenants) Known(ctx context.Context, ls labels.Labels) bool {
	t := ts.Lookup(tenant.FromContext(ctx).OrDefault())
	return t != nil && t.Known(ls) //nolint:contextcheck // It is in memory and waits for nothing.
}

// Err says why some tenant's samples cannot be taken, as Store.Err does.
func (ts *Tenants) Err() error {
	var errs []error
	for _, t := range ts.all() {
		errs = append(errs, t.Err())
	}
	return errors.Join(errs...)
}

// Close closes every tsdb. Nothing can be opened afterwards.
func (ts *Tenants) Close() error {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	var errs []error
	for _, t := range ts.open {
		errs = append(errs, t.Close())
	}
	ts.open = nil
	return errors.Join(errs...)
}

// movedSuffix ends the name of the directory while a tsdb from before tenants is on its way.
const movedSuffix = ".moving"

// moveIntoDefault moves a tsdb that lies in dir itself to dir/default, by renames alone. Cut short at any point it goes on at the next start.
func moveIntoDefault(dir string) error {
	moving, target := dir+movedSuffix, filepath.Join(dir, string(tenant.Default))
	there := func(path string) bool { _, err := os.Lstat(path); return err == nil }
	// A tenant may be called wal; but then there is the default one as well.
	if there(filepath.Join(dir, "wal")) && !there(target) && !there(moving) {
		if err := os.Rename(dir, moving); err != nil {
			return fmt.Errorf("move the metrics to tenant %s: %w", tenant.Default, err)
		}
	}
	if !there(moving) {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("move the metrics to tenant %s: %w", tenant.Default, err)
	}
	if err := os.Rename(moving, target); err != nil {
		return fmt.Errorf("move the metrics to tenant %s: %w", tenant.Default, err)
	}
	return errors.Join(atomicfile.SyncDir(dir), atomicfile.SyncDir(filepath.Dir(dir)))
}
