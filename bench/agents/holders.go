// SPDX-License-Identifier: Apache-2.0

package agents

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// perHolder is how many agents one process holds at most.
const perHolder = 10_000

// Settings say what agents there are.
type Settings struct {
	// Addrs are the listeners of the server, which the agents take in turns; Key is theirs.
	Addrs  []string
	Key    string
	Number int
	// Heartbeat is between two messages at most, Board between two status boards; none are sent where it is 0.
	Heartbeat, Board time.Duration
	// Ramp is between the starts of two agents.
	Ramp time.Duration
}

// Holders are processes of this program that hold agents.
type Holders struct{ all []*holder }

type holder struct {
	cmd   *exec.Cmd
	tally Tally
	done  chan error
}

// Start starts this program anew, with Command, as often as the agents need it. Stop must be called, also after an error.
func (h *Holders) Start(s Settings) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	n := (s.Number + perHolder - 1) / perHolder
	for i := range n {
		first, next := s.Number*i/n, s.Number*(i+1)/n
		x := &holder{done: make(chan error, 1)}
		x.cmd = exec.Command(self, Command, "-addrs", strings.Join(s.Addrs, ","), "-key", s.Key, //nolint:gosec,noctx // This program; ended by Stop.
			"-first", strconv.Itoa(first), "-count", strconv.Itoa(next-first), "-heartbeat", s.Heartbeat.String(), "-board", s.Board.String(),
			"-ramp", (time.Duration(s.Number) * s.Ramp).String())
		x.cmd.Stderr = os.Stderr
		out, err := x.cmd.StdoutPipe()
		if err != nil {
			return fmt.Errorf("listen to agents: %w", err)
		}
		if err := x.cmd.Start(); err != nil {
			return fmt.Errorf("start agents: %w", err)
		}
		go func() { x.done <- errors.Join(x.tally.Follow(out), x.cmd.Wait()) }()
		h.all = append(h.all, x)
	}
	return nil
}

// Counts adds up what all agents did.
func (h *Holders) Counts() (sum Counts) {
	for _, x := range h.all {
		sum.Add(x.tally.Get(), 1)
	}
	return sum
}

// Stop ends the processes and waits for them.
func (h *Holders) Stop() (err error) {
	for _, x := range h.all {
		if sigErr := x.cmd.Process.Signal(syscall.SIGTERM); sigErr != nil && !errors.Is(sigErr, os.ErrProcessDone) {
			err = errors.Join(err, fmt.Errorf("stop agents: %w", sigErr))
		}
	}
	for _, x := range h.all {
		err = errors.Join(err, <-x.done)
	}
	return err
}
