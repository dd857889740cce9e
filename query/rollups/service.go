// SPDX-License-Identifier: Apache-2.0

package rollups

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/strata-apm/strata/rollup"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/tenant"
)

// Options are what the service works with; all but Now and Actor are needed.
type Options struct {
	Definitions storage.RollupStore
	States      storage.RollupReader
	// Changed makes a change effective in this process at once; others see it within seconds. Default: nothing.
	Changed func(ctx context.Context)
	// Actor is the name of whoever a request is of. Default: nobody's.
	Actor func(ctx context.Context) string
	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// Service keeps definitions and answers queries. Safe for concurrent use.
type Service struct{ opts Options }

// New returns the service.
func New(opts Options) (*Service, error) {
	if opts.Definitions == nil || opts.States == nil {
		return nil, errors.New("rollups: an option is missing")
	}
	if opts.Changed == nil {
		opts.Changed = func(context.Context) {}
	}
	if opts.Actor == nil {
		opts.Actor = func(context.Context) string { return "" }
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	return &Service{opts: opts}, nil
}

// Rollup is one version of a definition with what is known beside it.
type Rollup struct {
	storage.Rollup
	Plan *rollup.Plan
}

// decode reads a definition from the catalog.
func decode(r storage.Rollup) (Rollup, error) {
	def, err := rollup.ParseJSON([]byte(r.Definition))
	if err != nil {
		return Rollup{}, fmt.Errorf("read the definition of rollup %s: %w", r.Name, err)
	}
	def.ID, def.Version = r.ID, r.Version
	plan, err := rollup.Compile(def)
	if err != nil {
		return Rollup{}, fmt.Errorf("read the definition of rollup %s: %w", r.Name, err)
	}
	return Rollup{Rollup: r, Plan: plan}, nil
}

// List returns the newest versions of a tenant's rollups by name.
func (s *Service) List(ctx context.Context, owner tenant.ID) ([]Rollup, error) {
	all, err := s.opts.Definitions.ListRollups(ctx)
	if err != nil {
		return nil, fmt.Errorf("list rollups: %w", err)
	}
	var out []Rollup
	for _, r := range all {
		if r.Tenant != owner {
			continue
		}
		one, err := decode(r)
		if err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	return out, nil
}

// Versions returns all versions of a rollup, the newest first. The error wraps storage.ErrNotFound where there is none.
func (s *Service) Versions(ctx context.Context, owner tenant.ID, id string) ([]Rollup, error) {
	all, err := s.opts.Definitions.RollupVersions(ctx, owner, id)
	if err != nil {
		return nil, fmt.Errorf("read rollup %s: %w", id, err)
	}
	out := make([]Rollup, len(all))
	for i, r := range all {
		if out[i], err = decode(r); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Get returns the newest version.
func (s *Service) Get(ctx context.Context, owner tenant.ID, id string) (Rollup, error) {
	all, err := s.Versions(ctx, owner, id)
	if err != nil {
		return Rollup{}, err
	}
	return all[0], nil
}

// Create makes a rollup of a definition, which counts from now on.
func (s *Service) Create(ctx context.Context, owner tenant.ID, def rollup.Definition) (Rollup, error) {
	return s.put(ctx, owner, def, ulid.Make().String(), 1)
}

// Update makes a new version, whose states begin empty. A definition that says the same as the newest version makes none.
func (s *Service) Update(ctx context.Context, owner tenant.ID, id string, def rollup.Definition) (Rollup, error) {
	now, err := s.Get(ctx, owner, id)
	if err != nil {
		return Rollup{}, err
	}
	same, err := encode(def)
	if err != nil {
		return Rollup{}, err
	}
	if same == now.Definition {
		return now, nil
	}
	return s.put(ctx, owner, def, id, now.Version+1)
}

func (s *Service) put(ctx context.Context, owner tenant.ID, def rollup.Definition, id string, version int) (Rollup, error) {
	text, err := encode(def)
	if err != nil {
		return Rollup{}, err
	}
	at := s.opts.Now().UTC().Truncate(time.Microsecond)
	r := storage.Rollup{
		ID: id, Tenant: owner, Name: def.Name, Version: version, Definition: text, CreatedAt: at, UpdatedAt: at, UpdatedBy: s.opts.Actor(ctx),
	}
	out, err := decode(r)
	if err != nil {
		return Rollup{}, err
	}
	if err := s.opts.Definitions.PutRollup(ctx, r); err != nil {
		return Rollup{}, fmt.Errorf("store rollup %s: %w", def.Name, err)
	}
	s.opts.Changed(ctx)
	return out, nil
}

// encode is the text of a definition in the catalog, the same for definitions that say the same.
func encode(def rollup.Definition) (string, error) {
	def.ID, def.Version = "", 0
	text, err := json.Marshal(def)
	if err != nil {
		return "", fmt.Errorf("encode the definition of rollup %s: %w", def.Name, err)
	}
	return string(text), nil
}

// Pause stops or resumes counting; what happens meanwhile is not counted.
func (s *Service) Pause(ctx context.Context, owner tenant.ID, id string, paused bool) (Rollup, error) {
	if err := s.opts.Definitions.PauseRollup(ctx, owner, id, paused, s.opts.Now().UTC().Truncate(time.Microsecond)); err != nil {
		return Rollup{}, fmt.Errorf("pause rollup %s: %w", id, err)
	}
	s.opts.Changed(ctx)
	return s.Get(ctx, owner, id)
}

// Delete deletes a rollup with the states of all its versions.
func (s *Service) Delete(ctx context.Context, owner tenant.ID, id string) error {
	all, err := s.Versions(ctx, owner, id)
	if err != nil {
		return err
	}
	if err := s.opts.Definitions.DeleteRollup(ctx, owner, id); err != nil {
		return fmt.Errorf("delete rollup %s: %w", id, err)
	}
	s.opts.Changed(ctx)
	for _, r := range all { // A batch under way may still bring rows; they expire.
		if err := s.opts.States.DropRollup(ctx, owner, rollup.StateOf(r.ID, r.Version)); err != nil {
			return fmt.Errorf("delete the states of rollup %s: %w", id, err)
		}
	}
	return nil
}
