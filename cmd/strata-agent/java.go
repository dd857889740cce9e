// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/strata-apm/strata/collector/javaattach"
)

type javaAttachCommand struct {
	PIDs     []int  `arg:"" optional:"" name:"pid" help:"Process ids; without any, the Java virtual machines of this host are listed."`
	Server   string `help:"URL of the server that the Java agent is fetched from." placeholder:"URL"`
	Endpoint string `help:"Where the programs send OTLP over HTTP: this agent (otlp.http) or a server that takes this host without a key." default:"http://127.0.0.1:4318" placeholder:"URL"`
	Service  string `help:"Name of the service (default: the Java agent's own guess)." placeholder:"NAME"`
	Dir      string `help:"Where the Java agent is kept; every user must be able to read it." type:"path" placeholder:"DIR"`
}

func (cmd javaAttachCommand) Run(ctx context.Context, s streams) error {
	if len(cmd.PIDs) == 0 {
		return listJVMs(s)
	}
	if cmd.Server == "" {
		return errors.New("--server is missing: the URL of the server that the Java agent is fetched from")
	}
	dir, err := cmd.dir()
	if err != nil {
		return err
	}
	for _, pid := range cmd.PIDs { // Before anything is fetched.
		jvm, err := javaattach.Look(pid)
		if err != nil {
			return err
		}
		if jvm.Instrumented {
			return fmt.Errorf("process %d has the OpenTelemetry Java agent already", pid)
		}
	}
	jar, err := javaattach.Fetch(ctx, cmd.Server, dir)
	if err != nil {
		return err
	}
	options := map[string]string{"otel.exporter.otlp.endpoint": cmd.Endpoint, "otel.exporter.otlp.protocol": "http/protobuf", "otel.logs.exporter": "otlp"}
	if cmd.Service != "" {
		options["otel.service.name"] = cmd.Service
	}
	for _, pid := range cmd.PIDs {
		if err := javaattach.Attach(ctx, pid, jar, options); err != nil {
			return err
		}
		_, _ = fmt.Fprintf(s.out, "process %d sends to %s until it ends; JAVA_TOOL_OPTIONS=-javaagent:%s makes it so from its next start\n", pid, cmd.Endpoint, jar)
	}
	return nil
}

// dir is a folder that other users can read.
func (cmd javaAttachCommand) dir() (string, error) {
	if cmd.Dir != "" {
		return cmd.Dir, nil
	}
	if os.Geteuid() == 0 {
		return "/usr/local/lib/strata-agent", nil // Uninstalling removes it.
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("choose a folder for the Java agent, or name one with --dir: %w", err)
	}
	return filepath.Join(cache, "strata-agent"), nil
}

func listJVMs(s streams) error {
	jvms, err := javaattach.Find()
	if err != nil {
		return err
	}
	if len(jvms) == 0 {
		return javaattach.ErrNoJVM
	}
	w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "PID\tMAIN\tOPENTELEMETRY")
	for _, j := range jvms {
		state := "no"
		if j.Instrumented {
			state = "yes"
		}
		_, _ = fmt.Fprintf(w, "%d\t%s\t%s\n", j.PID, j.Main, state)
	}
	return w.Flush()
}
