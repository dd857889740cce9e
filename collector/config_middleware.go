// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/strata-apm/strata/collector/middleware"
)

const (
	idMiddleware       = middleware.TypeName
	idEnrichMiddleware = "strata_enrich/middleware"
)

// MiddlewareConfig is about the middleware that is found on the host.
type MiddlewareConfig struct {
	Enabled  bool     `yaml:"enabled"`
	Interval Duration `yaml:"interval"`
	// DiscoverInterval is how often it is looked for.
	DiscoverInterval Duration `yaml:"discover_interval"`
	// ForgetAfter is how long an instance that is gone is reported as down.
	ForgetAfter Duration `yaml:"forget_after"`
	// CredentialsFile must be readable for its owner only. Under systemd the copy that LoadCredential= makes comes first.
	CredentialsFile string `yaml:"credentials_file"`
	// Disable names kinds that are left alone.
	Disable []string `yaml:"disable,omitempty"`
	// Static are instances that are not looked for, on this host or another.
	Static []middleware.Static `yaml:"static,omitempty"`
}

func defaultMiddleware() MiddlewareConfig {
	return MiddlewareConfig{ //nolint:gosec // The path of a file is no credential.
		Enabled:          true,
		Interval:         Duration(10 * time.Second),
		DiscoverInterval: Duration(10 * time.Second),
		ForgetAfter:      Duration(time.Hour),
		CredentialsFile:  "/etc/strata-agent/credentials.yaml",
	}
}

// receiver returns the configuration of the receiver on a host.
func (c MiddlewareConfig) receiver(hostName, root string) middleware.Config {
	out := middleware.Config{
		Interval: time.Duration(c.Interval), DiscoverInterval: time.Duration(c.DiscoverInterval), ForgetAfter: time.Duration(c.ForgetAfter),
		CredentialsFile: c.CredentialsFile, Disable: c.Disable, Static: c.Static, HostName: hostName,
	}
	if root != "" {
		out.ProcRoot = filepath.Join(root, "proc")
	}
	return out
}

func (c MiddlewareConfig) validate() error {
	r := c.receiver("", "")
	if err := r.Validate(); err != nil {
		return fmt.Errorf("middleware: %w", err)
	}
	return nil
}

func (g *generator) addMiddleware() {
	c := g.cfg.Middleware
	if !c.Enabled {
		return
	}
	attrs := g.env.Host.attributes(g.cfg.Attributes)
	r := c.receiver(attrs["host.name"], g.cfg.Host.RootPath)
	static := make(list, len(r.Static))
	for i, s := range r.Static {
		static[i] = object{"kind": s.Kind, "address": s.Address}
	}
	g.receivers[idMiddleware] = object{
		"interval": r.Interval.String(), "discover_interval": r.DiscoverInterval.String(), "forget_after": r.ForgetAfter.String(),
		"credentials_file": r.CredentialsFile, "disable": stringsList(r.Disable), "static": static,
		"host_name": r.HostName, "proc_root": r.ProcRoot,
	}
	delete(attrs, "service.instance.id") // Each instance has its own.
	g.processors[idEnrichMiddleware] = object{"attributes": stringsObject(attrs), "override": true}
	g.pipeline("metrics/middleware", list{idMiddleware}, idEnrichMiddleware)
}
