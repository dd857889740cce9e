// SPDX-License-Identifier: Apache-2.0

// Package topology tells what runs here and who calls whom: services, the middleware below them, the hosts below both.
//
// Calls between services come from spans and the spans of their callers. A call that no service answers is looked for among the instances
// of middleware that the agents found, by address and port (match.go); what is on neither list is a peer. The numbers of an edge are exact
// where the counts per minute tell them; where only a sample of spans does they are scaled to those counts, and the edge says so.
package topology
