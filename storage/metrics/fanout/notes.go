// SPDX-License-Identifier: Apache-2.0

package fanout

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/prometheus/prometheus/util/annotations"
)

// notes gather the warnings of answers whose interface has no place for them: exemplars, metadata, statistics.
type notes struct {
	mu       sync.Mutex
	warnings []string
	err      error
}

type notesKey struct{}

// WithNotes returns a context under which warnings and errors that an interface of Prometheus cannot carry are kept, and a function
// that returns them once the work is done.
func (*Storage) WithNotes(ctx context.Context) (context.Context, func() ([]string, error)) {
	n := &notes{}
	return context.WithValue(ctx, notesKey{}, n), func() ([]string, error) {
		n.mu.Lock()
		defer n.mu.Unlock()
		return slices.Clone(n.warnings), n.err
	}
}

// note keeps warnings and an error with the context, if it takes them.
func note(ctx context.Context, warnings annotations.Annotations, err error) {
	n, ok := ctx.Value(notesKey{}).(*notes)
	if !ok {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, w := range warnings {
		if !slices.Contains(n.warnings, w.Error()) {
			n.warnings = append(n.warnings, w.Error())
		}
	}
	slices.Sort(n.warnings)
	n.err = errors.Join(n.err, err)
}
