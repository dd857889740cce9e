// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"google.golang.org/grpc/metadata"
)

// Listener says where requests come in.
type Listener struct {
	// Loopback is whether the address that was bound is a loopback address. A listener on all interfaces is not.
	Loopback bool
	// Allows says which other origins' pages may send telemetry. Such a page needs a key that can do nothing else, or none at all where requests
	// of this machine need none. Nil is for what does not look where a page with such a key comes from.
	Allows func(r *http.Request) bool
}

// allows says whether the request is of a page whose origin is allowed.
func (l Listener) allows(r *http.Request) bool {
	return l.Allows != nil && len(r.Header.Values("Origin")) == 1 && l.Allows(r)
}

// refuses says why a page of another origin may not use the key that it sent, nil when it may.
func (l Listener) refuses(r *http.Request, p Principal) error {
	switch {
	case !p.sendsOnly():
		return ErrForbiddenInPage
	case l.Allows != nil && !l.allows(r):
		return ErrForbiddenOrigin
	default:
		return nil
	}
}

// ListenerOf describes a bound address.
func ListenerOf(addr net.Addr) Listener {
	return Listener{Loopback: addr.Network() == "unix" || isLoopbackHostPort(addr.String())}
}

// isLoopbackHostPort accepts host, host:port and [host]:port whose host is an address of the loopback network or localhost.
func isLoopbackHostPort(s string) bool {
	host := s
	if h, _, err := net.SplitHostPort(s); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if strings.EqualFold(strings.TrimSuffix(host, "."), "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// localHTTP says whether a request needs no credentials. The Host header stops DNS rebinding: a page of evil.example that makes its
// own name resolve to 127.0.0.1 still sends its name. Origin and Sec-Fetch-Site stop other sites' pages from using the visitor's
// browser. Forwarding headers mean that the connection is from this machine but the request is not.
func (s *Service) localHTTP(r *http.Request, l Listener) (Principal, bool) {
	if s.opts.Mode != ModeOpen || !l.Loopback || !isLoopbackHostPort(r.Host) {
		return Principal{}, false
	}
	if r.RemoteAddr != "" && r.RemoteAddr != "@" && !isLoopbackHostPort(r.RemoteAddr) {
		return Principal{}, false
	}
	switch {
	case forwarded(r.Header.Values):
		return Principal{}, false
	case ownOrigin(r) && ownSite(r):
		return localPrincipal(), true
	case l.allows(r):
		return Principal{Name: LocalName, Scopes: []Scope{ScopeBrowser}}, true
	default:
		return Principal{}, false
	}
}

// forwarded says whether a header of a proxy is there.
func forwarded(values func(name string) []string) bool {
	return slices.ContainsFunc([]string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip"}, func(h string) bool { return len(values(h)) > 0 })
}

// ownOrigin: the Origin is absent or this very server.
func ownOrigin(r *http.Request) bool {
	values := r.Header.Values("Origin")
	if len(values) == 0 {
		return true
	}
	u, err := url.Parse(values[0])
	return err == nil && len(values) == 1 && (u.Scheme == "http" || u.Scheme == "https") && strings.EqualFold(u.Host, r.Host)
}

// ownSite: the browser says that our page or its user sent the request. Following a link to the UI from elsewhere is allowed, because
// the other site cannot read the answer.
func ownSite(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
		return true
	default:
		return r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
	}
}

// localGRPC is localHTTP for gRPC, which browsers do not speak.
func (s *Service) localGRPC(md metadata.MD, remote net.Addr, l Listener) bool {
	if s.opts.Mode != ModeOpen || !l.Loopback {
		return false
	}
	if remote != nil && remote.Network() != "unix" && remote.Network() != "bufconn" && !isLoopbackHostPort(remote.String()) {
		return false
	}
	authority := md.Get(":authority")
	return !forwarded(md.Get) && (len(authority) == 0 || isLoopbackHostPort(authority[0]))
}
