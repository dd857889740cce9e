// SPDX-License-Identifier: Apache-2.0

package tail

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"go.uber.org/zap"
)

const placesKey = "files"

// places is what is kept.
type places struct {
	Files []place  `json:"files"`
	Past  []*place `json:"past,omitempty"`
}

// load reads the places that an earlier run kept.
func (t *Follower) load(ctx context.Context) error {
	text, err := t.store.Get(ctx, placesKey)
	if err != nil {
		return fmt.Errorf("read places of files: %w", err)
	}
	if text == nil {
		return t.loadLegacy(ctx)
	}
	var all places
	if err := json.Unmarshal(text, &all); err != nil {
		return fmt.Errorf("read places of files: %w", err)
	}
	t.known, t.past = true, all.Past
	for _, p := range all.Files {
		t.files[p.ID] = &file{place: p}
	}
	return nil
}

// save keeps the places when they have changed.
func (t *Follower) save(ctx context.Context) {
	all := places{Files: make([]place, 0, len(t.files)), Past: t.past}
	for _, f := range t.files {
		if f.copyOf == nil { // A copy is recognised again.
			all.Files = append(all.Files, f.place)
		}
	}
	slices.SortFunc(all.Files, func(a, b place) int { return bytes.Compare([]byte(a.ID.String()), []byte(b.ID.String())) })
	text, err := json.Marshal(all)
	if err != nil || string(text) == t.saved {
		return
	}
	if err := t.store.Set(ctx, placesKey, text); err != nil {
		t.opts.Logger.Error("places of files not kept", zap.Error(err))
		return
	}
	t.saved = string(text)
}
