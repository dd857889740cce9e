// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// Target is a server endpoint taken apart.
type Target struct {
	Address string // host:port
	Path    string // the path prefix of an HTTP endpoint, empty where there is none
	Plain   bool   // the connection has no TLS
}

// Target takes Endpoint apart and decides about TLS: a URL says so itself; a bare address is plain on loopback, and elsewhere only when allowed, because the
// key would travel readable.
func (c Server) Target() (Target, error) {
	raw := c.Endpoint
	if !strings.Contains(raw, "://") {
		host, port, err := net.SplitHostPort(raw)
		if err != nil {
			return Target{}, fmt.Errorf("server.endpoint: %w", err)
		}
		if _, err := strconv.ParseUint(port, 10, 16); err != nil || host == "" {
			return Target{}, fmt.Errorf("server.endpoint: %q is not host:port", raw)
		}
		return Target{Address: raw, Plain: isLoopback(host) || c.TLS.Insecure}, nil
	}
	u, err := url.Parse(raw)
	if err != nil {
		return Target{}, fmt.Errorf("server.endpoint: %w", err)
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return Target{}, fmt.Errorf("server.endpoint: scheme %q is neither http nor https", u.Scheme)
	case u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return Target{}, fmt.Errorf("server.endpoint: %q is not scheme://host:port", u.Redacted())
	case c.Protocol == ProtocolGRPC && strings.Trim(u.Path, "/") != "":
		return Target{}, errors.New("server.endpoint: a path needs protocol http")
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return Target{
		Address: net.JoinHostPort(u.Hostname(), port),
		Path:    strings.TrimRight(u.Path, "/"),
		Plain:   u.Scheme == "http",
	}, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}
