// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/strata-apm/strata/backoff"
)

// IncidentName is one of the things that can go wrong.
type IncidentName string

// The incidents.
const (
	// SlowDatabase makes every MySQL statement slow and some time out.
	SlowDatabase IncidentName = "slow-database"
	// FailingDependency makes the card processor behind payment answer 503 half of the time.
	FailingDependency IncidentName = "failing-dependency"
	// MemoryLeak makes checkout's heap grow until it is restarted, and its answers slower on the way.
	MemoryLeak IncidentName = "memory-leak"
	// ErrorBurst makes recommendation fail with exceptions.
	ErrorBurst IncidentName = "error-burst"
)

// IncidentNames lists all incidents.
func IncidentNames() []IncidentName {
	return []IncidentName{SlowDatabase, FailingDependency, MemoryLeak, ErrorBurst}
}

func (n IncidentName) known() bool {
	return slices.Contains(IncidentNames(), n)
}

// Incident is an incident with its time, counted from the start of the run. For 0 means until the end.
type Incident struct {
	Name  IncidentName
	After time.Duration
	For   time.Duration
}

// ParseIncident reads "name", "name@after" or "name@after+for", for example "slow-database@2m+5m".
func ParseIncident(s string) (Incident, error) {
	name, rest, timed := strings.Cut(s, "@")
	i := Incident{Name: IncidentName(name)}
	if !i.Name.known() {
		return Incident{}, fmt.Errorf("unknown incident %q, known are %v", name, IncidentNames())
	}
	if !timed {
		return i, nil
	}
	after, length, limited := strings.Cut(rest, "+")
	var err error
	if i.After, err = time.ParseDuration(after); err != nil {
		return Incident{}, fmt.Errorf("incident %q: %w", s, err)
	}
	if limited {
		if i.For, err = time.ParseDuration(length); err != nil {
			return Incident{}, fmt.Errorf("incident %q: %w", s, err)
		}
	}
	return i, nil
}

// switches says which incidents are on. Safe for concurrent use.
type switches struct {
	mu sync.Mutex
	on map[IncidentName]bool // guarded by mu
}

func newSwitches() *switches {
	return &switches{on: make(map[IncidentName]bool)}
}

func (s *switches) active(n IncidentName) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.on[n]
}

func (s *switches) set(n IncidentName, on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.on[n] = on
}

// schedule switches an incident on and off at its time, or until ctx ends.
func (s *switches) schedule(ctx context.Context, i Incident) {
	if i.After > 0 && backoff.Sleep(ctx, i.After) != nil {
		return
	}
	s.set(i.Name, true)
	if i.For > 0 && backoff.Sleep(ctx, i.For) == nil {
		s.set(i.Name, false)
	}
}
