// SPDX-License-Identifier: Apache-2.0

// Package middleware lists the instances of middleware that the agents found: what their metrics tell, joined with what the agents say of
// them on their status boards.
//
// An instance is a series of strata_middleware_up. Nothing about instances is stored apart from series and boards; without the boards the
// list still has what the metrics tell, and says what it lacks.
package middleware
