// SPDX-License-Identifier: Apache-2.0

package hoststate

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/receiver"
	"go.uber.org/zap"
)

// Type is the receiver's type in a collector's configuration.
const Type = "strata_host"

// Config says how often and where.
type Config struct {
	Interval time.Duration `mapstructure:"interval"`
	// RootPath is where the host's file system is mounted when the agent runs in a container.
	RootPath string `mapstructure:"root_path"`
	// Systemd and Containers are off unless they are enabled.
	Systemd    SystemdConfig    `mapstructure:"systemd"`
	Containers ContainersConfig `mapstructure:"containers"`
}

// SystemdConfig is about systemd's units.
type SystemdConfig struct {
	Enabled bool `mapstructure:"enabled"`
	// Units are patterns as systemctl takes them, MaxUnits how many units are told at the most.
	Units    []string `mapstructure:"units"`
	MaxUnits int      `mapstructure:"max_units"`
}

// ContainersConfig is about containers, found by their control groups.
type ContainersConfig struct {
	Enabled bool `mapstructure:"enabled"`
	// Max is how many containers are told at the most.
	Max int `mapstructure:"max"`
}

// NewFactory returns the receiver's factory.
func NewFactory() (receiver.Factory, error) {
	typ, err := component.NewType(Type)
	if err != nil {
		return nil, fmt.Errorf("receiver type: %w", err)
	}
	return receiver.NewFactory(typ, func() component.Config { return &Config{Interval: 10 * time.Second} },
		receiver.WithMetrics(func(_ context.Context, set receiver.Settings, cfg component.Config, next consumer.Metrics) (receiver.Metrics, error) {
			return &host{cfg: *cfg.(*Config), next: next, logger: set.Logger}, nil
		}, component.StabilityLevelStable),
	), nil
}

type host struct {
	cfg    Config
	next   consumer.Metrics
	logger *zap.Logger
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// Start implements component.Component.
func (h *host) Start(ctx context.Context, _ component.Host) error {
	ctx, h.cancel = context.WithCancel(context.WithoutCancel(ctx))
	h.loop(ctx, func(_ context.Context, now time.Time) (pmetric.Metrics, error) {
		return scrape(h.cfg.RootPath, tcpStates, now), nil
	})
	if h.cfg.Systemd.Enabled {
		s := newSystemd(h.cfg.Systemd, h.cfg.RootPath)
		h.loop(ctx, s.scrape, s.close)
	}
	if h.cfg.Containers.Enabled {
		h.loop(ctx, newContainers(h.cfg.Containers, h.cfg.RootPath).scrape)
	}
	return nil
}

// loop scrapes one source until ctx ends, so that one that hangs holds up no other. An error is logged when it is new.
func (h *host) loop(ctx context.Context, scrape func(context.Context, time.Time) (pmetric.Metrics, error), closers ...func()) {
	h.wg.Go(func() {
		timer := time.NewTimer(time.Second)
		defer timer.Stop()
		last := ""
		for {
			select {
			case <-ctx.Done():
				for _, c := range closers {
					c()
				}
				return
			case now := <-timer.C:
				md, err := scrape(ctx, now)
				if err != nil && err.Error() != last && ctx.Err() == nil {
					last = err.Error()
					h.logger.Warn("a part of the host's state is not read", zap.Error(err))
				}
				if md.DataPointCount() > 0 {
					if err := h.next.ConsumeMetrics(ctx, md); err != nil && ctx.Err() == nil {
						h.logger.Warn("host metrics not queued", zap.Error(err))
					}
				}
			}
			timer.Reset(h.cfg.Interval)
		}
	})
}

// Shutdown implements component.Component.
func (h *host) Shutdown(context.Context) error {
	if h.cancel != nil {
		h.cancel()
	}
	h.wg.Wait()
	return nil
}

// scrape reads everything once. states counts the TCP sockets that /proc does not.
func scrape(root string, states func() (map[string]int64, error), now time.Time) pmetric.Metrics {
	md, b := newBuilder(now)
	b.tcp(filepath.Join("/", root, "proc/net"), states)
	b.clock()
	b.mounts(filepath.Join("/", root))
	return md
}

type builder struct {
	metrics pmetric.MetricSlice
	now     pcommon.Timestamp
}

func newBuilder(now time.Time) (pmetric.Metrics, builder) {
	md := pmetric.NewMetrics()
	sm := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty()
	sm.Scope().SetName("github.com/strata-apm/strata/collector/hoststate")
	return md, builder{metrics: sm.Metrics(), now: pcommon.NewTimestampFromTime(now)}
}

// attrs are pairs of names and values.
func (b builder) gauge(name, unit, description string) func(v float64, attrs ...string) {
	m := b.metric(name, unit, description)
	points := m.SetEmptyGauge().DataPoints()
	return func(v float64, attrs ...string) { b.point(points.AppendEmpty(), attrs).SetDoubleValue(v) }
}

func (b builder) counter(name, unit, description string) func(v float64, attrs ...string) {
	m := b.metric(name, unit, description)
	sum := m.SetEmptySum()
	sum.SetIsMonotonic(true)
	sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	return func(v float64, attrs ...string) { b.point(sum.DataPoints().AppendEmpty(), attrs).SetDoubleValue(v) }
}

func (b builder) sum(name, unit, description string, monotonic bool) func(v int64, attrs ...string) {
	m := b.metric(name, unit, description)
	sum := m.SetEmptySum()
	sum.SetIsMonotonic(monotonic)
	sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	return func(v int64, attrs ...string) { b.point(sum.DataPoints().AppendEmpty(), attrs).SetIntValue(v) }
}

func (b builder) metric(name, unit, description string) pmetric.Metric {
	m := b.metrics.AppendEmpty()
	m.SetName(name)
	m.SetUnit(unit)
	m.SetDescription(description)
	return m
}

func (b builder) point(dp pmetric.NumberDataPoint, attrs []string) pmetric.NumberDataPoint {
	dp.SetTimestamp(b.now)
	for i := 0; i+1 < len(attrs); i += 2 {
		dp.Attributes().PutStr(attrs[i], attrs[i+1])
	}
	return dp
}

func (b builder) tcp(dir string, states func() (map[string]int64, error)) {
	tcp, sock, ext := counters(filepath.Join(dir, "snmp"), "Tcp"), sockstat(filepath.Join(dir, "sockstat"), "TCP"), counters(filepath.Join(dir, "netstat"), "TcpExt")
	if tcp == nil || sock == nil {
		return
	}
	count := b.sum("system.network.connection.count", "{connection}", "TCP connections by state.", false)
	rest, err := states()
	if err != nil {
		rest = nil // Where the kernel has no sock_diag; the two below are known all the same.
	}
	// The kernel's number of established connections has those in close_wait in it.
	count(max(0, tcp["CurrEstab"]-rest["close_wait"]), "network.transport", "tcp", "network.connection.state", "established")
	count(sock["tw"], "network.transport", "tcp", "network.connection.state", "time_wait")
	for _, state := range slices.Sorted(maps.Keys(rest)) {
		count(rest[state], "network.transport", "tcp", "network.connection.state", state)
	}
	b.sum("system.network.tcp.orphans", "{connection}", "TCP connections that no process holds any more.", false)(sock["orphan"])
	b.sum("system.network.tcp.memory.usage", "By", "Memory of TCP's buffers.", false)(sock["mem"] * 4096)
	opened := b.sum("system.network.tcp.opened", "{connection}", "TCP connections that were opened.", true)
	opened(tcp["ActiveOpens"], "direction", "active")
	opened(tcp["PassiveOpens"], "direction", "passive")
	b.sum("system.network.tcp.segments", "{segment}", "TCP segments sent.", true)(tcp["OutSegs"])
	b.sum("system.network.tcp.retransmissions", "{segment}", "TCP segments sent again.", true)(tcp["RetransSegs"])
	trouble := b.sum("system.network.tcp.failures", "{connection}", "TCP connections that came to nothing or broke.", true)
	trouble(tcp["AttemptFails"], "type", "attempt")
	trouble(tcp["EstabResets"], "type", "reset")
	if ext != nil {
		trouble(ext["ListenOverflows"], "type", "listen_overflow")
		trouble(ext["ListenDrops"], "type", "listen_drop")
	}
}

func (b builder) clock() {
	c, ok := readClock()
	if !ok {
		return
	}
	b.gauge("system.clock.offset", "s", "The clock's distance from the time servers', as the kernel was told last.")(c.offset)
	errs := b.gauge("system.clock.error", "s", "How wrong the clock may be.")
	errs(c.estimatedError, "type", "estimated")
	errs(c.maxError, "type", "maximum")
	synchronized := 0.0
	if c.synchronized {
		synchronized = 1
	}
	b.gauge("system.clock.synchronized", "1", "1 when a time service keeps the clock, else 0.")(synchronized)
}

func (b builder) mounts(root string) {
	all := mounts(root)
	if len(all) == 0 {
		return
	}
	readOnly := b.gauge("system.filesystem.read_only", "1", "1 when the file system takes no writes, else 0. A file system that was mounted for writing has failed then.")
	for _, m := range all {
		v, mode := 0.0, "rw"
		if m.readOnly || m.mountedReadOnly {
			v = 1
		}
		if m.mountedReadOnly {
			mode = "ro"
		}
		readOnly(v, "device", m.device, "mountpoint", m.point, "type", m.typ, "mode", mode)
	}
	var counted bool
	for _, m := range all {
		counted = counted || m.errors >= 0
	}
	if !counted {
		return
	}
	errs := b.sum("system.filesystem.errors", "{error}", "Errors that ext4 has met since the file system was checked.", false)
	for _, m := range all {
		if m.errors >= 0 {
			errs(m.errors, "device", m.device, "mountpoint", m.point)
		}
	}
}
