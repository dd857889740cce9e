// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/strata-apm/strata/atomicfile"
	"github.com/strata-apm/strata/collector/fleet"
)

// StatusFile in the state directory is what a running agent says of itself, renewed every five seconds.
const StatusFile = "status.json"

// Status is its content.
type Status struct {
	PID       int                        `json:"pid"`
	Version   string                     `json:"version"`
	AgentID   string                     `json:"agent_id"`
	UpdatedAt time.Time                  `json:"updated_at"`
	Healthy   bool                       `json:"healthy"`
	Health    string                     `json:"health"`
	Server    *fleet.Connection          `json:"server,omitempty"`
	Pushed    *PushedStatus              `json:"pushed,omitempty"`
	Board     map[string]json.RawMessage `json:"board"`

	// Running says that an agent holds the state directory; Age is how old the file is. Both are set by ReadStatus.
	Running bool          `json:"-"`
	Age     time.Duration `json:"-"`
}

// PushedStatus is what became of the configuration that the server offered last.
type PushedStatus struct {
	Hash  string `json:"hash"`
	State string `json:"state"`
	Error string `json:"error,omitempty"`
}

// writeStatus renews the file. It is for people who look, so it is neither synced nor worth more than a line when it fails.
func (m *member) writeStatus(ctx context.Context, now time.Time) {
	h, st := m.agent.health.tell(), m.agent.remote.State()
	out := Status{
		PID: os.Getpid(), Version: m.agent.opts.Version, AgentID: m.id.UID.String(), UpdatedAt: now.UTC(), Healthy: h.Healthy, Health: h.Status,
		Board: m.agent.opts.Board.Sections(),
	}
	if h.Error != "" {
		out.Health += ": " + h.Error
	}
	if m.client != nil {
		c := m.client.Connection()
		out.Server = &c
	}
	if st.State != fleet.None {
		out.Pushed = &PushedStatus{Hash: st.Hash, Error: st.Error, State: map[fleet.PushedState]string{
			fleet.Applying: "applying", fleet.Applied: "applied", fleet.Failed: "failed",
		}[st.State]}
	}
	text, err := json.Marshal(out)
	if err == nil {
		err = atomicfile.Swap(m.statusPath(), text, 0o600)
	}
	if err != nil {
		m.agent.opts.Logger.WarnContext(ctx, "status file not written", "reason", err)
	}
}

// ErrNoAgent says that no agent has ever run on a state directory.
var ErrNoAgent = errors.New("no agent has run here")

// ReadStatus returns what the agent of a state directory said last, and whether it lives: a file of an agent that was killed or stopped
// stays, but nobody holds the directory then.
func ReadStatus(dir string) (Status, error) {
	text, err := os.ReadFile(filepath.Join(dir, StatusFile)) //nolint:gosec // The operator names the directory.
	if errors.Is(err, os.ErrNotExist) {
		return Status{}, fmt.Errorf("%s: %w", dir, ErrNoAgent)
	}
	if err != nil {
		return Status{}, fmt.Errorf("read status: %w", err)
	}
	var s Status
	if err := json.Unmarshal(text, &s); err != nil {
		return Status{}, fmt.Errorf("read status: %w", err)
	}
	unlock, err := lockDir(dir)
	switch {
	case err == nil:
		unlock()
	case errors.Is(err, errLocked):
		s.Running = true
	default:
		return Status{}, err
	}
	s.Age = time.Since(s.UpdatedAt)
	return s, nil
}
