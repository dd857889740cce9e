// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"fmt"

	"github.com/strata-apm/strata/storage/clickhouse/engine/supervise"
)

// component is the state of one part as the status page shows it.
type component struct {
	Name    string `json:"name"`
	State   string `json:"state" enum:"ok,degraded,down"`
	Message string `json:"message"`
}

const (
	stateOK       = "ok"
	stateDegraded = "degraded"
	stateDown     = "down"
)

var errStarting = errors.New("starting or stopping")

// readiness says whether everything this process needs answers.
func (a *App) readiness(ctx context.Context) error {
	if !a.ready.Load() {
		return errStarting
	}
	var errs []error
	for _, c := range a.components(ctx) {
		if c.State == stateDown {
			errs = append(errs, fmt.Errorf("%s: %s", c.Name, c.Message))
		}
	}
	return errors.Join(errs...)
}

// components asks every part of this process how it is.
func (a *App) components(ctx context.Context) []component {
	var out []component
	if a.stores.bus != nil {
		out = append(out, a.busState())
	}
	if a.stores.tsdb != nil {
		out = append(out, state("metrics", a.stores.tsdb.Err()))
	}
	if a.stores.clickhouse != nil {
		out = append(out, a.engineState(), state("clickhouse", a.stores.clickhouse.Ping(ctx)))
	}
	if a.peers != nil {
		c := state("catalog", a.stores.catalog.Ping(ctx))
		if c.State == stateDown { // Keys and writers that are known go on being known, so the process goes on.
			c.State = stateDegraded
		}
		out = append(out, c)
	}
	return out
}

func (a *App) busState() component {
	c := component{Name: "bus", State: stateOK}
	if err := a.stores.bus.Err(); err != nil {
		c.State, c.Message = stateDown, err.Error()
		return c
	}
	for _, st := range a.stores.bus.Stats() {
		if st.LimitBytes > 0 && st.Bytes*10 > st.LimitBytes*8 {
			c.State = stateDegraded
			c.Message = fmt.Sprintf("%s holds %d of %d bytes; the writers are behind", st.Topic, st.Bytes, st.LimitBytes)
		}
	}
	return c
}

func (a *App) engineState() component {
	if a.stores.engine == nil {
		return component{Name: "engine", State: stateOK, Message: "a ClickHouse server is used"}
	}
	st := a.stores.engine.State()
	c := component{Name: "engine", State: stateOK, Message: st.Message}
	if st.Phase != supervise.OK {
		c.State = stateDown
	}
	if st.Restarts > 0 {
		c.Message = fmt.Sprintf("restarted %d times; %s", st.Restarts, st.Message)
	}
	return c
}

func state(name string, err error) component {
	if err != nil {
		return component{Name: name, State: stateDown, Message: err.Error()}
	}
	return component{Name: name, State: stateOK}
}
