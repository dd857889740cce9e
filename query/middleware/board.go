// SPDX-License-Identifier: Apache-2.0

package middleware

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/tenant"
)

// Missing is something that could be collected with more access.
type Missing struct {
	// The field What names what would be collected, Why the reason that it is not, How the way to allow it.
	What string `json:"what"`
	Why  string `json:"why"`
	How  string `json:"how"`
}

// entry is an instance on the board of an agent.
type entry struct {
	Kind      string    `json:"kind"`
	Instance  string    `json:"instance"`
	Addresses []string  `json:"addresses"`
	Version   string    `json:"version"`
	State     State     `json:"state"`
	Since     time.Time `json:"since"`
	Error     string    `json:"error"`
	Missing   []Missing `json:"missing"`

	agent string
}

// place is what an instance and its entry have in common: the entry has the address by which the agent reaches the instance.
type place struct{ kind, host, port string }

func placeOf(kind, host, address string) place {
	return place{kind, host, address[strings.LastIndexByte(address, ':')+1:]}
}

// boards are the entries of all agents.
type boards map[place]entry

// readBoards asks for all agents at once; they are the default tenant's. A board that another release wrote in another form counts as an empty one.
func readBoards(ctx context.Context, agents Agents) (boards, error) {
	if tenant.FromContext(ctx).OrDefault() != tenant.Default {
		return boards{}, nil
	}
	all, err := agents.ListAgents(ctx, storage.AgentQuery{})
	if err != nil {
		return nil, fmt.Errorf("read the agents' boards: %w", err)
	}
	out := make(boards)
	for _, a := range all {
		var board struct {
			Middleware []entry `json:"middleware"`
		}
		if json.Unmarshal([]byte(a.Board), &board) != nil {
			continue
		}
		for _, e := range board.Middleware {
			e.agent = a.ID
			out[placeOf(e.Kind, a.HostName, e.Instance)] = e
		}
	}
	return out, nil
}

// complete adds what the board says of an instance. The time of a state is only known while board and metrics tell the same state.
func (b boards) complete(in *Instance) {
	e, ok := b[placeOf(in.Kind, in.Host, in.Name)]
	if !ok {
		return
	}
	in.Agent, in.Error, in.Addresses, in.Missing = e.agent, e.Error, e.Addresses, e.Missing
	if in.Version == "" {
		in.Version = e.Version
	}
	if e.State == in.State {
		in.Since = e.Since
	}
}
