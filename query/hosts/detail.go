// SPDX-License-Identifier: Apache-2.0

package hosts

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/strata-apm/strata/storage"
)

// infos returns the labels of target_info by host. Services on a host have one each; the host's own is the one without a service,
// and the one that says most where there are several.
func (r request) infos(ctx context.Context, selector string, rng storage.TimeRange) (map[string]map[string]string, error) {
	values, err := r.Instant(ctx, "last_over_time(target_info{"+selector+"}["+promDuration(rng.End.Sub(rng.Start))+"])", rng.End)
	if err != nil {
		return nil, fmt.Errorf("read hosts' attributes: %w", err)
	}
	out := map[string]map[string]string{}
	rank := map[string]int{}
	for _, s := range values {
		info := map[string]string{}
		// An instance that was derived from attributes is that of a process, a queue or the like: of its attributes some are the host's.
		part := strings.Contains(s.Metric.Get("instance"), "=")
		s.Metric.Range(func(l labels.Label) {
			if l.Name != "__name__" && l.Name != "job" && l.Name != "instance" && (!part || ofHost(l.Name)) {
				info[l.Name] = l.Value
			}
		})
		score := len(info)
		if info["host_id"] != "" || info["os_type"] != "" {
			score += 1000
		}
		if info["service_name"] == "" && !part {
			score += 10_000
		}
		name := info["host_name"]
		if score > rank[name] {
			rank[name], out[name] = score, info
		}
	}
	return out, nil
}

func ofHost(label string) bool {
	return strings.HasPrefix(label, "host_") || strings.HasPrefix(label, "os_") || strings.HasPrefix(label, "cloud_")
}

func (r request) filesystems(ctx context.Context, selector string, at time.Time) ([]Filesystem, error) {
	values, err := r.Instant(ctx, "sum by (device, mountpoint, type, state) (system_filesystem_usage_bytes{"+pseudo+","+selector+"})", at)
	if err != nil {
		return nil, fmt.Errorf("read filesystems: %w", err)
	}
	type key struct{ mountpoint, device, typ string }
	byKey := map[key]*Filesystem{}
	for _, s := range values {
		k := key{s.Metric.Get("mountpoint"), s.Metric.Get("device"), s.Metric.Get("type")}
		fs := byKey[k]
		if fs == nil {
			fs = &Filesystem{Mountpoint: k.mountpoint, Device: k.device, Type: k.typ}
			byKey[k] = fs
		}
		switch s.Metric.Get("state") {
		case "used":
			fs.UsedBytes = number(s.F)
		case "free":
			fs.FreeBytes = number(s.F)
		}
	}
	out := make([]Filesystem, 0, len(byKey))
	for _, fs := range byKey {
		if fs.UsedBytes != nil && fs.FreeBytes != nil && *fs.UsedBytes+*fs.FreeBytes > 0 {
			fs.InUse01 = number(*fs.UsedBytes / (*fs.UsedBytes + *fs.FreeBytes))
		}
		out = append(out, *fs)
	}
	slices.SortFunc(out, func(a, b Filesystem) int {
		return cmp.Or(strings.Compare(a.Mountpoint, b.Mountpoint), strings.Compare(a.Device, b.Device))
	})
	return out, nil
}

// mostProcesses is how many processes of a host are listed.
const mostProcesses = 200

// processes are all that are named, the busiest first.
func (r request) processes(ctx context.Context, selector string, at time.Time) ([]Process, error) {
	const by = "sum by (process_executable_name, process_command, process_pid) "
	type key struct{ name, pid string }
	byKey := map[key]*Process{}
	for _, q := range []struct {
		expr  string
		field func(*Process) **float64
	}{
		{by + `(rate(process_cpu_time_seconds_total{process_pid!="",` + selector + "}" + window + "))", func(p *Process) **float64 { return &p.CPU }},
		{by + `(process_memory_usage_bytes{process_pid!="",` + selector + "})", func(p *Process) **float64 { return &p.MemoryBytes }},
	} {
		values, err := r.Instant(ctx, q.expr, at)
		if err != nil {
			return nil, fmt.Errorf("read processes: %w", err)
		}
		for _, s := range values {
			k := key{cmp.Or(s.Metric.Get("process_executable_name"), s.Metric.Get("process_command")), s.Metric.Get("process_pid")}
			if byKey[k] == nil {
				byKey[k] = &Process{Name: k.name, PID: k.pid}
			}
			*q.field(byKey[k]) = number(s.F)
		}
	}
	out := make([]Process, 0, len(byKey))
	for _, p := range byKey {
		out = append(out, *p)
	}
	value := func(f *float64) float64 {
		if f == nil {
			return 0
		}
		return *f
	}
	slices.SortFunc(out, func(a, b Process) int {
		return cmp.Or(-cmp.Compare(value(a.CPU), value(b.CPU)), -cmp.Compare(value(a.MemoryBytes), value(b.MemoryBytes)), strings.Compare(a.PID, b.PID))
	})
	return out, nil
}
