// SPDX-License-Identifier: Apache-2.0

// Package status is the board on which the agent's parts write what they know of themselves: the middleware they found, the lines they
// held back, the length of the queue. It is sent to the server and printed by `strata-agent status`.
package status

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"sync"
)

// Board holds one JSON value per section. Safe for concurrent use.
type Board struct {
	mu       sync.Mutex
	sections map[string]json.RawMessage // guarded by mu
	changed  chan struct{}
}

// New returns an empty board.
func New() *Board {
	return &Board{sections: make(map[string]json.RawMessage), changed: make(chan struct{}, 1)}
}

// Set replaces a section by v as JSON. Setting what is there already is no change.
func (b *Board) Set(section string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write %s on the status board: %w", section, err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if bytes.Equal(b.sections[section], text) {
		return nil
	}
	b.sections[section] = text
	select {
	case b.changed <- struct{}{}:
	default:
	}
	return nil
}

// Sections returns a copy of everything on the board.
func (b *Board) Sections() map[string]json.RawMessage {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.sections)
}

// JSON returns the board as one object.
func (b *Board) JSON() ([]byte, error) {
	text, err := json.Marshal(b.Sections())
	if err != nil {
		return nil, fmt.Errorf("encode status board: %w", err)
	}
	return text, nil
}

// Changed receives a value after one or more changes. It is for one reader.
func (b *Board) Changed() <-chan struct{} { return b.changed }
