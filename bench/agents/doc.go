// SPDX-License-Identifier: Apache-2.0

// Package agents is a load of agents that do nothing but talk to the server over OpAMP: each holds a WebSocket, says all of itself when it
// is asked, sends its status board as often as a real one and comes back with the pauses of the real one's library when it is cut off.
// A process runs as one holder of some thousands of them and tells what they do in lines of JSON.
package agents
