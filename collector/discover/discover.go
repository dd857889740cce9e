// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
)

// Found is one instance of middleware.
type Found struct {
	// Kind is the name of a pack: redis, mysql, …
	Kind string
	PID  int
	// Address is where the instance is reached from this host, by which it is known.
	Address netip.AddrPort
	// Addresses are all sockets it listens on as they are reached from this host, Address among them.
	Addresses []netip.AddrPort
	// Bound are the same sockets as they are bound: an unspecified address stands for all of the host's.
	Bound   []netip.AddrPort
	Cmdline []string
}

// Scanner finds middleware. It is for one user.
type Scanner struct {
	// Root is where /proc is, "/proc" unless a container has the host's elsewhere.
	Root string

	sockets []socket
	found   []Found
	// starts are the start times of the processes in found, by which another process with the same id is known.
	starts map[int]string
}

// New returns a scanner that has not looked yet.
func New(root string) *Scanner {
	if root == "" {
		root = defaultRoot
	}
	return &Scanner{Root: root}
}

// Alive says whether every process of the last scan still runs. It costs one small read for each.
func (s *Scanner) Alive() bool {
	for pid, start := range s.starts {
		if now, err := s.startTime(pid); err != nil || now != start {
			return false
		}
	}
	return true
}

// Scan returns what runs, in order of kind and address. The error says that the system's tables cannot be read.
func (s *Scanner) Scan() ([]Found, error) {
	sockets, err := s.listening()
	if err != nil {
		return nil, err
	}
	if s.starts != nil && slices.Equal(sockets, s.sockets) && s.Alive() {
		return s.found, nil
	}
	candidates, err := s.candidates()
	if err != nil {
		return nil, err
	}
	owners := s.owners(candidates, sockets)
	s.found, s.starts = nil, make(map[int]string)
	for _, c := range candidates {
		bound := owners[c.pid]
		if len(bound) == 0 {
			continue
		}
		addrs := allReachable(bound)
		addr := mainAddress(c.kind, addrs)
		if internalPort(c.kind, addr.Port()) {
			continue // It is only starting.
		}
		if slices.ContainsFunc(s.found, func(f Found) bool { return f.Kind == c.kind && f.Address == addr }) {
			continue // Workers that have outlived their master share its sockets.
		}
		start, err := s.startTime(c.pid)
		if err != nil {
			continue // It has ended meanwhile.
		}
		s.starts[c.pid] = start
		s.found = append(s.found, Found{Kind: c.kind, PID: c.pid, Address: addr, Addresses: addrs, Bound: bound, Cmdline: c.cmdline})
	}
	slices.SortFunc(s.found, func(a, b Found) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), a.Address.Compare(b.Address)) })
	s.sockets = sockets
	return s.found, nil
}

// owners gives each candidate the addresses it is bound to, in order. A socket that several processes share (nginx and its workers) is the one's
// whose parent is not among them.
func (s *Scanner) owners(candidates []candidate, sockets []socket) map[int][]netip.AddrPort {
	kinds := make(map[int]string, len(candidates))
	for _, c := range candidates {
		kinds[c.pid] = c.kind
	}
	byInode := make(map[string]socket, len(sockets))
	for _, k := range sockets {
		byInode[k.inode] = k
	}
	out := make(map[int][]netip.AddrPort)
	for _, c := range candidates {
		if kinds[c.parent] == c.kind {
			continue
		}
		set := make(map[netip.AddrPort]bool)
		inodes, err := s.socketInodes(c.pid)
		for _, inode := range inodes {
			if k, ok := byInode[inode]; ok {
				set[k.addr] = true
			}
		}
		if err != nil {
			for _, k := range guess(c, sockets) {
				set[k.addr] = true
			}
		}
		out[c.pid] = slices.SortedFunc(maps.Keys(set), netip.AddrPort.Compare)
	}
	return out
}

// guess is for processes whose descriptors are hidden from us: a socket belongs to it when it has its user and, since root has many,
// the port that is usual for its kind.
func guess(c candidate, sockets []socket) []socket {
	var out []socket
	for _, k := range sockets {
		if k.uid == c.uid && (c.uid != "0" || slices.Contains(usualPorts(c.kind), k.addr.Port())) {
			out = append(out, k)
		}
	}
	return out
}

// allReachable are the addresses by which sockets are reached from here, in order, each once.
func allReachable(bound []netip.AddrPort) []netip.AddrPort {
	out := make([]netip.AddrPort, len(bound))
	for i, a := range bound {
		out[i] = reachable(a)
	}
	slices.SortFunc(out, netip.AddrPort.Compare)
	return slices.Compact(out)
}

// reachable is the address by which a socket that is bound to all addresses is reached from here.
func reachable(a netip.AddrPort) netip.AddrPort {
	ip := a.Addr().Unmap()
	switch {
	case ip.Is4() && ip.IsUnspecified():
		ip = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	case ip.IsUnspecified():
		// Such a socket usually takes IPv4 as well, and what is configured for loopback is more often so for 127.0.0.1.
		ip = netip.IPv6Loopback()
	}
	return netip.AddrPortFrom(ip, a.Port())
}

// mainAddress chooses the address an instance is known by: the usual port of its kind, otherwise the lowest that is not for its own
// cluster; loopback and IPv4 first.
func mainAddress(kind string, addrs []netip.AddrPort) netip.AddrPort {
	usual := usualPorts(kind)
	rank := func(a netip.AddrPort) int {
		if i := slices.Index(usual, a.Port()); i >= 0 {
			return i
		}
		if internalPort(kind, a.Port()) {
			return len(usual) + 1
		}
		return len(usual)
	}
	family := func(a netip.AddrPort) int {
		switch {
		case a.Addr().Is4() && a.Addr().IsLoopback():
			return 0
		case a.Addr().IsLoopback():
			return 1
		default:
			return 2
		}
	}
	return slices.MinFunc(addrs, func(a, b netip.AddrPort) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Port(), b.Port()), cmp.Compare(family(a), family(b)))
	})
}
