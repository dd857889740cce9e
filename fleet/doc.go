// SPDX-License-Identifier: Apache-2.0

// Package fleet is the server's side of the agents: it hears their heartbeats over OpAMP, remembers what they say of themselves, offers
// them configurations and rolls new ones out, first to a few.
//
// transport.go bounds what a connection can hold, server.go speaks the protocol, agents.go keeps the agents that talk to this process
// and writes them to the catalog in batches, state.go says who is silent. rollout.go moves a roll-out from state to state; judge.go
// decides whether a canary got worse. api.go and api_rollouts.go serve /api/v1; a process that no agent talks to serves them as well.
//
// Invariants:
//   - The catalog is what processes share: an agent may talk to one, be listed by another and be assigned a configuration by a third.
//   - One process drives roll-outs, the holder of the lease; every step is stored together with the assignments it makes, so that
//     another one, or the same after a restart, goes on where it was.
//   - What is offered was checked with package collector/pushed; the agent checks it again before it reads it.
//
// See docs/design/0013-fleet.md.
package fleet
