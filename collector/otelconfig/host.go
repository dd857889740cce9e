// SPDX-License-Identifier: Apache-2.0

package otelconfig

import "github.com/strata-apm/strata/collector/config"

// hostReceiver describes one host metrics receiver. There are two, because looking at every process costs more than the rest
// together and is needed less often.
func hostReceiver(h config.Host, interval config.Duration, scrapers object) object {
	r := object{"collection_interval": interval.String(), "initial_delay": "1s", "scrapers": scrapers}
	if h.RootPath != "" {
		r["root_path"] = h.RootPath
	}
	return r
}

// hostScrapers names what is read. Connections are left out because counting them opens every process' descriptors; interfaces and
// mounts that containers create and delete are left out because each would be new series.
func hostScrapers() object {
	enabled := object{"enabled": true}
	disabled := object{"enabled": false}
	return object{
		"cpu":  object{},
		"load": object{},
		"memory": object{"metrics": object{
			"system.memory.utilization":     enabled,
			"system.memory.limit":           enabled,
			"system.linux.memory.available": enabled,
		}},
		"disk": object{
			"exclude": object{"devices": list{`^(loop|ram|zram|fd|sr)\d+$`}, "match_type": "regexp"},
			"metrics": object{"system.disk.merged": disabled, "system.disk.weighted_io_time": disabled},
		},
		"filesystem": object{
			"exclude_fs_types": object{
				"fs_types":   list{"autofs", "overlay", "squashfs", "iso9660", "nsfs", "tmpfs", "devtmpfs", "fuse.lxcfs", "erofs"},
				"match_type": "strict",
			},
			"exclude_mount_points": object{
				"mount_points": list{`^/(dev|proc|sys|run)($|/)`, `^/var/lib/(docker|containers|containerd|kubelet)/.+`, `^/snap/.+`},
				"match_type":   "regexp",
			},
			"metrics": object{"system.filesystem.utilization": enabled},
		},
		"network": object{
			"exclude": object{
				"interfaces": list{`^(lo\d*|veth.*|cali.*|cni.*|flannel.*|lxc.*|vnet.*)$`},
				"match_type": "regexp",
			},
			"metrics": object{"system.network.connections": disabled},
		},
		"paging":    object{"metrics": object{"system.paging.utilization": enabled}},
		"processes": object{},
		"system":    object{},
	}
}

// processScraper reads all processes; strata_enrich keeps the top ones. A process that its owner hides from the agent is no error.
// Processes younger than one interval are left out: short-lived ones would only leave dead series behind.
func processScraper(h config.Host) object {
	disabled := object{"enabled": false}
	return object{
		"mute_process_all_errors": true,
		"scrape_process_delay":    h.ProcessInterval.String(),
		"metrics": object{
			"process.cpu.time":       object{"enabled": true},
			"process.memory.usage":   object{"enabled": true},
			"process.memory.virtual": disabled,
			"process.disk.io":        disabled,
			"process.threads":        object{"enabled": true},
		},
	}
}
