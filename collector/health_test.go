// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/extension/extensiontest"
)

// has takes a value off a channel, false when there is none.
func has[T any](ch chan T) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}

// TestHealthOfParts: a part that tries again leaves the agent well, one that gave up does not.
func TestHealthOfParts(t *testing.T) {
	why := errors.New("why")
	for name, tc := range map[string]struct {
		event   *componentstatus.Event
		healthy bool
		parts   int
		failed  bool
	}{
		"well":      {componentstatus.NewEvent(componentstatus.StatusOK), true, 0, false},
		"starting":  {componentstatus.NewEvent(componentstatus.StatusStarting), true, 0, false},
		"tries":     {componentstatus.NewRecoverableErrorEvent(why), true, 1, false},
		"gave up":   {componentstatus.NewPermanentErrorEvent(why), false, 1, true},
		"is broken": {componentstatus.NewFatalErrorEvent(why), false, 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHealth()
			h.reset()
			h.setRunning(true)
			h.set("receiver a", tc.event)
			got := h.tell()
			require.Equal(t, tc.healthy, got.Healthy)
			require.Equal(t, "running", got.Status)
			require.Len(t, got.Parts, tc.parts)
			require.Equal(t, tc.failed, has(h.failed))
			if !tc.healthy {
				require.Equal(t, "receiver a: why", got.Error)
			}
			h.set("receiver a", componentstatus.NewEvent(componentstatus.StatusOK))
			require.True(t, h.tell().Healthy, "it is well again")
			require.Empty(t, h.tell().Parts)
		})
	}
}

// TestHealthTellsOfChanges: the server hears of what is new, not of each event.
func TestHealthTellsOfChanges(t *testing.T) {
	h := newHealth()
	h.reset()
	require.False(t, h.tell().Healthy)
	require.Equal(t, "starting", h.tell().Status)
	h.setRunning(true)
	require.True(t, has(h.changed))
	require.True(t, has(h.ready))
	tries := componentstatus.NewRecoverableErrorEvent(errors.New("why"))
	h.set("exporter a", tries)
	require.True(t, has(h.changed))
	h.set("exporter a", tries)
	require.False(t, has(h.changed), "the same again")
	h.set("exporter a", componentstatus.NewPermanentErrorEvent(errors.New("why")))
	require.True(t, has(h.changed))
	h.setRunning(false)
	require.True(t, has(h.changed))
	require.False(t, has(h.ready))
	h.setRunning(true)
	h.reset()
	require.False(t, has(h.ready), "what the collector before said is forgotten")
	require.False(t, has(h.failed))
	require.Empty(t, h.tell().Parts)
}

func TestHealthIsBounded(t *testing.T) {
	h := newHealth()
	for i := range 2 * maxParts {
		h.set(fmt.Sprintf("receiver %d", i), componentstatus.NewRecoverableErrorEvent(errors.New("first")))
	}
	require.Len(t, h.tell().Parts, maxParts)
	h.set("receiver 0", componentstatus.NewRecoverableErrorEvent(errors.New("second")))
	require.Equal(t, "second", h.tell().Parts["receiver 0"].Error, "a part that is told of is kept up to date")
}

// TestHealthExtension: the collector's events reach the agent's health.
func TestHealthExtension(t *testing.T) {
	h := newHealth()
	factory, err := h.factory()
	require.NoError(t, err)
	ext, err := factory.Create(t.Context(), extensiontest.NewNopSettings(factory.Type()), factory.CreateDefaultConfig())
	require.NoError(t, err)
	e, ok := ext.(*healthExtension)
	require.True(t, ok)
	require.NoError(t, e.Ready())
	require.True(t, h.tell().Healthy)
	source := componentstatus.NewInstanceID(component.MustNewIDWithName("otlp", "x"), component.KindReceiver)
	e.ComponentStatusChanged(source, componentstatus.NewPermanentErrorEvent(errors.New("why")))
	require.Equal(t, "receiver otlp/x: why", h.tell().Error)
	require.NoError(t, e.NotReady())
	require.Equal(t, "starting", h.tell().Status)
}
