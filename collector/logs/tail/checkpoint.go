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

const (
	placesKey = "files"
	// legacyKey is where the collector's file consumer kept its places: a number, and so many objects.
	legacyKey = "knownFiles"
)

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

// loadLegacy takes over the places of the collector's file consumer, so that an upgrade reads nothing again.
func (t *Follower) loadLegacy(ctx context.Context) error {
	text, err := t.store.Get(ctx, legacyKey)
	if err != nil || text == nil {
		return err //nolint:wrapcheck // Of our own storage.
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	var count int
	if err := dec.Decode(&count); err != nil {
		t.opts.Logger.Error("places of files of an earlier release cannot be read", zap.Error(err))
		return nil
	}
	for range count {
		var old struct {
			Fingerprint struct {
				FirstBytes []byte `json:"first_bytes"`
			}
			Offset         int64
			FileAttributes map[string]any
		}
		if err := dec.Decode(&old); err != nil {
			t.opts.Logger.Error("places of files of an earlier release cannot be read", zap.Error(err))
			break
		}
		path, _ := old.FileAttributes["log.file.path"].(string)
		t.legacy = append(t.legacy, &place{Path: path, Offset: old.Offset, Head: sumOf(old.Fingerprint.FirstBytes)})
	}
	t.known = len(t.legacy) > 0
	// Several rounds were kept; of one file the furthest counts.
	slices.SortStableFunc(t.legacy, func(a, b *place) int { return int(b.Offset - a.Offset) })
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
