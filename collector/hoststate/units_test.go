// SPDX-License-Identifier: Apache-2.0

package hoststate

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestChooseUnits(t *testing.T) {
	units := []unit{
		{Name: "idle.service", ActiveState: "inactive"},
		{Name: "stopped.service", ActiveState: "inactive"},
		{Name: "once.service", ActiveState: "active", SubState: "exited"},
		{Name: "broken.service", ActiveState: "failed"},
		{Name: "again.service", ActiveState: "activating"},
	}
	for i := range 250 {
		units = append(units, unit{Name: fmt.Sprintf("app-%03d.service", i), ActiveState: "active", SubState: "running"})
	}
	kept, dropped := chooseUnits(units, map[string]bool{"stopped.service": true}, 200)
	require.Len(t, kept, 200)
	require.Equal(t, 54, dropped, "252 active, one activating, one failed, one enabled; one is neither")
	require.Equal(t, "broken.service", kept[0].Name)
	require.Equal(t, "again.service", kept[1].Name)
	require.Equal(t, "app-197.service", kept[199].Name)
	kept, dropped = chooseUnits(units, map[string]bool{"stopped.service": true}, 1000)
	require.Zero(t, dropped)
	require.Equal(t, "stopped.service", kept[len(kept)-1].Name)
}

// TestUnitStates: a state that is left goes to 0, a unit that is gone is forgotten.
func TestUnitStates(t *testing.T) {
	states := unitStates{}
	tell := func(units ...unit) map[string]float64 {
		md, b := newBuilder(time.Now())
		states.tell(b, units, map[string]int64{"a.service": 3}, 5)
		return values(t, md)
	}
	tell(unit{Name: "a.service", ActiveState: "activating"})
	got := tell(unit{Name: "a.service", ActiveState: "failed"})
	require.Equal(t, map[string]float64{
		"systemd.unit.state a.service activating": 0, "systemd.unit.state a.service active": 0, "systemd.unit.state a.service failed": 1,
		"systemd.service.restarts a.service": 3, "strata.agent.systemd.units.dropped": 5,
	}, got)
	tell()
	require.Empty(t, states)
}

// TestSystemdAbsent: a host without systemd is no error, and is not asked again at once.
func TestSystemdAbsent(t *testing.T) {
	s := newSystemd(SystemdConfig{Units: []string{"*.service"}, MaxUnits: 10}, t.TempDir())
	for range 2 {
		md, err := s.scrape(t.Context(), time.Now())
		require.NoError(t, err)
		require.Zero(t, md.DataPointCount())
	}
}
