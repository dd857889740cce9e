// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

const hostMemory = 16 << 30

// hostModel is the load of one machine as a function of time, so that nothing has to tick.
type hostModel struct {
	name  string
	phase float64
	sw    *switches

	mu   sync.Mutex
	last time.Time // guarded by mu
	busy float64   // guarded by mu: CPU seconds since the start
	idle float64   // guarded by mu
	net  int64     // guarded by mu: bytes since the start
}

// newHost registers the metrics an agent would send for the machine, with the agent's resource: no service.name, and an instance id.
func newHost(out *output, name string, seed uint64, sw *switches) error {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%s/%d", name, seed)
	id := fmt.Sprintf("%016x%016x", h.Sum64(), h.Sum64()^seed)
	p := out.process(attribute.String("host.name", name), attribute.String("host.id", id), attribute.String("service.instance.id", id),
		attribute.String("host.arch", "amd64"), attribute.String("os.type", "linux"), attribute.String("os.description", "Demo Linux 1"),
		attribute.String("deployment.environment.name", "demo"))
	m := &hostModel{name: name, phase: float64(h.Sum64()%1000) / 160, sw: sw, last: time.Now()}
	meter := p.meter.Meter(scopeName)
	var errs [7]error
	var cpu metric.Float64ObservableCounter
	var memory, disk metric.Int64ObservableUpDownCounter
	var memoryShare, diskShare, load metric.Float64ObservableGauge
	var network metric.Int64ObservableCounter
	cpu, errs[0] = meter.Float64ObservableCounter("system.cpu.time", metric.WithUnit("s"))
	memory, errs[1] = meter.Int64ObservableUpDownCounter("system.memory.usage", metric.WithUnit("By"))
	memoryShare, errs[2] = meter.Float64ObservableGauge("system.memory.utilization", metric.WithUnit("1"))
	disk, errs[3] = meter.Int64ObservableUpDownCounter("system.filesystem.usage", metric.WithUnit("By"))
	diskShare, errs[4] = meter.Float64ObservableGauge("system.filesystem.utilization", metric.WithUnit("1"))
	load, errs[5] = meter.Float64ObservableGauge("system.cpu.load_average.1m", metric.WithUnit("{thread}"))
	network, errs[6] = meter.Int64ObservableCounter("system.network.io", metric.WithUnit("By"))
	if err := errors.Join(errs[:]...); err != nil {
		return fmt.Errorf("demo: instruments of host %s: %w", name, err)
	}
	_, err := meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		s := m.sample(time.Now())
		state := func(v string) metric.MeasurementOption {
			return metric.WithAttributes(attribute.String("cpu", "cpu0"), attribute.String("state", v))
		}
		o.ObserveFloat64(cpu, s.busy*0.8, state("user"))
		o.ObserveFloat64(cpu, s.busy*0.2, state("system"))
		o.ObserveFloat64(cpu, s.idle, state("idle"))
		used := metric.WithAttributes(attribute.String("state", "used"))
		free := metric.WithAttributes(attribute.String("state", "free"))
		o.ObserveInt64(memory, int64(s.memory*hostMemory), used)
		o.ObserveInt64(memory, int64((1-s.memory)*hostMemory), free)
		o.ObserveFloat64(memoryShare, s.memory, used)
		o.ObserveFloat64(memoryShare, 1-s.memory, free)
		root := []attribute.KeyValue{attribute.String("device", "/dev/vda1"), attribute.String("mountpoint", "/"), attribute.String("type", "ext4"), attribute.String("mode", "rw")}
		const size = 100 << 30
		o.ObserveInt64(disk, int64(s.disk*size), metric.WithAttributes(append(root[:4:4], attribute.String("state", "used"))...))
		o.ObserveInt64(disk, int64((1-s.disk)*size), metric.WithAttributes(append(root[:4:4], attribute.String("state", "free"))...))
		o.ObserveFloat64(diskShare, s.disk, metric.WithAttributes(root...))
		o.ObserveFloat64(load, s.load)
		o.ObserveInt64(network, s.net, metric.WithAttributes(attribute.String("device", "eth0"), attribute.String("direction", "receive")))
		o.ObserveInt64(network, s.net*3, metric.WithAttributes(attribute.String("device", "eth0"), attribute.String("direction", "transmit")))
		return nil
	}, cpu, memory, memoryShare, disk, diskShare, load, network)
	if err != nil {
		return fmt.Errorf("demo: metrics of host %s: %w", name, err)
	}
	return nil
}

type hostSample struct {
	busy, idle, memory, disk, load float64
	net                            int64
}

func (m *hostModel) sample(now time.Time) hostSample {
	m.mu.Lock()
	defer m.mu.Unlock()
	share := 0.3 + 0.15*math.Sin(float64(now.Unix())/90+m.phase)
	if m.name == "demo-db-1" && m.sw.active(SlowDatabase) {
		share = 0.95
	}
	passed := now.Sub(m.last).Seconds()
	m.last = now
	m.busy += share * passed
	m.idle += (1 - share) * passed
	m.net += int64(passed * share * 2e6)
	memory := 0.55 + 0.05*math.Sin(float64(now.Unix())/300+m.phase)
	return hostSample{busy: m.busy, idle: m.idle, memory: memory, disk: 0.4 + m.phase/20, load: share * 4, net: m.net}
}
