// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/strata-apm/strata/collector/middleware"
)

// Middleware is about the middleware that is found on the host.
type Middleware struct {
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

func defaultMiddleware() Middleware {
	return Middleware{ //nolint:gosec // The path of a file is no credential.
		Enabled:          true,
		Interval:         Duration(10 * time.Second),
		DiscoverInterval: Duration(10 * time.Second),
		ForgetAfter:      Duration(time.Hour),
		CredentialsFile:  "/etc/strata-agent/credentials.yaml",
	}
}

// Receiver returns the configuration of the middleware receiver on the host of that name. root is where the host's file system is mounted,
// empty where it is this process's own.
func (c Middleware) Receiver(hostName, root string) middleware.Config {
	out := middleware.Config{
		Interval: time.Duration(c.Interval), DiscoverInterval: time.Duration(c.DiscoverInterval), ForgetAfter: time.Duration(c.ForgetAfter),
		CredentialsFile: c.CredentialsFile, Disable: c.Disable, Static: c.Static, HostName: hostName,
	}
	if root != "" {
		out.ProcRoot = filepath.Join(root, "proc")
	}
	return out
}

func (c Middleware) validate() error {
	r := c.Receiver("", "")
	if err := r.Validate(); err != nil {
		return fmt.Errorf("middleware: %w", err)
	}
	return nil
}
