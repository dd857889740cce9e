// SPDX-License-Identifier: Apache-2.0

// Package fleet is the agent's side of OpAMP: heartbeats, health, the status board and what became of a pushed configuration go to the
// server, configurations come from it. It decides nothing about configurations; that is the Agent it speaks for. Remote keeps the
// one that was pushed, and the one before it while it is on trial.
//
// The library's clients connect for ever and do not notice a connection on which nothing comes back, such as one through a proxy that
// hangs. So each runs as a session that ends when the server has not answered for three heartbeats; the next one uses the other
// transport, WebSocket or plain HTTP.
package fleet
