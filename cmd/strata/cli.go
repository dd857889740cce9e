// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/strata-apm/strata/internal/config"
)

// cli is the command line; one file per sub-command.
type cli struct {
	All      allCmd      `cmd:"" default:"withargs" help:"Run every role in one process (default)."`
	Gateway  gatewayCmd  `cmd:"" help:"Take telemetry in and put it on Kafka."`
	Writer   writerCmd   `cmd:"" help:"Store what is on Kafka; each writer has a tsdb of its own."`
	Query    queryCmd    `cmd:"" help:"Serve the page and the query APIs over all writers."`
	Alert    alertCmd    `cmd:"" help:"Evaluate rules and notify; several copies share the work."`
	Check    checkCmd    `cmd:"" help:"Validate a configuration."`
	Config   configCmd   `cmd:"" help:"Print the effective configuration."`
	Engine   engineCmd   `cmd:"" help:"The embedded ClickHouse engine."`
	Key      keyCmd      `cmd:"" help:"Keys for ingest, read and admin."`
	Instance instanceCmd `cmd:"" help:"The processes that share a catalog."`
	Demo     demoCmd     `cmd:"" help:"Send the telemetry of a synthetic shop over OTLP."`
	Vulture  vultureCmd  `cmd:"" help:"Write known data without pause, read it back, and tell what is missing, doubled, wrong or late."`
	Version  versionCmd  `cmd:"" help:"Print the version."`
}

// streams are what commands print to.
type streams struct{ out, err io.Writer }

// serverFlags are the flags of design: everything else is YAML or STRATA_* variables.
type serverFlags struct {
	ConfigFile     string `name:"config" placeholder:"FILE" help:"YAML file; see docs/reference/default.yaml."`
	DataDir        string `placeholder:"DIR" help:"Directory that holds all data (default ./data)."`
	HTTPListen     string `name:"http-listen" placeholder:"ADDR" help:"Page and HTTP APIs (default 127.0.0.1:7080)."`
	OTLPGRPCListen string `name:"otlp-grpc-listen" placeholder:"ADDR" help:"OTLP over gRPC (default 127.0.0.1:4317)."`
	OTLPHTTPListen string `name:"otlp-http-listen" placeholder:"ADDR" help:"OTLP over HTTP (default 127.0.0.1:4318)."`
	LogLevel       string `placeholder:"LEVEL" help:"debug, info, warn or error (default info)."`
}

// load is the file, the environment and the flags, the later over the former, valid for every role at once.
func (f serverFlags) load() (config.Config, error) { return f.loadFor(config.RoleAll) }

// loadFor is load for one role.
func (f serverFlags) loadFor(role config.Role) (config.Config, error) {
	cfg, err := config.Load(f.ConfigFile, os.Environ())
	if err != nil {
		return cfg, err // It names the file or the variable.
	}
	for _, x := range []struct {
		flag string
		to   *string
	}{
		{f.DataDir, &cfg.DataDir},
		{f.HTTPListen, &cfg.HTTP.Listen},
		{f.OTLPGRPCListen, &cfg.OTLP.GRPCListen},
		{f.OTLPHTTPListen, &cfg.OTLP.HTTPListen},
		{f.LogLevel, &cfg.LogLevel},
	} {
		if x.flag != "" {
			*x.to = x.flag
		}
	}
	if err := cfg.ValidateFor(role); err != nil {
		return cfg, fmt.Errorf("configuration: %w", err)
	}
	return cfg, nil
}

// run parses the arguments and runs the command. It returns the exit code: 1 for a failure, 2 for a mistake in the arguments.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var c cli
	exit := -1
	parser, err := kong.New(&c, kong.Name("strata"), kong.Description("Full-stack monitoring: metrics, traces and logs in one process."),
		kong.Writers(stdout, stderr), kong.Exit(func(code int) { exit = code }), kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(streams{stdout, stderr}))
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "strata:", err)
		return 2
	}
	k, err := parser.Parse(args)
	if exit >= 0 { // --help printed its text.
		return exit
	}
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "strata:", err)
		return 2
	}
	if err := k.Run(); err != nil && !errors.Is(err, context.Canceled) {
		_, _ = fmt.Fprintln(stderr, "strata:", err)
		return 1
	}
	return 0
}

// checkGRPC refuses an address of OTLP over gRPC that is a URL or has no port.
func checkGRPC(addr string) error {
	if _, port, err := net.SplitHostPort(addr); err != nil || port == "" || strings.Contains(addr, "/") {
		return fmt.Errorf("--endpoint: %q is not host:port of OTLP over gRPC, as in 127.0.0.1:4317", addr)
	}
	return nil
}
