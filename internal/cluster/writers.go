// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/strata-apm/strata/storage"
)

// Writers knows the processes that store metrics. Safe for concurrent use.
type Writers struct {
	registry storage.InstanceStore
	// last is what the registry said last.
	last atomic.Pointer[[]storage.Instance]
}

// NewWriters returns the writers of a registry.
func NewWriters(registry storage.InstanceStore) *Writers { return &Writers{registry: registry} }

// List returns every writer of metrics that is known, also those that are down. While the registry is away the answer is that of the time before.
func (w *Writers) List(ctx context.Context) ([]storage.Instance, error) {
	all, err := w.registry.ListInstances(ctx, 0)
	if err != nil {
		if last := w.last.Load(); last != nil && ctx.Err() == nil {
			return *last, nil
		}
		return nil, fmt.Errorf("list writers: %w", err)
	}
	all = slices.DeleteFunc(all, func(in storage.Instance) bool { return in.Group == "" })
	w.last.Store(&all)
	return all, nil
}
