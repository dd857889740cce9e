// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
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
	defer stop()
	var c cli
	k := kong.Parse(&c, kong.Name("strata-agent"), kong.Vars{"version": version},
		kong.Description("Ships a host's metrics, logs and OTLP to a Strata server."), kong.BindTo(ctx, (*context.Context)(nil)))
	k.FatalIfErrorf(k.Run(&c))
}
