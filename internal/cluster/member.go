// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/strata-apm/strata/atomicfile"
	"github.com/strata-apm/strata/internal/config"
	"github.com/strata-apm/strata/storage"
)

const (
	// heartbeatEvery is how often a process says that it lives; it counts as gone after GoneAfter.
	heartbeatEvery = 5 * time.Second
	// signOffTimeout is how long a process that stops waits for the registry.
	signOffTimeout = 2 * time.Second
)

// KeptName returns the name of this process among the others as the file at path has it. At the first start it makes one that begins with the role and keeps it there.
func KeptName(path string, role config.Role) (string, error) {
	b, err := os.ReadFile(path) //nolint:gosec // The operator names the directory.
	if name := strings.TrimSpace(string(b)); err == nil && name != "" {
		return name, nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("read the instance's name: %w", err)
	}
	name := fmt.Sprintf("%s-%s", role, strings.ToLower(rand.Text()[:8]))
	if err := atomicfile.Write(path, []byte(name+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("keep the instance's name: %w", err)
	}
	return name, nil
}

// Member is this process among those that share a catalog.
type Member struct {
	// Self is what the others are told. Its Group is set in a process that stores metrics, and only there.
	Self     storage.Instance
	Registry storage.InstanceStore
	Peers    *Peers
	Logger   *slog.Logger
}

// Check refuses to start where others could not reach this process, or beside a running process of the same name: the registry would know only one of the two, and what the
// other holds would be missing without a word.
func (m *Member) Check(ctx context.Context) error {
	u, err := url.Parse(m.Self.URL)
	if err != nil {
		return fmt.Errorf("cluster.advertise_url: %w", err)
	}
	if ip := net.ParseIP(u.Hostname()); ip != nil && ip.IsUnspecified() {
		return fmt.Errorf("http.listen %s names no address that other processes can reach: set cluster.advertise_url", u.Host)
	}
	all, err := m.Peers.List(ctx)
	if err != nil {
		return err
	}
	for _, p := range all {
		if p.ID != m.Self.ID || !p.Live || p.URL == m.Self.URL {
			continue
		}
		var st struct {
			Instance string `json:"instance"`
		}
		if m.Peers.Get(ctx, p.URL+"/api/v1/status", &st) == nil && st.Instance == m.Self.ID {
			return fmt.Errorf("a process named %s runs at %s already: give this one another cluster.instance", m.Self.ID, p.URL)
		}
	}
	return nil
}

// Run tells the others that this process lives, until ctx ends. A process that stores metrics stays in the registry afterwards: its samples are missed.
func (m *Member) Run(ctx context.Context) error {
	tick := time.NewTicker(heartbeatEvery)
	defer tick.Stop()
	for {
		if err := m.Registry.PutInstance(ctx, m.Self); err != nil && ctx.Err() == nil {
			m.Logger.Warn("the registry of processes is away", "err", err)
		}
		select {
		case <-ctx.Done():
			m.signOff(ctx)
			return nil
		case <-tick.C:
		}
	}
}

func (m *Member) signOff(ctx context.Context) {
	if m.Self.Group != "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), signOffTimeout)
	defer cancel()
	if err := m.Registry.DeleteInstance(ctx, m.Self.ID); err != nil {
		m.Logger.Warn("not signed off from the registry of processes", "err", err)
	}
}
