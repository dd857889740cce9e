// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// version is set by the build with -ldflags "-X main.version=…".
var version = "dev" // The linker can only set a variable.

type cli struct {
	Config   string           `help:"Configuration file. Without it, host metrics go to 127.0.0.1:4317." type:"path" placeholder:"FILE"`
	StateDir string           `help:"Directory of the queue and the checkpoints." default:"./data/agent" type:"path" placeholder:"DIR"`
	LogLevel string           `help:"debug, info, warn or error." default:"info" enum:"debug,info,warn,error"`
	Version  kong.VersionFlag `help:"Print the version."`

	Run        runCommand        `cmd:"" default:"1" help:"Ship data until interrupted (default)."`
	Check      checkCommand      `cmd:"" help:"Validate the configuration."`
	Status     statusCommand     `cmd:"" help:"Print what the running agent says of itself."`
	ConfigCmd  configCommand     `cmd:"" name:"config" help:"Print the effective configuration."`
	Verify     verifyCommand     `cmd:"" help:"Wait until the server has data of this host."`
	JavaAttach javaAttachCommand `cmd:"" name:"java-attach" help:"Load the OpenTelemetry Java agent into Java programs that are running."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// streams are what commands print to.
type streams struct{ out, err io.Writer }

// run parses the arguments and runs the command. It returns the exit code: 1 for a failure, 2 for a mistake in the arguments.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var c cli
	exit := -1
	parser, err := kong.New(&c, kong.Name("strata-agent"), kong.Vars{"version": version},
		kong.Description("Ships a host's metrics, logs and OTLP to a Strata server."), kong.Writers(stdout, stderr), kong.Exit(func(code int) { exit = code }),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(streams{stdout, stderr}))
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "strata-agent:", err)
		return 2
	}
	k, err := parser.Parse(args)
	if exit >= 0 { // --help or --version printed its text.
		return exit
	}
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "strata-agent:", err)
		return 2
	}
	if err := k.Run(&c); err != nil {
		_, _ = fmt.Fprintln(stderr, "strata-agent:", err)
		return 1
	}
	return 0
}
