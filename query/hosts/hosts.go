// SPDX-License-Identifier: Apache-2.0

package hosts

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/strata-apm/strata/query/prom"
	"github.com/strata-apm/strata/storage"
)

// Host is one machine. A nil number is one that was not measured.
type Host struct {
	Name       string
	ID         string
	OS         string
	Arch       string
	LastSeen   time.Time
	Up         bool
	CPU        *float64 // utilization, 0 to 1, as Memory and Disk are
	Memory     *float64
	Disk       *float64 // of the fullest filesystem
	Load1      *float64
	NetworkIn  *float64 // bytes per second, as the three below
	NetworkOut *float64
	DiskRead   *float64
	DiskWrite  *float64
	Sparkline  Sparkline
}

// Sparkline is a host's recent past. The slices have one length.
type Sparkline struct {
	Times  []time.Time
	CPU    []*float64
	Memory []*float64
}

// Filesystem is one mounted filesystem.
type Filesystem struct {
	Mountpoint, Device, Type      string
	UsedBytes, FreeBytes, InUse01 *float64
}

// Process is one process. Only an agent that sends process metrics names any.
type Process struct {
	Name, PID   string
	CPU         *float64 // cores
	MemoryBytes *float64
}

// Detail is everything about one host.
type Detail struct {
	Host        Host
	Attributes  map[string]string
	Filesystems []Filesystem
	Processes   []Process
	Warnings    []string
}

// List is what is known of several hosts.
type List struct {
	Hosts []Host
	// Warnings say what the answer lacks, such as the metrics of a writer that is down.
	Warnings []string
}

const (
	// upWithin is how old a host's newest sample may be.
	upWithin = 2 * time.Minute
	// window is what rates are taken over: two samples of an agent that sends once a minute, with room for a late one.
	window = "[5m]"
	points = 30
	// pseudo are filesystems that are always full or never, and say nothing about a disk.
	pseudo = `type!~"squashfs|iso9660|tmpfs|devtmpfs|overlay|proc|sysfs|cgroup2?|autofs|ramfs|erofs|nsfs|tracefs|debugfs|efivarfs|devpts|mqueue|hugetlbfs|fuse.*"`
)

// request is what one answer needs. Not safe for concurrent use.
type request struct{ *prom.Request }

// Reader reads hosts. Safe for concurrent use.
type Reader struct {
	metrics prom.Metrics
}

// New reads hosts by m.
func New(m prom.Metrics) *Reader { return &Reader{metrics: m} }

// List returns the hosts with samples in the range, in order of name.
func (r *Reader) List(ctx context.Context, rng storage.TimeRange) (List, error) {
	req := request{prom.NewRequest(r.metrics)}
	found, err := req.read(ctx, rng, `host_name!=""`)
	return List{Hosts: found, Warnings: req.Warnings()}, err
}

// Seen returns the hosts with samples in the range, in order of name, by four queries: of their numbers and attributes nothing is set but
// LastSeen and Up.
func (r *Reader) Seen(ctx context.Context, rng storage.TimeRange) (List, error) {
	req := request{prom.NewRequest(r.metrics)}
	byName, err := req.lastSeen(ctx, rng, `host_name!=""`)
	if err != nil {
		return List{}, err
	}
	list := List{Hosts: make([]Host, 0, len(byName)), Warnings: req.Warnings()}
	for _, h := range byName {
		list.Hosts = append(list.Hosts, *h)
	}
	slices.SortFunc(list.Hosts, func(a, b Host) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// Get describes one host. The error wraps storage.ErrNotFound when it has no sample in the range.
func (r *Reader) Get(ctx context.Context, name string, rng storage.TimeRange) (Detail, error) {
	req := request{prom.NewRequest(r.metrics)}
	if name == "" || !utf8.ValidString(name) { // no label has such a value, and PromQL cannot ask for it
		return Detail{}, fmt.Errorf("host %q: %w", name, storage.ErrNotFound)
	}
	selector := "host_name=" + strconv.QuoteToASCII(name)
	found, err := req.read(ctx, rng, selector)
	if err != nil {
		return Detail{}, err
	}
	if len(found) == 0 {
		return Detail{}, fmt.Errorf("host %q: %w", name, storage.ErrNotFound)
	}
	d := Detail{Host: found[0], Attributes: map[string]string{}}
	at := evaluationTime(found[0], rng)
	if d.Filesystems, err = req.filesystems(ctx, selector, at); err != nil {
		return Detail{}, err
	}
	if d.Processes, err = req.processes(ctx, selector, at); err != nil {
		return Detail{}, err
	}
	infos, err := req.infos(ctx, selector, rng)
	if err != nil {
		return Detail{}, err
	}
	if info, ok := infos[name]; ok {
		d.Attributes = info
	}
	d.Warnings = req.Warnings()
	if n := len(d.Processes); n > mostProcesses {
		d.Processes = d.Processes[:mostProcesses]
		d.Warnings = append(d.Warnings, fmt.Sprintf("the %d busiest of %d processes are listed", mostProcesses, n))
	}
	return d, nil
}

// LastSeen returns the time of the host's newest CPU sample, the zero time when there is none within the engine's lookback before at.
func (r *Reader) LastSeen(ctx context.Context, name string, at time.Time) (time.Time, error) {
	if name == "" || !utf8.ValidString(name) {
		return time.Time{}, nil
	}
	req := request{prom.NewRequest(r.metrics)}
	values, err := req.Instant(ctx, "max(timestamp(system_cpu_time_seconds_total{host_name="+strconv.QuoteToASCII(name)+"}))", at)
	if err != nil || len(values) == 0 {
		return time.Time{}, err
	}
	return time.UnixMilli(int64(values[0].F * 1000)).UTC(), nil
}

// evaluationTime is the end of the range, or the last sign of life of a host that is gone: its last values are better than none.
func evaluationTime(h Host, rng storage.TimeRange) time.Time {
	if h.LastSeen.Before(rng.End) {
		return h.LastSeen
	}
	return rng.End
}

func (r request) read(ctx context.Context, rng storage.TimeRange, selector string) ([]Host, error) {
	byName, err := r.lastSeen(ctx, rng, selector)
	if err != nil || len(byName) == 0 {
		return []Host{}, err
	}
	for _, g := range gauges(selector) {
		values, err := r.Instant(ctx, g.expr, rng.End)
		if err != nil {
			return nil, fmt.Errorf("read hosts: %w", err)
		}
		for _, s := range values {
			if h := byName[s.Metric.Get("host_name")]; h != nil {
				*g.field(h) = number(s.F)
			}
		}
	}
	if err := r.sparklines(ctx, rng, selector, byName); err != nil {
		return nil, err
	}
	infos, err := r.infos(ctx, selector, rng)
	if err != nil {
		return nil, err
	}
	out := make([]Host, 0, len(byName))
	for name, h := range byName {
		info := infos[name]
		h.ID, h.OS, h.Arch = info["host_id"], info["os_type"], info["host_arch"]
		out = append(out, *h)
	}
	slices.SortFunc(out, func(a, b Host) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// lastSeen finds the hosts. The newest sample is known to the millisecond for a host that is up, else to a step of the range.
func (r request) lastSeen(ctx context.Context, rng storage.TimeRange, selector string) (map[string]*Host, error) {
	length := rng.End.Sub(rng.Start)
	step := max(15*time.Second, (length / 120).Round(time.Second))
	byName := map[string]*Host{}
	for _, metric := range []string{"system_cpu_time_seconds_total", "system_memory_usage_bytes"} {
		selected := metric + "{" + selector + "}"
		for _, expr := range []string{
			"max by (host_name) (max_over_time(timestamp(" + selected + ")[" + promDuration(length) + ":" + promDuration(step) + "]))",
			"max by (host_name) (timestamp(" + selected + "))",
		} {
			values, err := r.Instant(ctx, expr, rng.End)
			if err != nil {
				return nil, fmt.Errorf("list hosts: %w", err)
			}
			for _, s := range values {
				name := s.Metric.Get("host_name")
				seen := time.UnixMilli(int64(s.F * 1000)).UTC()
				h := byName[name]
				if h == nil {
					h = &Host{Name: name}
					byName[name] = h
				}
				if seen.After(h.LastSeen) {
					h.LastSeen = seen
				}
				h.Up = rng.End.Sub(h.LastSeen) <= upWithin
			}
		}
	}
	return byName, nil
}

// gauge is one number of a host and where it goes.
type gauge struct {
	expr  string
	field func(*Host) **float64
}

func cpuExpr(selector string) string {
	return "1 - sum by (host_name) (rate(system_cpu_time_seconds_total{state=\"idle\"," + selector + "}" + window +
		")) / sum by (host_name) (rate(system_cpu_time_seconds_total{" + selector + "}" + window + "))"
}

// memoryExpr leaves the slab states out: they are part of others.
func memoryExpr(selector string) string {
	return "sum by (host_name) (system_memory_usage_bytes{state=\"used\"," + selector + "}) / sum by (host_name) (system_memory_usage_bytes{state!~\"slab.*\"," + selector + "})"
}

func gauges(selector string) []gauge {
	throughput := func(metric, extra string) string {
		return "sum by (host_name) (rate(" + metric + "{" + extra + "," + selector + "}" + window + "))"
	}
	filesystem := func(states string) string {
		return "sum by (host_name, device, mountpoint) (system_filesystem_usage_bytes{state=~\"" + states + "\"," + pseudo + "," + selector + "})"
	}
	return []gauge{
		{cpuExpr(selector), func(h *Host) **float64 { return &h.CPU }},
		{memoryExpr(selector), func(h *Host) **float64 { return &h.Memory }},
		{"max by (host_name) (" + filesystem("used") + " / " + filesystem("used|free") + ")", func(h *Host) **float64 { return &h.Disk }},
		{"max by (host_name) (system_cpu_load_average_1m{" + selector + "})", func(h *Host) **float64 { return &h.Load1 }},
		{throughput("system_network_io_bytes_total", `direction="receive",device!="lo"`), func(h *Host) **float64 { return &h.NetworkIn }},
		{throughput("system_network_io_bytes_total", `direction="transmit",device!="lo"`), func(h *Host) **float64 { return &h.NetworkOut }},
		{throughput("system_disk_io_bytes_total", `direction="read"`), func(h *Host) **float64 { return &h.DiskRead }},
		{throughput("system_disk_io_bytes_total", `direction="write"`), func(h *Host) **float64 { return &h.DiskWrite }},
	}
}

func (r request) sparklines(ctx context.Context, rng storage.TimeRange, selector string, byName map[string]*Host) error {
	step := max(15*time.Second, (rng.End.Sub(rng.Start) / points).Round(time.Second))
	var times []time.Time
	for t := rng.Start; !t.After(rng.End); t = t.Add(step) {
		times = append(times, t)
	}
	for _, h := range byName {
		h.Sparkline = Sparkline{Times: times, CPU: make([]*float64, len(times)), Memory: make([]*float64, len(times))}
	}
	for _, line := range []struct {
		expr   string
		values func(*Host) []*float64
	}{
		{cpuExpr(selector), func(h *Host) []*float64 { return h.Sparkline.CPU }},
		{memoryExpr(selector), func(h *Host) []*float64 { return h.Sparkline.Memory }},
	} {
		matrix, err := r.Range(ctx, line.expr, rng, step)
		if err != nil {
			return fmt.Errorf("read hosts' series: %w", err)
		}
		for _, series := range matrix {
			h := byName[series.Metric.Get("host_name")]
			if h == nil {
				continue
			}
			for _, p := range series.Floats {
				if i := int((p.T - rng.Start.UnixMilli()) / step.Milliseconds()); i >= 0 && i < len(times) {
					line.values(h)[i] = number(p.F)
				}
			}
		}
	}
	return nil
}

// number drops what is none.
func number(f float64) *float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil
	}
	return &f
}

// promDuration writes a duration as PromQL does, in milliseconds.
func promDuration(d time.Duration) string {
	return strconv.FormatInt(max(1, d.Milliseconds()), 10) + "ms"
}
