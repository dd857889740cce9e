// SPDX-License-Identifier: Apache-2.0

package hoststate

import (
	"cmp"
	"maps"
	"slices"
)

const (
	stateActive   = "active"
	stateFailed   = "failed"
	stateInactive = "inactive"
)

// unit is what systemd tells of a unit, in the order of its ListUnits.
type unit struct {
	Name, Description, LoadState, ActiveState, SubState, Following string
	Path                                                           string
}

// chooseUnits keeps the units that are told: those that are not inactive, and those that are enabled and should perhaps not be inactive. Of
// more than limit, the ones in trouble come first. The second result is how many are over it.
func chooseUnits(units []unit, enabled map[string]bool, limit int) ([]unit, int) {
	var kept []unit
	for _, u := range units {
		if u.ActiveState != stateInactive || enabled[u.Name] {
			kept = append(kept, u)
		}
	}
	slices.SortFunc(kept, func(a, b unit) int { return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Name, b.Name)) })
	if len(kept) <= limit {
		return kept, 0
	}
	return kept[:limit], len(kept) - limit
}

func rank(u unit) int {
	switch {
	case u.ActiveState == stateFailed:
		return 0
	case u.ActiveState == stateInactive:
		return 4
	case u.ActiveState != stateActive:
		return 1
	case u.SubState == "running":
		return 2
	default: // Ended well and counted as active.
		return 3
	}
}

// unitStates remembers the states that units have been in, so that a state that is left goes to 0 and does not linger with its last value.
type unitStates map[string]map[string]bool

// tell adds the units as data points: 1 for the state a unit is in, 0 for those it has been in, active and failed always.
func (s unitStates) tell(b builder, units []unit, restarts map[string]int64, dropped int) {
	state := b.sum("systemd.unit.state", "1", "1 for the state that the unit is in, 0 for the others it has been in.", false)
	now := make(map[string]bool, len(units))
	for _, u := range units {
		now[u.Name] = true
		if s[u.Name] == nil {
			s[u.Name] = map[string]bool{stateActive: true, stateFailed: true}
		}
		s[u.Name][u.ActiveState] = true
		for _, name := range slices.Sorted(maps.Keys(s[u.Name])) {
			v := int64(0)
			if name == u.ActiveState {
				v = 1
			}
			state(v, "systemd.unit.name", u.Name, "systemd.unit.active_state", name)
		}
	}
	maps.DeleteFunc(s, func(name string, _ map[string]bool) bool { return !now[name] })
	if len(restarts) > 0 {
		restarted := b.sum("systemd.service.restarts", "{restarts}", "Restarts of the service by systemd since it was started by hand.", true)
		for _, name := range slices.Sorted(maps.Keys(restarts)) {
			restarted(restarts[name], "systemd.unit.name", name)
		}
	}
	b.sum("strata.agent.systemd.units.dropped", "{unit}", "Units that are not told because they are over the limit.", false)(int64(dropped))
}
