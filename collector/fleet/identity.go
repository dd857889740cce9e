// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/uuid"

	"github.com/strata-apm/strata/atomicfile"
)

// identityFile is in the state directory.
const identityFile = "agent-id.json"

// Identity is the name of an agent in its fleet.
type Identity struct {
	UID uuid.UUID `json:"uid"`
	// HostID is that of the machine it was made on: a copy of the disk is another agent.
	HostID string `json:"host_id"`
}

// LoadIdentity returns the identity kept in dir. It makes a new one where there is none, or one of another machine.
func LoadIdentity(dir, hostID string) (Identity, error) {
	path := filepath.Join(dir, identityFile)
	text, err := os.ReadFile(path) //nolint:gosec // In the operator's state directory.
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return Identity{}, fmt.Errorf("read agent id: %w", err)
	}
	var id Identity
	if err == nil && json.Unmarshal(text, &id) == nil && id.UID != uuid.Nil && id.HostID == hostID {
		return id, nil
	}
	if id.UID, err = uuid.NewV7(); err != nil {
		return Identity{}, fmt.Errorf("make agent id: %w", err)
	}
	id.HostID = hostID
	if text, err = json.Marshal(id); err != nil {
		return Identity{}, fmt.Errorf("encode agent id: %w", err)
	}
	if err := atomicfile.Write(path, append(text, '\n'), 0o600); err != nil {
		return Identity{}, fmt.Errorf("write agent id: %w", err)
	}
	return id, nil
}
