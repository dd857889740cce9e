// SPDX-License-Identifier: Apache-2.0

// Package packs holds what Strata knows of each kind of middleware: how values are named, the dashboard, the alert rules and the budget
// of series. One folder is one pack: pack.yaml, dashboard.json, rules.yaml.
//
// The agent names its readings by it, the server serves its dashboards and evaluates its rules. The package imports neither, only the
// model of dashboards.
package packs
