// SPDX-License-Identifier: Apache-2.0

package middleware

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/strata-apm/strata/collector/discover"
	"github.com/strata-apm/strata/collector/middleware/reader"
	"github.com/strata-apm/strata/packs"
)

// watchInterval is how often the processes that were found are looked at, so that a kill is told at once.
const watchInterval = 2 * time.Second

// middleware is the receiver.
type middleware struct {
	cfg     Config
	opts    Options
	logger  *slog.Logger
	next    consumer.Metrics
	mappers map[string]*mapper
	scanner *discover.Scanner
	creds   *credentials

	// Used by run only.
	instances   map[string]*instance
	credProblem string
	scanProblem string

	cancel context.CancelFunc
	done   sync.WaitGroup
}

func newMiddleware(cfg Config, opts Options, next consumer.Metrics) (*middleware, error) {
	all, err := packs.All()
	if err != nil {
		return nil, fmt.Errorf("middleware receiver: %w", err)
	}
	m := &middleware{
		cfg: cfg, opts: opts, logger: opts.Logger, next: next, mappers: make(map[string]*mapper), scanner: discover.New(cfg.ProcRoot),
		creds: newCredentials(cfg.CredentialsFile), instances: make(map[string]*instance),
	}
	for _, p := range all {
		if !slices.Contains(cfg.Disable, p.Name) {
			m.mappers[p.Name] = newMapper(p)
		}
	}
	return m, nil
}

// Start implements component.Component.
func (m *middleware) Start(context.Context, component.Host) error { //nolint:contextcheck // The reading outlives the start.
	ctx, cancel := context.WithCancel(context.Background()) // The one given is for starting only.
	m.cancel = cancel
	m.done.Go(func() { m.run(ctx) })
	return nil
}

// Shutdown implements component.Component.
func (m *middleware) Shutdown(context.Context) error {
	if m.cancel != nil {
		m.cancel()
	}
	m.done.Wait()
	return nil
}

func (m *middleware) run(ctx context.Context) {
	now := time.Now()
	for key, r := range m.opts.Memory.all() {
		if _, ok := m.mappers[r.kind]; ok {
			m.instances[key] = m.newInstance(key, m.instanceID(r.address, false), reader.Target{Kind: r.kind, Address: r.address}, r.seen)
		}
	}
	defer func() {
		for _, in := range m.instances {
			in.close()
		}
	}()
	m.discover(ctx, now)
	m.collect(ctx, now, m.all())
	watch := time.NewTicker(min(watchInterval, m.cfg.Interval))
	defer watch.Stop()
	collected, discovered := now, now
	for {
		select {
		case <-ctx.Done():
			return
		case now = <-watch.C:
		}
		var changed []*instance
		if now.Sub(discovered) >= m.cfg.DiscoverInterval || !m.scanner.Alive() {
			changed = m.discover(ctx, now)
			discovered = now
		}
		if now.Sub(collected) >= m.cfg.Interval-watchInterval/4 { // The ticker is not exact.
			collected = now
			changed = m.all()
		}
		if len(changed) > 0 {
			m.collect(ctx, now, changed)
		}
	}
}

func (m *middleware) all() []*instance {
	out := make([]*instance, 0, len(m.instances))
	for _, in := range m.instances {
		out = append(out, in)
	}
	slices.SortFunc(out, func(a, b *instance) int { return cmp.Compare(a.key, b.key) })
	return out
}

// discover brings the instances up to what runs and returns those that came or went.
func (m *middleware) discover(ctx context.Context, now time.Time) []*instance {
	found, err := m.scanner.Scan()
	if err != nil {
		m.complain(&m.scanProblem, "middleware not looked for", err)
	}
	credsChanged, credErr := m.creds.load()
	m.complain(&m.credProblem, "middleware credentials not read", credErr)
	var changed []*instance
	host := hostAddresses()
	running, pids := make(map[string]bool), make(map[int]bool)
	for _, f := range found {
		if _, ok := m.mappers[f.Kind]; !ok {
			continue
		}
		t := reader.Target{Kind: f.Kind, Address: f.Address, Addresses: f.Addresses, Cmdline: f.Cmdline}
		key := f.Kind + "/" + strconv.Itoa(int(f.Address.Port()))
		running[key], pids[f.PID] = true, true
		in, known := m.instances[key]
		if !known {
			in = m.newInstance(key, m.instanceID(f.Address, false), t, now)
			m.instances[key] = in
		}
		in.entry.Addresses = addresses(f.Bound, f.Address.Port(), host)
		t.Credential = m.creds.find(t.Kind, t.Address.String(), true)
		if !known || !in.running || in.pid != f.PID {
			in.retarget(t)
			in.pid, in.running = f.PID, true
			in.entry.Instance = f.Address.String()
			changed = append(changed, in)
		} else if credsChanged || !slices.Equal(in.target.Addresses, t.Addresses) { // A plug-in may have opened a socket.
			in.retarget(t)
		}
	}
	for _, s := range m.cfg.Static {
		if key, ok := m.addStatic(ctx, s, now, credsChanged); ok {
			running[key] = true
		}
	}
	for key, in := range m.instances {
		switch {
		case running[key]:
			m.opts.Memory.put(key, remembered{kind: in.target.Kind, address: in.target.Address, seen: now})
		case now.Sub(in.seen) > m.cfg.ForgetAfter, in.running && pids[in.pid]: // Its process is known by another address now.
			in.close()
			delete(m.instances, key)
			m.opts.Memory.forget(key)
		case in.running:
			in.running = false
			changed = append(changed, in)
		}
	}
	return changed
}

// addStatic makes the instance of one that is named in the configuration. A name that does not resolve is tried again.
func (m *middleware) addStatic(ctx context.Context, s Static, now time.Time, credsChanged bool) (string, bool) {
	if _, ok := m.mappers[s.Kind]; !ok {
		return "", false
	}
	key := s.Kind + "/" + s.Address
	if in, ok := m.instances[key]; ok {
		if credsChanged {
			t := in.target
			t.Credential = m.creds.find(t.Kind, s.Address, t.Address.Addr().IsLoopback())
			in.retarget(t)
		}
		return key, true
	}
	ctx, cancel := context.WithTimeout(ctx, watchInterval)
	defer cancel()
	addr, err := resolve(ctx, s.Address)
	if err != nil {
		m.complain(&m.scanProblem, "static middleware not resolved", err)
		return "", false
	}
	t := reader.Target{Kind: s.Kind, Address: addr, Addresses: []netip.AddrPort{addr}, Credential: m.creds.find(s.Kind, s.Address, addr.Addr().IsLoopback())}
	in := m.newInstance(key, m.instanceID(addr, true), t, now)
	in.static = true
	in.entry.Instance, in.entry.Addresses = s.Address, addresses(t.Addresses, addr.Port(), nil)
	m.instances[key] = in
	return key, true
}

func resolve(ctx context.Context, address string) (netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("resolve %s: %w", address, err)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("resolve %s: port: %w", address, err)
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil || len(ips) == 0 {
		return netip.AddrPort{}, fmt.Errorf("resolve %s: %w", address, err)
	}
	return netip.AddrPortFrom(ips[0].Unmap(), uint16(n)), nil
}

// instanceID is "<host.name>:<port>"; an instance on another machine is known by its address.
func (m *middleware) instanceID(addr netip.AddrPort, static bool) string {
	if static && !addr.Addr().IsLoopback() {
		return addr.String()
	}
	return net.JoinHostPort(m.cfg.HostName, strconv.Itoa(int(addr.Port())))
}

// collect reads the instances side by side, sends what they gave as one request and writes the board.
func (m *middleware) collect(ctx context.Context, now time.Time, which []*instance) {
	if len(which) > 0 {
		results := make([]pmetric.Metrics, len(which))
		var wg sync.WaitGroup
		for i, in := range which {
			wg.Go(func() { results[i] = in.read(ctx, now) })
		}
		wg.Wait()
		if ctx.Err() != nil {
			return
		}
		md := pmetric.NewMetrics()
		for _, r := range results {
			r.ResourceMetrics().MoveAndAppendTo(md.ResourceMetrics())
		}
		if err := m.next.ConsumeMetrics(ctx, md); err != nil && ctx.Err() == nil {
			m.logger.Warn("middleware metrics not sent", "error", err)
		}
	}
	entries := make([]Entry, 0, len(m.instances))
	for _, in := range m.all() {
		entries = append(entries, in.entry)
	}
	if err := m.opts.Board.Set("middleware", entries); err != nil {
		m.logger.Warn("status board not written", "error", err)
	}
}

// complain logs a problem once, and again when it is another one.
func (m *middleware) complain(last *string, message string, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text != "" && text != *last {
		m.logger.Warn(message, "error", text) //nolint:sloglint // The callers' messages are constants.
	}
	*last = text
}
