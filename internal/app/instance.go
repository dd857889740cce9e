// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/strata-apm/strata/atomicfile"
	"github.com/strata-apm/strata/internal/auth"
	"github.com/strata-apm/strata/internal/config"
	"github.com/strata-apm/strata/signal"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/metrics/fanout"
)

// heartbeatEvery is how often a process says that it lives; it counts as gone after cluster.GoneAfter.
const heartbeatEvery = 5 * time.Second

// localPrefix is where a writer serves the Prometheus API of its own tsdb to the others, whatever /prometheus answers.
const localPrefix = "/local"

// instanceName is the name of this process among the others: configured, or made at the first start.
func (a *App) instanceName() (string, error) {
	if a.cfg.Cluster.Instance != "" {
		return a.cfg.Cluster.Instance, nil
	}
	path := filepath.Join(a.cfg.DataDir, "instance")
	b, err := os.ReadFile(path) //nolint:gosec // The operator names the directory.
	if err == nil && len(strings.TrimSpace(string(b))) > 0 {
		return strings.TrimSpace(string(b)), nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("read the instance's name: %w", err)
	}
	name := fmt.Sprintf("%s-%s", a.opts.Role, strings.ToLower(rand.Text()[:8]))
	if err := atomicfile.Write(path, []byte(name+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("keep the instance's name: %w", err)
	}
	return name, nil
}

// advertised is where the other processes reach this one.
func (a *App) advertised() string {
	if a.cfg.Cluster.AdvertiseURL != "" {
		return a.cfg.Cluster.AdvertiseURL
	}
	return scheme(a.tls.http) + a.Addr()
}

func (a *App) registration() storage.Instance {
	in := storage.Instance{ID: a.instance, Role: string(a.opts.Role), URL: a.advertised(), Version: a.opts.Version, StartedAt: a.started}
	if a.storesMetrics() {
		in.Group = a.cfg.Bus.Kafka.Group
	}
	return in
}

// checkInstance refuses to start where others could not reach this process, or beside a running process of the same name: the registry
// would know only one of the two, and what the other holds would be missing without a word.
func (a *App) checkInstance(ctx context.Context) error {
	u, err := url.Parse(a.advertised())
	if err != nil {
		return fmt.Errorf("cluster.advertise_url: %w", err)
	}
	if ip := net.ParseIP(u.Hostname()); ip != nil && ip.IsUnspecified() {
		return fmt.Errorf("http.listen %s names no address that other processes can reach: set cluster.advertise_url", a.cfg.HTTP.Listen)
	}
	all, err := a.peers.List(ctx)
	if err != nil {
		return err
	}
	for _, p := range all {
		var st statusAnswer
		if p.ID == a.instance && p.Live && p.URL != a.advertised() && a.peers.Get(ctx, p.URL+"/api/v1/status", &st) == nil && st.Instance == a.instance {
			return fmt.Errorf("a process named %s runs at %s already: give this one another cluster.instance", a.instance, p.URL)
		}
	}
	return nil
}

// heartbeat tells the others that this process lives, until ctx ends. A writer stays in the registry afterwards: its samples are missed.
func (a *App) heartbeat(ctx context.Context) error {
	tick := time.NewTicker(heartbeatEvery)
	defer tick.Stop()
	for {
		if err := a.stores.catalog.PutInstance(ctx, a.registration()); err != nil && ctx.Err() == nil {
			a.logger.Warn("the registry of processes is away", "err", err)
		}
		select {
		case <-ctx.Done():
			return a.signOff(ctx)
		case <-tick.C:
		}
	}
}

func (a *App) signOff(ctx context.Context) error {
	if a.storesMetrics() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := a.stores.catalog.DeleteInstance(ctx, a.instance); err != nil {
		a.logger.Warn("not signed off from the registry of processes", "err", err)
	}
	return nil
}

// storesMetrics says whether this process owns a tsdb.
func (a *App) storesMetrics() bool {
	return a.opts.Role.Is(config.RoleWriter) && a.cfg.Writer.Takes(signal.Metrics)
}

// writers is the fan-out's registry: every writer of metrics that is known, also those that are down.
type writers struct {
	catalog storage.InstanceStore
	// last is what the registry said last; it holds while the registry is away.
	last atomic.Pointer[[]fanout.Writer]
}

// Writers implements fanout.Registry.
func (w *writers) Writers(ctx context.Context) ([]fanout.Writer, error) {
	all, err := w.catalog.ListInstances(ctx, 0)
	if err != nil {
		if last := w.last.Load(); last != nil && ctx.Err() == nil {
			return *last, nil
		}
		return nil, fmt.Errorf("list writers: %w", err)
	}
	var out []fanout.Writer
	for _, in := range all {
		if in.Group != "" {
			out = append(out, fanout.Writer{ID: in.ID, URL: in.URL + localPrefix, Group: in.Group})
		}
	}
	w.last.Store(&out)
	return out, nil
}

// internalKey is a key for requests among the processes. It is kept in the data directory and made anew when it is no longer valid.
func (a *App) internalKey(ctx context.Context, scope auth.Scope) (string, error) {
	path := filepath.Join(a.cfg.DataDir, "key-"+string(scope))
	if b, err := os.ReadFile(path); err == nil { //nolint:gosec // The operator names the directory.
		secret := strings.TrimSpace(string(b))
		if valid, err := auth.Valid(ctx, a.stores.catalog, secret); valid || err != nil {
			return secret, err //nolint:wrapcheck // It names the catalog.
		}
	}
	_, secret, err := auth.CreateKey(ctx, a.stores.catalog, auth.KeyRequest{Name: "process " + a.instance, Scope: scope})
	if err != nil {
		return "", fmt.Errorf("create the key of this process: %w", err)
	}
	if err := atomicfile.Write(path, []byte(secret+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("keep the key of this process: %w", err)
	}
	return secret, nil
}
