// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"net/http"
	"time"

	"github.com/strata-apm/strata/internal/httpx"
	"github.com/strata-apm/strata/query/hosts"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/tenant"
)

type hostAnswer struct {
	Name       string        `json:"name"`
	ID         string        `json:"id"`
	OS         string        `json:"os"`
	Arch       string        `json:"arch"`
	LastSeen   time.Time     `json:"last_seen"`
	Up         bool          `json:"up"`
	CPU        *float64      `json:"cpu_utilization"`
	Memory     *float64      `json:"memory_utilization"`
	Disk       *float64      `json:"disk_utilization"`
	Load1      *float64      `json:"load1"`
	NetworkIn  *float64      `json:"network_receive"`
	NetworkOut *float64      `json:"network_transmit"`
	DiskRead   *float64      `json:"disk_read"`
	DiskWrite  *float64      `json:"disk_write"`
	Sparkline  hostSparkline `json:"sparkline"`
}

type hostSparkline struct {
	Time   []int64    `json:"time"`
	CPU    []*float64 `json:"cpu"`
	Memory []*float64 `json:"memory"`
}

type hostsAnswer struct {
	Hosts    []hostAnswer `json:"hosts"`
	Warnings []string     `json:"warnings"`
}

type hostDetailAnswer struct {
	Host        hostAnswer         `json:"host"`
	Attributes  map[string]string  `json:"attributes"`
	Filesystems []filesystemAnswer `json:"filesystems"`
	Processes   []processAnswer    `json:"processes"`
	Services    []string           `json:"services"`
	Warnings    []string           `json:"warnings"`
}

type filesystemAnswer struct {
	Mountpoint  string   `json:"mountpoint"`
	Device      string   `json:"device"`
	Type        string   `json:"type"`
	UsedBytes   *float64 `json:"used_bytes"`
	FreeBytes   *float64 `json:"free_bytes"`
	Utilization *float64 `json:"utilization"`
}

type processAnswer struct {
	Name        string   `json:"name"`
	PID         string   `json:"pid"`
	CPU         *float64 `json:"cpu"`
	MemoryBytes *float64 `json:"memory_bytes"`
}

func hostOf(h hosts.Host) hostAnswer {
	out := hostAnswer{
		Name: h.Name, ID: h.ID, OS: h.OS, Arch: h.Arch, LastSeen: h.LastSeen, Up: h.Up, CPU: h.CPU, Memory: h.Memory, Disk: h.Disk, Load1: h.Load1,
		NetworkIn: h.NetworkIn, NetworkOut: h.NetworkOut, DiskRead: h.DiskRead, DiskWrite: h.DiskWrite,
		Sparkline: hostSparkline{Time: []int64{}, CPU: orEmpty(h.Sparkline.CPU), Memory: orEmpty(h.Sparkline.Memory)},
	}
	for _, t := range h.Sparkline.Times {
		out.Sparkline.Time = append(out.Sparkline.Time, t.Unix())
	}
	return out
}

func (a *API) hosts(r *http.Request) (any, error) {
	rng, err := httpx.Range(r, a.now())
	if err != nil {
		return nil, err
	}
	list, err := a.opts.Hosts.List(r.Context(), rng)
	if err != nil {
		return nil, err
	}
	answer := hostsAnswer{Hosts: []hostAnswer{}, Warnings: orEmpty(list.Warnings)}
	for _, h := range list.Hosts {
		answer.Hosts = append(answer.Hosts, hostOf(h))
	}
	return answer, nil
}

func (a *API) host(r *http.Request) (any, error) {
	rng, err := httpx.Range(r, a.now())
	if err != nil {
		return nil, err
	}
	name := httpx.PathParam(r, "name")
	d, err := a.opts.Hosts.Get(r.Context(), name, rng)
	if err != nil {
		return nil, err
	}
	answer := hostDetailAnswer{
		Host: hostOf(d.Host), Attributes: orEmptyMap(d.Attributes), Filesystems: []filesystemAnswer{}, Processes: []processAnswer{},
		Services: []string{}, Warnings: orEmpty(d.Warnings),
	}
	for _, f := range d.Filesystems {
		answer.Filesystems = append(answer.Filesystems, filesystemAnswer{
			Mountpoint: f.Mountpoint, Device: f.Device, Type: f.Type, UsedBytes: f.UsedBytes, FreeBytes: f.FreeBytes, Utilization: f.InUse01,
		})
	}
	for _, p := range d.Processes {
		answer.Processes = append(answer.Processes, processAnswer(p))
	}
	// The machine's numbers are worth showing also while the store of traces is away.
	services, err := a.opts.Services.HostServices(r.Context(), storage.HostQuery{Tenant: tenant.FromContext(r.Context()), Host: name, Range: rng})
	if err != nil {
		answer.Warnings = append(answer.Warnings, "the services on this host could not be read")
	} else {
		answer.Services = orEmpty(services)
	}
	return answer, nil
}
