// SPDX-License-Identifier: Apache-2.0

package storage_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/search"
	"github.com/strata-apm/strata/search/fields"
	"github.com/strata-apm/strata/signal"
	"github.com/strata-apm/strata/storage"
)

// Blocks of one batch have ids of their own, which no batch and no block of another batch has.
func TestBlockIDs(t *testing.T) {
	seen := map[storage.BatchID]string{}
	note := func(id storage.BatchID, of string) {
		require.NotContains(t, seen, id, "%s and %s", of, seen[id])
		seen[id] = of
	}
	for _, id := range []storage.BatchID{"strata.traces-0-10-19", "strata.traces-0-10-190", "strata.traces-0-1-10-19", "strata.logs-0-10-19"} {
		note(id, string(id))
		for _, name := range []string{"a", "b", "a+b", "1"} {
			note(id.Block(name), string(id)+" "+name)
		}
	}
	require.Equal(t, storage.BatchID("strata.traces-0-10-19+minutes"), storage.BatchID("strata.traces-0-10-19").Block("minutes"))
	require.Equal(t, storage.BatchID("x+a+b"), storage.BatchID("x").Block("a").Block("b"))
}

// Each kind of error is told from the others through whatever wraps it.
func TestErrorsAreKinds(t *testing.T) {
	kinds := []error{storage.ErrNotFound, storage.ErrConflict, storage.ErrUnavailable, storage.ErrBroken, storage.ErrLimit, storage.ErrInvalid, storage.ErrBadQuery}
	for i, kind := range kinds {
		wrapped := fmt.Errorf("read segment 5: %w: %w", kind, errors.New("disk"))
		for j, other := range kinds {
			require.Equal(t, i == j, errors.Is(wrapped, other), "%v and %v", kind, other)
		}
	}
}

// A query that cannot be parsed is a bad query to whoever knows the stores alone.
func TestBadQueriesOfTheLanguage(t *testing.T) {
	_, err := search.Parse(signal.Logs, "level:loud")
	require.ErrorIs(t, err, storage.ErrBadQuery)
	require.Equal(t, fields.UnknownService, storage.UnknownService)
	field, err := search.ResolveField(signal.Logs, "service.name")
	require.NoError(t, err)
	require.Equal(t, search.Field{Name: search.FieldService}, field)
}
