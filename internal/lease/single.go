// SPDX-License-Identifier: Apache-2.0

package lease

import (
	"context"
	"fmt"
	"time"

	"github.com/strata-apm/strata/storage"
)

// releaseTimeout bounds how long the end of a process waits for the store.
const releaseTimeout = 2 * time.Second

// Single is one lease, for work that one process does at a time. Safe for concurrent use; the zero value is held always.
type Single struct {
	// Store is nil for a process that is alone.
	Store        storage.LeaseStore
	Name, Holder string
	// TTL is how long the lease lasts in the store after Hold.
	TTL time.Duration
}

// Hold takes the lease or renews it, and says whether this process has it now.
func (s Single) Hold(ctx context.Context) (bool, error) {
	if s.Store == nil {
		return true, nil
	}
	held, err := s.Store.AcquireLeases(ctx, s.Holder, []string{s.Name}, s.TTL)
	if err != nil {
		return false, fmt.Errorf("acquire lease %s: %w", s.Name, err)
	}
	return len(held) > 0, nil
}

// Fence is what a store checks before it takes something that is written under the lease.
func (s Single) Fence() storage.Lease {
	if s.Store == nil {
		return storage.Lease{}
	}
	return storage.Lease{Name: s.Name, Holder: s.Holder}
}

// Release gives the lease back, also when ctx has ended.
func (s Single) Release(ctx context.Context) error {
	if s.Store == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	if err := s.Store.ReleaseLeases(ctx, s.Holder, []string{s.Name}); err != nil {
		return fmt.Errorf("release lease %s: %w", s.Name, err)
	}
	return nil
}
