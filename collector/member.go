// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"context"
	"crypto/tls"
	"encoding/hex"
	"maps"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/strata-apm/strata/collector/config"
	"github.com/strata-apm/strata/collector/enrich"
	"github.com/strata-apm/strata/collector/link"

	"github.com/strata-apm/strata/collector/fleet"
)

// reportEvery is how often the volumes and the status file are renewed.
const reportEvery = 5 * time.Second

// member is the agent as a member of its fleet. It implements fleet.Agent.
type member struct {
	agent  *Agent
	client *fleet.Client // nil: it talks to nobody
	id     fleet.Identity
	// queueLimit is the most bytes the queue of one signal may hold.
	queueLimit int64
	// changed gathers the changes of health and remote for the client.
	changed chan struct{}
}

func (a *Agent) newMember(ctx context.Context) (*member, error) {
	m := &member{agent: a, changed: make(chan struct{}, 1)}
	cfg, err := a.LoadConfig()
	if err != nil {
		// A pushed configuration and the file may have stopped to fit together. The collector says so, and the server may know better.
		if cfg, err = a.loadOver(nil); err != nil {
			return nil, err
		}
	}
	host, err := enrich.DetectHost(a.opts.StateDir, cfg.Host.RootPath)
	if err != nil {
		return nil, err
	}
	if m.id, err = fleet.LoadIdentity(a.opts.StateDir, host.ID); err != nil {
		return nil, err
	}
	m.queueLimit = cfg.Queue.SignalBytes()
	url, err := cfg.OpAMPURL()
	if err != nil {
		return nil, err
	}
	if url == "" {
		a.opts.Logger.Info("no OpAMP: opamp.enabled is false, or opamp.endpoint is empty and server.endpoint has no usual port")
		return m, nil
	}
	var tlsConfig *tls.Config
	if strings.HasPrefix(url, "https://") {
		if tlsConfig, err = link.TLS(ctx, cfg.Server.TLS); err != nil {
			return nil, err
		}
	}
	m.client = fleet.New(fleet.Options{
		URL: url, Key: m.key, TLS: tlsConfig, Heartbeat: time.Duration(cfg.OpAMP.Heartbeat), Identity: m.id, Version: a.opts.Version,
		Attributes: m.describe(host, cfg.Attributes), Board: a.opts.Board, Agent: m, Logger: a.opts.Logger.With("part", "opamp"),
	})
	return m, nil
}

func (m *member) describe(h enrich.Host, configured map[string]string) map[string]string {
	out := h.Attributes(nil)
	maps.Copy(out, configured)
	return out
}

// key is read with each connection, so that one that was replaced is used.
func (m *member) key() string {
	cfg, err := m.agent.loadOver(nil)
	if err != nil {
		return ""
	}
	key, err := cfg.Server.ReadKey()
	if err != nil {
		m.agent.opts.Logger.Warn("no key for OpAMP", "reason", err)
	}
	return key
}

// run talks to the server and renews the status file until ctx ends.
func (m *member) run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	if m.client != nil {
		wg.Go(func() { m.client.Run(ctx) })
	}
	tick := time.NewTicker(reportEvery)
	defer tick.Stop()
	m.report(ctx, time.Now())
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.agent.health.changed:
			wake(m.changed)
		case <-m.agent.remote.Changed():
			wake(m.changed)
		case now := <-tick.C:
			m.report(ctx, now)
			continue
		}
		m.writeStatus(ctx, time.Now())
	}
}

// report renews what the board says of volumes, queue and clock.
func (m *member) report(ctx context.Context, now time.Time) {
	m.set("queue", m.agent.queue.Status(ctx, m.queueLimit, now))
	if clock, ok := m.agent.clock.Status(); ok {
		m.set("clock", clock)
	}
	st, running := m.agent.remote.State(), ""
	if m.agent.health.tell().Healthy {
		running = st.Current.Hash
	}
	m.set("logs", m.agent.logStats.Status())
	m.set("volume", m.agent.volume.Section(now, running))
	m.writeStatus(ctx, now)
}

func (m *member) set(section string, v any) {
	if err := m.agent.opts.Board.Set(section, v); err != nil {
		m.agent.opts.Logger.Warn("section not reported", "section", section, "reason", err)
	}
}

// Effective implements fleet.Agent.
func (m *member) Effective() string {
	cfg, err := m.agent.LoadConfig()
	if err != nil {
		return "# " + strings.ReplaceAll(err.Error(), "\n", "\n# ") + "\n"
	}
	text, err := cfg.YAML()
	if err == nil {
		text, err = config.WithoutSecrets(text)
	}
	if err != nil {
		return "# " + err.Error() + "\n"
	}
	return string(text)
}

// Health implements fleet.Agent.
func (m *member) Health() fleet.Health { return m.agent.health.tell() }

// Pushed implements fleet.Agent.
func (m *member) Pushed() fleet.Pushed { return m.agent.remote.Pushed() }

// Offer implements fleet.Agent.
func (m *member) Offer(hash, text []byte) {
	m.agent.remote.Offer(fleet.ConfigVersion{Hash: hex.EncodeToString(hash), Text: string(text)})
}

// Changed implements fleet.Agent.
func (m *member) Changed() <-chan struct{} { return m.changed }

func (m *member) statusPath() string { return filepath.Join(m.agent.opts.StateDir, StatusFile) }
