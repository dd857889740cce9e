// SPDX-License-Identifier: Apache-2.0

package status

import (
	"context"
	"errors"
	"fmt"

	"github.com/strata-apm/strata/ingest/bus"
)

// States of a component and of a process.
const (
	OK       = "ok"
	Degraded = "degraded" // It works, and somebody should look.
	Down     = "down"     // It does not work, and the process is not ready.
)

// Component is the state of one part as the status page shows it.
type Component struct {
	Name    string `json:"name"`
	State   string `json:"state" enum:"ok,degraded,down"`
	Message string `json:"message"`
}

// Probe asks a part how it is. It answers within the time that ctx allows.
type Probe func(ctx context.Context) Component

// Part is the state of a part that works unless err says why not.
func Part(name string, err error) Component {
	if err != nil {
		return Component{Name: name, State: Down, Message: err.Error()}
	}
	return Component{Name: name, State: OK}
}

// Spared is the state of a part without which the process goes on for a while.
func Spared(name string, err error) Component {
	c := Part(name, err)
	if c.State == Down {
		c.State = Degraded
	}
	return c
}

// Bus is the state of the bus. It is degraded while a topic of the embedded log holds more than four fifths of what it may.
func Bus(b bus.Inspector) Component {
	c := Component{Name: "bus", State: OK}
	if err := b.Err(); err != nil {
		c.State, c.Message = Down, err.Error()
		return c
	}
	for _, st := range b.Stats() {
		if st.LimitBytes > 0 && st.Bytes*10 > st.LimitBytes*8 {
			c.State = Degraded
			c.Message = fmt.Sprintf("%s holds %d of %d bytes; the writers are behind", st.Topic, st.Bytes, st.LimitBytes)
		}
	}
	return c
}

// Engine is the state of the embedded engine: whether it runs, what it says, and how often it had to be started again.
func Engine(runs bool, message string, restarts int) Component {
	c := Component{Name: "engine", State: OK, Message: message}
	if !runs {
		c.State = Down
	}
	if restarts > 0 {
		c.Message = fmt.Sprintf("restarted %d times; %s", restarts, message)
	}
	return c
}

// worst is the worst state of the parts, with the first of them that is in it.
func worst(parts []Component) (state, message string) {
	state = OK
	for _, c := range parts {
		if c.State == state || c.State == OK || state == Down {
			continue
		}
		state, message = c.State, c.Name+": "+c.Message
	}
	return state, message
}

// down joins what the parts say that do not work.
func down(parts []Component) error {
	var errs []error
	for _, c := range parts {
		if c.State == Down {
			errs = append(errs, fmt.Errorf("%s: %s", c.Name, c.Message))
		}
	}
	return errors.Join(errs...)
}
