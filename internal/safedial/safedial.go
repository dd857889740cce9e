// SPDX-License-Identifier: Apache-2.0

// Package safedial keeps the server from talking to machines that a user has no business with: what a user may enter as an address is checked at the moment of
// dialling, after every resolution, so that a name which resolves to something else the second time, or a redirection, is refused as well.
package safedial

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ErrForbiddenAddress says that the address is not one a user may make the server talk to.
var ErrForbiddenAddress = errors.New("address is not allowed")

// private are networks that netip's own predicates do not cover: carrier-grade NAT, benchmarks, documentation, reserved space, and
// notations that carry an IPv4 address inside an IPv6 one.
func private() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"),
		netip.MustParsePrefix("100.64.0.0/10"),
		netip.MustParsePrefix("192.0.0.0/24"),
		netip.MustParsePrefix("192.0.2.0/24"),
		netip.MustParsePrefix("198.18.0.0/15"),
		netip.MustParsePrefix("198.51.100.0/24"),
		netip.MustParsePrefix("203.0.113.0/24"),
		netip.MustParsePrefix("240.0.0.0/4"),
		netip.MustParsePrefix("64:ff9b::/96"),
		netip.MustParsePrefix("64:ff9b:1::/48"),
		netip.MustParsePrefix("2002::/16"),
		netip.MustParsePrefix("2001::/23"),
		netip.MustParsePrefix("2001:db8::/32"),
		netip.MustParsePrefix("::/96"),
		netip.MustParsePrefix("fec0::/10"),
	}
}

// CheckAddr says whether ip may be dialled. allowPrivate opens everything that can be a machine of one's own; what is nobody's
// machine stays closed.
func CheckAddr(ip netip.Addr, allowPrivate bool) error {
	ip = ip.Unmap().WithZone("")
	switch {
	case !ip.IsValid(), ip.IsUnspecified(), ip.IsMulticast():
		return fmt.Errorf("%w: %s", ErrForbiddenAddress, ip)
	case allowPrivate:
		return nil
	case ip.IsLoopback(), ip.IsPrivate(), ip.IsLinkLocalUnicast():
		return fmt.Errorf("%w: %s is loopback, private or link-local", ErrForbiddenAddress, ip)
	}
	for _, p := range private() {
		if p.Contains(ip) {
			return fmt.Errorf("%w: %s is in %s", ErrForbiddenAddress, ip, p)
		}
	}
	return nil
}

// Control is a net.Dialer.Control that refuses forbidden addresses. It runs for every address that is tried, after resolution and
// before the first packet.
func Control(allowPrivate bool) func(network, address string, _ syscall.RawConn) error {
	return func(network, address string, _ syscall.RawConn) error {
		if !strings.HasPrefix(network, "tcp") {
			return fmt.Errorf("%w: network %s", ErrForbiddenAddress, network)
		}
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return fmt.Errorf("%w: %s", ErrForbiddenAddress, address)
		}
		ip, err := netip.ParseAddr(host)
		if err != nil {
			return fmt.Errorf("%w: %s", ErrForbiddenAddress, address)
		}
		return CheckAddr(ip, allowPrivate)
	}
}

// NewClient returns an HTTP client that dials under Control, follows no redirection and uses no proxy, which would do the dialling where nothing is checked.
// timeout bounds one request, from dialling to the last byte that is read.
func NewClient(timeout time.Duration, allowPrivate bool) *http.Client {
	dialer := &net.Dialer{Timeout: timeout, Control: Control(allowPrivate)}
	return &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			Proxy:                  nil,
			DialContext:            dialer.DialContext,
			TLSHandshakeTimeout:    timeout,
			ResponseHeaderTimeout:  timeout,
			MaxResponseHeaderBytes: 64 << 10,
			MaxIdleConnsPerHost:    1,
			IdleConnTimeout:        time.Minute,
			DisableCompression:     true,
			ForceAttemptHTTP2:      true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// ValidateURL refuses what can never be delivered, so that its author learns at once. Names are only checked when they are dialled.
func ValidateURL(raw string, allowPrivate bool) error {
	u, err := url.Parse(raw)
	if err != nil {
		return fmt.Errorf("url: %w", err)
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("url: scheme %q is neither http nor https", u.Scheme)
	case u.Hostname() == "":
		return errors.New("url: no host")
	case u.User != nil:
		return errors.New("url: credentials in the URL would be shown to everybody; use the secret")
	}
	if p := u.Port(); p != "" {
		if n, err := strconv.ParseUint(p, 10, 16); err != nil || n == 0 {
			return fmt.Errorf("url: %q is not a port", p)
		}
	}
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil {
		if err := CheckAddr(ip, allowPrivate); err != nil {
			return fmt.Errorf("url: %w", err)
		}
	}
	return nil
}
