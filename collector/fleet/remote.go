// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/strata-apm/strata/atomicfile"
)

// TrialTime is how long a pushed configuration may still be taken back by the agent itself. The server watches longer.
const TrialTime = 30 * time.Second

// pushedFile is in the state directory.
const pushedFile = "pushed.json"

// ConfigVersion is one pushed configuration. The zero value is none.
type ConfigVersion struct {
	Hash string `json:"hash"` // hexadecimal, as the server named it
	Text string `json:"text"`
}

// RemoteState is what is kept of pushed configurations. The zero value is that of an agent that was offered none.
type RemoteState struct {
	Current ConfigVersion `json:"current"`
	// Previous is what to go back to while Current is on trial.
	Previous ConfigVersion `json:"previous"`
	Trial    bool          `json:"trial"`
	// Hash, State and Error are what the server is told of the configuration that it offered last.
	Hash  string      `json:"reported_hash"`
	State PushedState `json:"reported_state"`
	Error string      `json:"reported_error"`
}

// Remote keeps the configuration that the server pushed. A file in the state directory has it, so that the agent starts with it also
// when the server is away. Safe for concurrent use.
type Remote struct {
	path string
	// changed has a value after what the server is told has changed.
	changed chan struct{}
	// offers has the newest offer that was not looked at.
	offers chan ConfigVersion

	mu sync.Mutex
	st RemoteState // guarded by mu
}

// OpenRemote reads what an earlier run left in the state directory. A run that ended while a configuration was on trial is taken to have
// ended because of it: the one before is back then.
func OpenRemote(dir string) (*Remote, error) {
	r := &Remote{path: filepath.Join(dir, pushedFile), changed: make(chan struct{}, 1), offers: make(chan ConfigVersion, 1)}
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
		return r, r.Revert("the agent ended within " + TrialTime.String() + " of applying it")
	}
	return r, nil
}

// save writes the state whole or not at all; mu is held.
func (r *Remote) save() error {
	text, err := json.Marshal(r.st)
	if err != nil {
		return fmt.Errorf("encode pushed configuration: %w", err)
	}
	if err := atomicfile.Write(r.path, text, 0o600); err != nil {
		return fmt.Errorf("keep pushed configuration: %w", err)
	}
	notify(r.changed)
	return nil
}

// Changed receives a value after what Pushed returns has changed. It is for one reader.
func (r *Remote) Changed() <-chan struct{} { return r.changed }

// Offers receives the offers to look at. It is for one reader.
func (r *Remote) Offers() <-chan ConfigVersion { return r.offers }

// Text is the configuration to run with, empty when none was pushed.
func (r *Remote) Text() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return []byte(r.st.Current.Text)
}

// State returns what is kept.
func (r *Remote) State() RemoteState {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.st
}

// Offer notes what the server offers, unless it is what was spoken of already. The newest offer replaces one that waits.
func (r *Remote) Offer(v ConfigVersion) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.st.Hash == v.Hash && r.st.State != None {
		return
	}
	r.st.Hash, r.st.State, r.st.Error = v.Hash, Applying, ""
	select {
	case <-r.offers:
	default:
	}
	r.offers <- v // Only this method sends, with mu held.
	notify(r.changed)
}

// Refuse tells the server why a configuration was not applied.
func (r *Remote) Refuse(v ConfigVersion, reason error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.st.Hash, r.st.State, r.st.Error = v.Hash, Failed, reason.Error()
	return r.save()
}

// Try makes v the configuration to run with, for now.
func (r *Remote) Try(v ConfigVersion) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.st
	if !r.st.Trial { // Else what was there before the one on trial is still the good one.
		r.st.Previous = r.st.Current
	}
	r.st.Current, r.st.Trial, r.st.Hash, r.st.State, r.st.Error = v, true, v.Hash, Applying, ""
	if err := r.save(); err != nil {
		r.st = before
		return err
	}
	return nil
}

// Same notes that an offer is what runs already.
func (r *Remote) Same(v ConfigVersion) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.st.Current, r.st.Hash, r.st.State, r.st.Error = v, v.Hash, Applied, ""
	return r.save()
}

// Applied tells the server that the configuration on trial runs.
func (r *Remote) Applied() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.st.Trial {
		return nil
	}
	r.st.State = Applied
	return r.save()
}

// Confirm ends the trial well.
func (r *Remote) Confirm() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.st.Trial {
		return nil
	}
	r.st.Trial, r.st.Previous, r.st.State = false, ConfigVersion{}, Applied
	return r.save()
}

// Revert goes back to what was there before the trial.
func (r *Remote) Revert(reason string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.st.Hash, r.st.State, r.st.Error = r.st.Current.Hash, Failed, reason
	r.st.Current, r.st.Previous, r.st.Trial = r.st.Previous, ConfigVersion{}, false
	return r.save()
}

// OnTrial says whether the configuration that runs may still be taken back.
func (r *Remote) OnTrial() bool { return r.State().Trial }

// Pushed is what the server is told. It is the zero value before the first offer.
func (r *Remote) Pushed() Pushed {
	st := r.State()
	hash, err := hex.DecodeString(st.Hash)
	if err != nil || st.State == None {
		return Pushed{}
	}
	return Pushed{Hash: hash, State: st.State, Error: st.Error}
}
