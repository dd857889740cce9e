// SPDX-License-Identifier: Apache-2.0

package middleware

import (
	"net"
	"net/netip"
	"slices"
	"strings"
)

// addresses are those by which other hosts reach what is bound to a port: of an unspecified address those of the host.
func addresses(bound []netip.AddrPort, port uint16, host []netip.Addr) []string {
	var out []string
	add := func(ip netip.Addr) {
		if ip = ip.Unmap(); !ip.IsLoopback() && !ip.IsLinkLocalUnicast() {
			out = append(out, netip.AddrPortFrom(ip.WithZone(""), port).String())
		}
	}
	for _, b := range bound {
		switch ip := b.Addr().Unmap(); {
		case b.Port() != port:
		case ip.IsUnspecified():
			for _, h := range host {
				// A socket of IPv6 usually takes IPv4 as well.
				if h.Unmap().Is4() || ip.Is6() {
					add(h)
				}
			}
		default:
			add(ip)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// hostAddresses are the addresses of this host's interfaces. Bridges of containers are left out: they have the same addresses everywhere.
func hostAddresses() []netip.Addr {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil // The board says less.
	}
	var out []netip.Addr
	for _, i := range interfaces {
		if i.Flags&net.FlagUp == 0 || ofContainers(i.Name) {
			continue
		}
		all, err := i.Addrs()
		if err != nil {
			continue // It has gone meanwhile.
		}
		for _, a := range all {
			if prefix, err := netip.ParsePrefix(a.String()); err == nil {
				out = append(out, prefix.Addr())
			}
		}
	}
	return out
}

func ofContainers(name string) bool {
	return slices.ContainsFunc([]string{"docker", "br-", "veth", "virbr", "cni", "flannel", "cali", "lxc", "podman"}, func(prefix string) bool {
		return strings.HasPrefix(name, prefix)
	})
}
