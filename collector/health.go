// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"context"
	"maps"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/extension"

	"github.com/strata-apm/strata/collector/fleet"
	"github.com/strata-apm/strata/collector/otelconfig"
)

// maxParts bounds the parts whose health is told.
const maxParts = 60

// health gathers how the collector's components are. It outlives the collectors that the agent runs one after the other. Safe for
// concurrent use.
type health struct {
	// ready receives a value when all pipelines of a collector run, failed when one of its parts gives up for good, changed after both
	// and after every other change of what is told.
	ready, changed chan struct{}
	failed         chan string

	mu      sync.Mutex
	running bool // guarded by mu
	started time.Time
	parts   map[string]fleet.Health // guarded by mu
}

func newHealth() *health {
	return &health{
		ready: make(chan struct{}, 1), changed: make(chan struct{}, 1), failed: make(chan string, 1), parts: map[string]fleet.Health{},
	}
}

// reset forgets the collector before.
func (h *health) reset() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.running, h.started, h.parts = false, time.Now(), map[string]fleet.Health{}
	for _, ch := range []chan struct{}{h.ready} {
		select {
		case <-ch:
		default:
		}
	}
	select {
	case <-h.failed:
	default:
	}
}

// tell returns the agent's health. A part that is well is not named.
func (h *health) tell() fleet.Health {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := fleet.Health{Healthy: h.running, Status: "starting", Started: h.started, Parts: maps.Clone(h.parts)}
	if h.running {
		out.Status = "running"
	}
	for name, part := range h.parts {
		if !part.Healthy {
			out.Healthy, out.Error = false, name+": "+part.Error
		}
	}
	return out
}

func (h *health) setRunning(running bool) {
	h.mu.Lock()
	h.running = running
	h.mu.Unlock()
	wake(h.changed)
	if running {
		wake(h.ready)
	}
}

// set takes over what a component says of itself.
func (h *health) set(name string, e *componentstatus.Event) {
	part := fleet.Health{Healthy: true, Status: strings.ToLower(strings.TrimPrefix(e.Status().String(), "Status"))}
	if err := e.Err(); err != nil {
		part.Error = err.Error()
	}
	gaveUp := e.Status() == componentstatus.StatusPermanentError || e.Status() == componentstatus.StatusFatalError
	part.Healthy = !gaveUp
	h.mu.Lock()
	before, known := h.parts[name]
	switch e.Status() {
	case componentstatus.StatusRecoverableError, componentstatus.StatusPermanentError, componentstatus.StatusFatalError:
		if known || len(h.parts) < maxParts {
			h.parts[name] = part
		}
	default:
		delete(h.parts, name)
	}
	after, still := h.parts[name]
	h.mu.Unlock()
	if gaveUp {
		select {
		case h.failed <- name + ": " + part.Error:
		default:
		}
	}
	if known != still || before.Status != after.Status {
		wake(h.changed)
	}
}

func wake(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

func (h *health) factory() (extension.Factory, error) {
	typ, err := component.NewType(otelconfig.HealthType)
	if err != nil {
		return nil, err
	}
	return extension.NewFactory(
		typ,
		func() component.Config { return &struct{}{} },
		func(context.Context, extension.Settings, component.Config) (extension.Extension, error) {
			return &healthExtension{health: h}, nil
		},
		component.StabilityLevelStable,
	), nil
}

// healthExtension hears of the components of one collector.
type healthExtension struct {
	component.StartFunc
	component.ShutdownFunc
	health *health
}

// Ready implements extensioncapabilities.PipelineWatcher.
func (e *healthExtension) Ready() error {
	e.health.setRunning(true)
	return nil
}

// NotReady implements extensioncapabilities.PipelineWatcher.
func (e *healthExtension) NotReady() error {
	e.health.setRunning(false)
	return nil
}

// ComponentStatusChanged implements componentstatus.Watcher.
func (e *healthExtension) ComponentStatusChanged(source *componentstatus.InstanceID, event *componentstatus.Event) {
	e.health.set(strings.ToLower(source.Kind().String())+" "+source.ComponentID().String(), event)
}
