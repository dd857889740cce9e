// SPDX-License-Identifier: Apache-2.0

package topology

import (
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/strata-apm/strata/query/middleware"
	"github.com/strata-apm/strata/storage"
)

// target is an instance of middleware as calls find it.
type target struct {
	id, kind   string
	host, port string
	agent      string // the host of the agent that reads it
	addresses  []string
}

func newTarget(id string, in middleware.Instance) target {
	t := target{id: id, kind: in.Kind, agent: in.Host, addresses: in.Addresses}
	t.host, t.port = splitAddress(in.Name)
	return t
}

// splitAddress is net.SplitHostPort for what may have no port.
func splitAddress(address string) (host, port string) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return strings.Trim(address, "[]"), ""
	}
	return host, port
}

// kindsOf are the kinds of middleware that a call of a type to a system may go to.
func kindsOf(typ, system string) []string {
	switch {
	case typ == "http":
		return []string{"nginx", "tomcat"}
	case system == "mariadb" || system == "percona":
		return []string{"mysql"}
	case system == "opensearch":
		return []string{"elasticsearch"}
	case system == "valkey":
		return []string{"redis"}
	case typ == "db" || typ == "messaging":
		return []string{system}
	default:
		return nil
	}
}

// usualPort is the port of calls that name none, by kind; the conventions leave it out where it is the usual one.
func usualPort(kind string) string {
	return map[string]string{
		"elasticsearch": "9200", "kafka": "9092", "memcached": "11211", "mysql": "3306", "nginx": "80", "postgresql": "5432", "rabbitmq": "5672",
		"redis": "6379", "tomcat": "8080",
	}[kind]
}

// find returns the id of the instance that calls went to, "" for none.
func (g *graph) find(p storage.Peer) string {
	kinds := kindsOf(p.Type, p.System)
	var there []target
	for _, t := range g.instances {
		if slices.Contains(kinds, t.kind) && t.isAt(p) {
			there = append(there, t)
		}
	}
	several := len(there) > 1
	there = slices.DeleteFunc(there, func(t target) bool {
		if p.Port == "" {
			return several && t.port != usualPort(t.kind)
		}
		return t.port != p.Port
	})
	if len(there) != 1 {
		return "" // Of several it may be any: private addresses repeat.
	}
	return there[0].id
}

// isAt says whether calls went to the machine of the instance.
func (t target) isAt(p storage.Peer) bool {
	for _, address := range []string{p.Address, p.NetworkAddress} {
		address = strings.Trim(address, "[]")
		if address == "" {
			continue
		}
		if isLoopback(address) {
			if p.Host != "" && sameHost(p.Host, t.agent) && (sameHost(t.host, t.agent) || isLoopback(t.host)) {
				return true
			}
			continue
		}
		if sameHost(address, t.host) {
			return true
		}
		for _, a := range t.addresses {
			if host, _ := splitAddress(a); host == address {
				return true
			}
		}
	}
	return false
}

func isLoopback(address string) bool {
	if strings.EqualFold(address, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(address)
	return err == nil && ip.Unmap().IsLoopback()
}

// sameHost compares two names of hosts. A name without a domain is the same as one with any.
func sameHost(a, b string) bool {
	a, b = strings.TrimSuffix(a, "."), strings.TrimSuffix(b, ".")
	if strings.EqualFold(a, b) {
		return a != ""
	}
	if isAddress(a) || isAddress(b) {
		return false
	}
	shortA, domainA, _ := strings.Cut(a, ".")
	shortB, domainB, _ := strings.Cut(b, ".")
	return strings.EqualFold(shortA, shortB) && (domainA == "" || domainB == "")
}

func isAddress(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}
