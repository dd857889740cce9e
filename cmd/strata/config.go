// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/strata-apm/strata/internal/config"
)

// checkCmd validates a configuration.
type checkCmd struct {
	serverFlags
	Role string `default:"all" enum:"all,gateway,writer,query,alert" help:"The role that will run with it."`
}

// Run implements the command.
func (c *checkCmd) Run(s streams) error {
	if _, err := c.loadFor(config.Role(c.Role)); err != nil {
		return err
	}
	_, err := fmt.Fprintln(s.out, "the configuration is valid")
	return err // Writing to standard output.
}

// configCmd prints the effective configuration.
type configCmd struct{ serverFlags }

// Run implements the command.
func (c *configCmd) Run(s streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	b, err := cfg.Marshal()
	if err != nil {
		return err // It says what failed.
	}
	_, err = s.out.Write(b)
	return err // Writing to standard output.
}

// versionCmd prints the version.
type versionCmd struct{}

// Run implements the command.
func (versionCmd) Run(s streams) error {
	_, err := fmt.Fprintln(s.out, "strata", version, commit)
	return err // Writing to standard output.
}
