// SPDX-License-Identifier: Apache-2.0

// Package dashboard is the model of a dashboard: panels, the queries that they draw, and the variables in those queries. Dashboards of
// packs of middleware, of hosts and of services are all of this model, and the page draws all of them by one component.
//
// The package decides what is a valid dashboard. It evaluates no query, and knows nothing of where a dashboard is kept.
package dashboard
