// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/strata-apm/strata/collector"
)

// staleAfter is when an agent that holds its state directory and renews nothing is taken for one that hangs.
const staleAfter = 20 * time.Second

var errNotRunning = errors.New("the agent does not run")

type statusCommand struct {
	JSON bool `help:"Print the board and the connection as JSON."`
}

// Run prints what the agent said last; it fails when no agent runs or it hangs, so that scripts can ask.
func (cmd statusCommand) Run(to streams, c *cli) error {
	s, err := collector.ReadStatus(c.StateDir)
	if err != nil {
		return err
	}
	if cmd.JSON {
		enc := json.NewEncoder(to.out)
		enc.SetIndent("", "  ")
		err = enc.Encode(s)
	} else {
		err = printStatus(to.out, s)
	}
	switch {
	case err != nil:
		return err
	case !s.Running:
		return fmt.Errorf("%w; this is what it said %s ago", errNotRunning, s.Age.Round(time.Second))
	case s.Age > staleAfter:
		return fmt.Errorf("the agent (pid %d) hangs: it has not renewed its status for %s", s.PID, s.Age.Round(time.Second))
	}
	return nil
}

func printStatus(w io.Writer, s collector.Status) error {
	state := "running"
	if !s.Running {
		state = "not running"
	}
	line := func(format string, args ...any) {
		_, _ = fmt.Fprintf(w, format+"\n", args...)
	}
	line("agent    %s, version %s, %s, pid %d, %s ago", s.AgentID, s.Version, state, s.PID, s.Age.Round(time.Second))
	line("health   %s", s.Health)
	switch {
	case s.Server == nil:
		line("server   not connected: OpAMP is off")
	case s.Server.Connected:
		line("server   %s over %s, heard %s ago", s.Server.URL, s.Server.Transport, s.UpdatedAt.Sub(s.Server.HeardAt).Round(time.Second))
	default:
		line("server   %s not heard: %s", s.Server.URL, s.Server.Error)
	}
	if s.Pushed != nil {
		line("pushed   %.12s %s %s", s.Pushed.Hash, s.Pushed.State, s.Pushed.Error)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Board)) {
		var v any
		if err := json.Unmarshal(s.Board[name], &v); err != nil {
			return fmt.Errorf("read section %s: %w", name, err)
		}
		text, err := json.MarshalIndent(v, "  ", "  ")
		if err != nil {
			return fmt.Errorf("print section %s: %w", name, err)
		}
		line("\n%s\n  %s", name, text)
	}
	return nil
}
