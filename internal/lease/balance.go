// SPDX-License-Identifier: Apache-2.0

package lease

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/strata-apm/strata/storage"
)

// balance decides which leases a copy takes and which it gives back, so that every copy has its share of each kind. Not safe for
// concurrent use.
type balance struct {
	holder, presence string
	kinds            []string
	// patience is how long a lease may be free before it is taken beyond the share: the others cannot or do not know of it.
	patience time.Duration

	copies []string             // at the last plan
	free   map[string]time.Time // since when a lease that others should take has been free
	extra  map[string]bool      // taken beyond the share; not given back before the copies change
}

func newBalance(holder, presence string, kinds []string, patience time.Duration) *balance {
	return &balance{holder: holder, presence: presence, kinds: kinds, patience: patience, free: make(map[string]time.Time), extra: make(map[string]bool)}
}

// plan compares what there is to have with what this copy has and with all leases of the store.
func (b *balance) plan(wanted, having []string, all []storage.Lease, now time.Time) (take, release []string) {
	holders := make(map[string]string, len(all))
	copies := []string{b.holder}
	for _, l := range all {
		holders[l.Name] = l.Holder
		if name, ok := strings.CutPrefix(l.Name, b.presence); ok && name != b.holder {
			copies = append(copies, name)
		}
	}
	slices.Sort(copies)
	if !slices.Equal(copies, b.copies) {
		b.copies = copies
		clear(b.extra)
	}
	free := make(map[string]time.Time)
	for _, prefix := range b.kinds {
		t, r := b.kind(kindOf{prefix: prefix, wanted: wanted, having: having, holders: holders, free: free}, now)
		take, release = append(take, t...), append(release, r...)
	}
	b.free = free
	return take, release
}

// kindOf is one kind of leases.
type kindOf struct {
	prefix         string
	wanted, having []string
	holders        map[string]string
	free           map[string]time.Time // filled
}

func (b *balance) kind(k kindOf, now time.Time) (take, release []string) {
	names := make(map[string]bool)
	for _, n := range k.wanted {
		if strings.HasPrefix(n, k.prefix) {
			names[n] = true
		}
	}
	share := (len(names) + len(b.copies) - 1) / len(b.copies)
	counted := 0 // leases that fill the share
	for _, n := range k.having {
		switch {
		case !strings.HasPrefix(n, k.prefix):
		case !names[n]: // Nothing to do under it any more.
			release = append(release, n)
		case b.extra[n]:
		case counted == share:
			release = append(release, n)
		default:
			counted++
		}
	}
	for _, n := range slices.Sorted(maps.Keys(names)) {
		holder, held := k.holders[n]
		switch {
		case slices.Contains(k.having, n), held && holder != b.holder:
		case counted < share:
			counted++
			take = append(take, n)
		case held: // Ours in the store, of a run before; somebody else's share.
			release = append(release, n)
		default:
			since, known := b.free[n]
			if !known {
				since = now
			}
			k.free[n] = since
			if now.Sub(since) >= b.patience {
				b.extra[n] = true
				take = append(take, n)
			}
		}
	}
	return take, release
}
