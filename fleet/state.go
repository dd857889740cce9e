// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"time"

	"github.com/strata-apm/strata/storage"
)

// State is whether an agent is heard.
type State string

// The states of an agent.
const (
	Online  State = "online"
	Late    State = "late"
	Offline State = "offline"
	// Stopped is an agent that said that it stops.
	Stopped State = "stopped"
)

const (
	defaultHeartbeat = 10 * time.Second
	minHeartbeat     = time.Second
	maxHeartbeat     = 30 * time.Second
)

// StateOf says how an agent is by how long it has been silent. A heartbeat may wait for its batch, and be late by some of itself, before
// the agent counts as late; when the second is missing too it is offline: after 25 s of the default of 10 s, so that with the batch and the
// poll of who looks less than 30 s pass.
func StateOf(a storage.Agent) State {
	beat := heartbeatOf(a)
	switch {
	case a.Left:
		return Stopped
	case a.Silent > beat*23/10+saveEvery:
		return Offline
	case a.Silent > beat*14/10+saveEvery:
		return Late
	default:
		return Online
	}
}

// grace is how long after it began to look a process takes an agent that was silent already for one that could not be heard.
const grace = time.Minute

// knownDown says whether an agent is down for somebody who has looked for some time: the agent was heard in that time, or was not for all
// of the grace. The servers may have been away before.
func knownDown(a storage.Agent, looked time.Duration) bool {
	s := StateOf(a)
	return (s == Offline || s == Stopped) && (a.Silent <= looked || looked >= grace)
}

func heartbeatOf(a storage.Agent) time.Duration {
	if a.Heartbeat == 0 {
		return defaultHeartbeat
	}
	return min(max(a.Heartbeat, minHeartbeat), maxHeartbeat)
}
