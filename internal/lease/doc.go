// SPDX-License-Identifier: Apache-2.0

// Package lease shares work out among processes by leases in a store: Manager keeps one process's share of many, so that each is held by one process, all
// processes have about as many, and another takes over when one dies; Single is one lease for work that a single process does. The store's clock decides when a
// lease ends there; a process counts from before it asked, so that it stops no later.
package lease
