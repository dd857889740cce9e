// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/strata-apm/strata/collector/fleet"
)

// pushedFile is in the state directory.
const pushedFile = "pushed.json"

// version is one pushed configuration. The zero value is none.
type version struct {
	Hash string `json:"hash"` // hexadecimal, as the server named it
	Text string `json:"text"`
}

// remoteState is what is kept of pushed configurations.
type remoteState struct {
	Current version `json:"current"`
	// Previous is what to go back to while Current is on trial.
	Previous version `json:"previous"`
	Trial    bool    `json:"trial"`
	// What the server is told: of the configuration that it offered last.
	Hash  string            `json:"reported_hash"`
	State fleet.PushedState `json:"reported_state"`
	Error string            `json:"reported_error"`
}

// remote keeps the configuration that the server pushed. A file in the state directory has it, so that the agent starts with it also
// when the server is away. Safe for concurrent use.
type remote struct {
	path    string
	changed chan struct{}
	// offers holds the newest offer that was not looked at.
	offers chan version

	mu sync.Mutex
	st remoteState // guarded by mu
}

// openRemote reads what an earlier run left. One that ended while a configuration was on trial ended because of it, for all one knows.
func openRemote(dir string) (*remote, error) {
	r := &remote{path: filepath.Join(dir, pushedFile), changed: make(chan struct{}, 1), offers: make(chan version, 1)}
	text, err := os.ReadFile(r.path)
	if errors.Is(err, os.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read pushed configuration: %w", err)
	}
	if err := json.Unmarshal(text, &r.st); err != nil {
		return nil, fmt.Errorf("read pushed configuration %s: %w", r.path, err)
	}
	if r.st.Trial {
		return r, r.revert("the agent ended within " + trialTime.String() + " of applying it")
	}
	return r, nil
}

// save writes the state whole or not at all; mu is held.
func (r *remote) save() error {
	text, err := json.Marshal(r.st)
	if err != nil {
		return fmt.Errorf("encode pushed configuration: %w", err)
	}
	tmp := r.path + ".tmp"
	if err := writeSynced(tmp, text); err != nil {
		return fmt.Errorf("keep pushed configuration: %w", err)
	}
	if err := os.Rename(tmp, r.path); err != nil {
		return fmt.Errorf("keep pushed configuration: %w", err)
	}
	wake(r.changed)
	return nil
}

func writeSynced(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600) //nolint:gosec // In the operator's state directory.
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Sync(), f.Close())
}

// text is the configuration to run with.
func (r *remote) text() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return []byte(r.st.Current.Text)
}

func (r *remote) state() remoteState {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.st
}

// offer notes what the server offers, unless it is what was spoken of already. The newest offer replaces one that waits.
func (r *remote) offer(v version) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.st.Hash == v.Hash && r.st.State != fleet.None {
		return
	}
	r.st.Hash, r.st.State, r.st.Error = v.Hash, fleet.Applying, ""
	select {
	case <-r.offers:
	default:
	}
	r.offers <- v // Only this method sends, with mu held.
	wake(r.changed)
}

// refuse tells the server why a configuration was not applied.
func (r *remote) refuse(v version, reason error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.st.Hash, r.st.State, r.st.Error = v.Hash, fleet.Failed, reason.Error()
	return r.save()
}

// try makes v the configuration to run with, for now.
func (r *remote) try(v version) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.st
	if !r.st.Trial { // Else what was there before the one on trial is still the good one.
		r.st.Previous = r.st.Current
	}
	r.st.Current, r.st.Trial, r.st.Hash, r.st.State, r.st.Error = v, true, v.Hash, fleet.Applying, ""
	if err := r.save(); err != nil {
		r.st = before
		return err
	}
	return nil
}

// same notes that an offer is what runs already.
func (r *remote) same(v version) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.st.Current, r.st.Hash, r.st.State, r.st.Error = v, v.Hash, fleet.Applied, ""
	return r.save()
}

// applied tells the server that the configuration on trial runs.
func (r *remote) applied() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.st.Trial {
		return nil
	}
	r.st.State = fleet.Applied
	return r.save()
}

// confirm ends the trial well.
func (r *remote) confirm() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.st.Trial {
		return nil
	}
	r.st.Trial, r.st.Previous, r.st.State = false, version{}, fleet.Applied
	return r.save()
}

// revert goes back to what was there before the trial.
func (r *remote) revert(reason string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.st.Hash, r.st.State, r.st.Error = r.st.Current.Hash, fleet.Failed, reason
	r.st.Current, r.st.Previous, r.st.Trial = r.st.Previous, version{}, false
	return r.save()
}

// onTrial says whether the configuration that runs may still be taken back.
func (r *remote) onTrial() bool { return r.state().Trial }

// pushed is what the server is told.
func (r *remote) pushed() fleet.Pushed {
	st := r.state()
	hash, err := hex.DecodeString(st.Hash)
	if err != nil || st.State == fleet.None {
		return fleet.Pushed{}
	}
	return fleet.Pushed{Hash: hash, State: st.State, Error: st.Error}
}
