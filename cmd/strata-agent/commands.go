// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/strata-apm/strata/collector"
)

func (c *cli) agent(s streams) (*collector.Agent, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		return nil, fmt.Errorf("log level: %w", err)
	}
	logger := slog.New(slog.NewTextHandler(s.err, &slog.HandlerOptions{Level: level}))
	return collector.New(collector.Options{ConfigFile: c.Config, StateDir: c.StateDir, Version: version, Logger: logger}), nil
}

type runCommand struct{}

func (runCommand) Run(ctx context.Context, s streams, c *cli) error {
	agent, err := c.agent(s)
	if err != nil {
		return err
	}
	return agent.Run(ctx)
}

type checkCommand struct{}

func (checkCommand) Run(ctx context.Context, s streams, c *cli) error {
	agent, err := c.agent(s)
	if err != nil {
		return err
	}
	if err := agent.Check(ctx); err != nil {
		return err
	}
	_, err = fmt.Fprintln(s.out, "configuration is valid")
	return err
}

type configCommand struct {
	Collector bool `help:"Print the collector configuration generated from it instead."`
}

func (cmd configCommand) Run(s streams, c *cli) error {
	agent, err := c.agent(s)
	if err != nil {
		return err
	}
	cfg, err := agent.LoadConfig()
	if err != nil {
		return err
	}
	if !cmd.Collector {
		text, err := cfg.YAML()
		if err != nil {
			return err
		}
		_, err = s.out.Write(text)
		return err
	}
	generated, err := agent.Generate()
	if err != nil {
		return err
	}
	collector.HideSecrets(generated)
	enc := yaml.NewEncoder(s.out)
	enc.SetIndent(2)
	return enc.Encode(generated)
}

type verifyCommand struct {
	Server  string        `help:"URL of the server's HTTP address." required:"" placeholder:"URL"`
	Timeout time.Duration `help:"How long to wait." default:"55s"`
}

func (cmd verifyCommand) Run(ctx context.Context, s streams, c *cli) error {
	agent, err := c.agent(s)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, cmd.Timeout)
	defer cancel()
	host, err := agent.Verify(ctx, cmd.Server)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "the server has this host: %s/hosts/%s\n", strings.TrimRight(cmd.Server, "/"), url.PathEscape(host))
	return err
}
