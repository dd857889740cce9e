// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"
)

const (
	minHeartbeat = time.Second
	maxHeartbeat = 30 * time.Second

	opampPath = "/v1/opamp"
	// httpPort is that of the server's HTTP listener where OTLP has its usual ports.
	httpPort = "7080"
)

func (c OpAMP) validate() error {
	var errs []error
	if d := time.Duration(c.Heartbeat); d < minHeartbeat || d > maxHeartbeat {
		errs = append(errs, fmt.Errorf("opamp.heartbeat: %s is not between %s and %s", c.Heartbeat, minHeartbeat, maxHeartbeat))
	}
	if c.Endpoint != "" {
		u, err := url.Parse(c.Endpoint)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			errs = append(errs, fmt.Errorf("opamp.endpoint: %q is not http(s)://host:port", c.Endpoint))
		}
	}
	return errors.Join(errs...)
}

// OpAMPURL is where the agent talks to the server, empty when it does not: switched off, or not to be derived, because server.endpoint
// has a port of its own.
func (c Config) OpAMPURL() (string, error) {
	if !c.OpAMP.Enabled {
		return "", nil
	}
	if e := strings.TrimRight(c.OpAMP.Endpoint, "/"); e != "" {
		if !strings.HasSuffix(e, opampPath) {
			e += opampPath
		}
		return e, nil
	}
	t, err := c.Server.Target()
	if err != nil {
		return "", err
	}
	host, port, err := net.SplitHostPort(t.Address)
	if err != nil {
		return "", fmt.Errorf("server.endpoint: %w", err)
	}
	scheme := "https://"
	if t.Plain {
		scheme = "http://"
	}
	switch port {
	case "4317", "4318":
		return scheme + net.JoinHostPort(host, httpPort) + opampPath, nil
	case "80", "443", httpPort: // A proxy that serves all of it.
		return scheme + t.Address + opampPath, nil
	default:
		return "", nil
	}
}
