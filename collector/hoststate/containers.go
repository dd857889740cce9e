// SPDX-License-Identifier: Apache-2.0

package hoststate

import (
	"cmp"
	"context"
	"path/filepath"
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric"
)

// maxSlices bounds the slices that are told; a host has some five.
const maxSlices = 32

// containers reads the control groups of containers. It is used by one loop.
type containers struct {
	cfg  ContainersConfig
	root string
	last map[string]int64 // CPU time of each group at the last scrape, in microseconds
}

func newContainers(cfg ContainersConfig, root string) *containers {
	return &containers{cfg: cfg, root: filepath.Join("/", root)}
}

// usage is what decides whether a container is told.
type usage struct {
	container
	cpu    map[string]int64
	memory int64 // bytes; -1: not counted
	recent int64 // CPU time since the last scrape, in microseconds
}

// scrape returns nothing where there is no cgroup v2. A controller that is off leaves its metrics out.
func (c *containers) scrape(_ context.Context, now time.Time) (pmetric.Metrics, error) {
	md, b := newBuilder(now)
	mount := cgroupMount(c.root)
	if mount == "" {
		return md, nil
	}
	found, tops := groups(mount)
	c.slices(b, mount, tops)
	kept, dropped := c.choose(found)
	if len(kept) == 0 {
		return md, nil
	}
	b.containers(kept)
	b.sum("strata.agent.containers.dropped", "{container}", "Containers that are not told because they are over the limit.", false)(int64(dropped))
	return md, nil
}

// choose keeps the containers with the most CPU since the last scrape and with the most memory, in turns.
func (c *containers) choose(found []container) (kept []usage, dropped int) {
	all, now := make([]usage, 0, len(found)), make(map[string]int64, len(found))
	for _, f := range found {
		u := usage{container: f, cpu: keyed(f.dir, "cpu.stat"), memory: -1}
		if n, ok := single(f.dir, "memory.current"); ok {
			u.memory = n
		}
		if u.cpu == nil && u.memory < 0 {
			continue // Gone meanwhile.
		}
		now[f.dir] = u.cpu["usage_usec"]
		u.recent = now[f.dir] - c.last[f.dir]
		all = append(all, u)
	}
	c.last = now
	if len(all) <= c.cfg.Max {
		return all, 0
	}
	byCPU, byMemory := slices.Clone(all), slices.Clone(all)
	slices.SortFunc(byCPU, func(a, b usage) int { return cmp.Or(cmp.Compare(b.recent, a.recent), cmp.Compare(a.id, b.id)) })
	slices.SortFunc(byMemory, func(a, b usage) int { return cmp.Or(cmp.Compare(b.memory, a.memory), cmp.Compare(a.id, b.id)) })
	chosen := make(map[string]bool, c.cfg.Max)
	for i := range all {
		for _, u := range []usage{byCPU[i], byMemory[i]} {
			if len(kept) < c.cfg.Max && !chosen[u.dir] {
				chosen[u.dir] = true
				kept = append(kept, u)
			}
		}
	}
	return kept, len(all) - len(kept)
}

// containers adds the metrics of the containers. Each metric is there only when a container has it.
func (b builder) containers(all []usage) {
	cpu := b.lazyCounter("container.cpu.time", "s", "CPU time of the container.")
	throttled := b.lazyCounter("container.cpu.throttled.time", "s", "Time the container waited because its CPU quota was used up.")
	periods := b.lazySum("container.cpu.throttled.periods", "{period}", "Periods in which the container's CPU quota was used up.", true)
	memory := b.lazySum("container.memory.usage", "By", "Memory of the container with its page cache.", false)
	working := b.lazySum("container.memory.working_set", "By", "Memory of the container without the page cache that is first to go.", false)
	limit := b.lazySum("container.memory.limit", "By", "The most memory that the container may use.", false)
	kills := b.lazySum("container.memory.oom_kills", "{process}", "Processes of the container that were killed for want of memory.", true)
	disk := b.lazySum("container.disk.io", "By", "Bytes the container read and wrote.", true)
	pids := b.lazySum("container.pids.count", "{thread}", "Threads of the container.", false)
	for _, u := range all {
		attrs := []string{"container.id", u.id, "container.runtime", u.runtime}
		if u.name != "" {
			attrs = append(attrs, "container.name", u.name)
		}
		with := func(more ...string) []string { return append(slices.Clip(attrs), more...) }
		if u.cpu != nil {
			cpu(seconds(u.cpu["user_usec"]), with("cpu.mode", "user")...)
			cpu(seconds(u.cpu["system_usec"]), with("cpu.mode", "system")...)
		}
		if n, ok := u.cpu["nr_throttled"]; ok {
			throttled(seconds(u.cpu["throttled_usec"]), attrs...)
			periods(n, attrs...)
		}
		if u.memory >= 0 {
			memory(u.memory, attrs...)
			if stat := keyed(u.dir, "memory.stat"); stat != nil {
				working(max(0, u.memory-stat["inactive_file"]), attrs...)
			}
		}
		if n, ok := single(u.dir, "memory.max"); ok {
			limit(n, attrs...)
		}
		if events := keyed(u.dir, "memory.events"); events != nil {
			kills(events["oom_kill"], attrs...)
		}
		if read, written, ok := diskBytes(u.dir); ok {
			disk(read, with("disk.io.direction", "read")...)
			disk(written, with("disk.io.direction", "write")...)
		}
		if n, ok := single(u.dir, "pids.current"); ok {
			pids(n, attrs...)
		}
	}
}

// slices adds what the slices at the top of the hierarchy use together: system.slice, user.slice, machine.slice, kubepods.slice.
func (c *containers) slices(b builder, mount string, names []string) {
	cpu := b.lazyCounter("cgroup.cpu.time", "s", "CPU time of the slice.")
	memory := b.lazySum("cgroup.memory.usage", "By", "Memory of the slice with its page cache.", false)
	pids := b.lazySum("cgroup.pids.count", "{thread}", "Threads of the slice.", false)
	for _, name := range names[:min(len(names), maxSlices)] {
		dir := filepath.Join(mount, name)
		if stat := keyed(dir, "cpu.stat"); stat != nil {
			cpu(seconds(stat["user_usec"]), "cgroup.name", name, "cpu.mode", "user")
			cpu(seconds(stat["system_usec"]), "cgroup.name", name, "cpu.mode", "system")
		}
		if n, ok := single(dir, "memory.current"); ok {
			memory(n, "cgroup.name", name)
		}
		if n, ok := single(dir, "pids.current"); ok {
			pids(n, "cgroup.name", name)
		}
	}
}

func seconds(microseconds int64) float64 { return float64(microseconds) / 1e6 }

// lazySum makes the metric with its first point.
func (b builder) lazySum(name, unit, description string, monotonic bool) func(v int64, attrs ...string) {
	var add func(int64, ...string)
	return func(v int64, attrs ...string) {
		if add == nil {
			add = b.sum(name, unit, description, monotonic)
		}
		add(v, attrs...)
	}
}

// lazyCounter makes the metric with its first point.
func (b builder) lazyCounter(name, unit, description string) func(v float64, attrs ...string) {
	var add func(float64, ...string)
	return func(v float64, attrs ...string) {
		if add == nil {
			add = b.counter(name, unit, description)
		}
		add(v, attrs...)
	}
}
