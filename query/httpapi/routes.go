// SPDX-License-Identifier: Apache-2.0

package httpapi

import "net/http"

// The bodies of requests that other packages serve; their answers are in docs/reference/api.md.
type (
	ruleBody struct {
		YAML string `json:"yaml"`
	}
	notifierBody struct {
		Name         string `json:"name"`
		Type         string `json:"type"`
		URL          string `json:"url"`
		SendResolved bool   `json:"send_resolved"`
		Enabled      bool   `json:"enabled"`
		AllowPrivate bool   `json:"allow_private"`
		Secret       string `json:"secret,omitempty"`
	}
	keyBody struct {
		Name          string `json:"name"`
		Scope         string `json:"scope"`
		ExpiresInDays int    `json:"expires_in_days,omitempty"`
	}
	agentConfigBody struct {
		Name     string `json:"name"`
		YAML     string `json:"yaml"`
		Selector struct {
			Hosts  []string          `json:"hosts,omitempty"`
			Labels map[string]string `json:"labels,omitempty"`
		} `json:"selector"`
	}
	rolloutBody struct {
		ConfigID string `json:"config_id"`
		Canary   struct {
			Count   int     `json:"count,omitempty"`
			Percent float64 `json:"percent,omitempty"`
		} `json:"canary"`
		WatchSeconds float64 `json:"watch_seconds,omitempty"`
		AllowSilence bool    `json:"allow_silence,omitempty"`
	}
	sessionBody struct {
		Key string `json:"key"`
	}
	testAnswer struct {
		OK     bool   `json:"ok"`
		Status int    `json:"status"`
		Error  string `json:"error"`
	}
)

// routes is every route below /api/v1, whichever package serves it.
func routes() []route {
	const (
		get, post, put, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete
		ok, made, nothing   = http.StatusOK, http.StatusCreated, http.StatusNoContent
		rng                 = "start end"
		found               = "query start end"
	)
	return []route{
		{method: get, path: "/services", tag: "services", summary: "List services with their rates, errors and durations", params: rng + " env", answer: servicesAnswer{}, status: ok},
		{method: get, path: "/services/{name}", tag: "services", summary: "Describe one service", params: rng + " env points", answer: serviceDetailAnswer{}, status: ok},
		{method: get, path: "/traces", tag: "traces", summary: "Search traces", params: found + " limit cursor sort", answer: tracesAnswer{}, status: ok},
		{method: get, path: "/traces/facets", tag: "traces", summary: "Count matching spans by field", params: found, answer: facetsAnswer{}, status: ok},
		{method: get, path: "/traces/{id}", tag: "traces", summary: "Read one trace, in pages of spans", params: "limit cursor", answer: traceAnswer{}, status: ok},
		{method: get, path: "/logs", tag: "logs", summary: "Search log records", params: found + " limit cursor order", answer: logsAnswer{}, status: ok},
		{method: get, path: "/logs/histogram", tag: "logs", summary: "Count matching log records over time by level", params: found + " buckets", answer: histogramAnswer{}, status: ok},
		{method: get, path: "/logs/facets", tag: "logs", summary: "Count matching log records by field", params: found, answer: facetsAnswer{}, status: ok},
		{method: get, path: "/logs/tail", tag: "logs", summary: "Follow new log records as server-sent events: log, skipped", params: "query", status: ok, stream: true},
		{method: get, path: "/fields", tag: "fields", summary: "Complete a field's name", params: "signal prefix " + rng, answer: fieldsAnswer{}, status: ok},
		{method: get, path: "/fields/values", tag: "fields", summary: "Complete a field's value", params: "signal field prefix " + rng, answer: valuesAnswer{}, status: ok},
		{method: get, path: "/hosts", tag: "hosts", summary: "List hosts", params: rng, answer: hostsAnswer{}, status: ok},
		{method: get, path: "/hosts/{name}", tag: "hosts", summary: "Describe one host", params: rng, answer: hostDetailAnswer{}, status: ok},
		{method: get, path: "/packs", tag: "packs", summary: "List the packs of middleware", answer: packsAnswer{}, status: ok},
		{method: get, path: "/packs/{name}", tag: "packs", summary: "Describe a pack: metrics, dashboard, rules, budget", answer: packAnswer{}, status: ok},
		{method: get, path: "/openapi.json", tag: "meta", summary: "This document", status: ok},

		{method: get, path: "/status", tag: "meta", summary: "State of the server and its parts", status: ok},
		{method: get, path: "/status/instances", tag: "meta", summary: "The processes and what each says of itself", status: ok},
		{method: get, path: "/status/watermarks", tag: "ledger", summary: "Up to when everything that was accepted has been stored, by partition", status: ok},
		{method: get, path: "/ledger", tag: "ledger", summary: "What was received, refused and stored, by minute and source", params: rng, status: ok},
		{method: get, path: "/rules", tag: "alerting", summary: "List rule groups", status: ok},
		{method: post, path: "/rules", tag: "alerting", summary: "Create a rule group", body: ruleBody{}, status: made},
		{method: put, path: "/rules/{id}", tag: "alerting", summary: "Change a rule group", body: ruleBody{}, status: ok},
		{method: del, path: "/rules/{id}", tag: "alerting", summary: "Remove a rule group", status: nothing},
		{method: get, path: "/notifiers", tag: "alerting", summary: "List notifiers", status: ok},
		{method: post, path: "/notifiers", tag: "alerting", summary: "Create a notifier", body: notifierBody{}, status: made},
		{method: put, path: "/notifiers/{id}", tag: "alerting", summary: "Change a notifier", body: notifierBody{}, status: ok},
		{method: del, path: "/notifiers/{id}", tag: "alerting", summary: "Remove a notifier", status: nothing},
		{method: post, path: "/notifiers/{id}/test", tag: "alerting", summary: "Send a test notification", answer: testAnswer{}, status: ok},
		{method: get, path: "/agents", tag: "agents", summary: "List agents: who is heard, what each runs with and what it says of itself", params: "text state limit cursor", status: ok},
		{method: get, path: "/agents/{id}", tag: "agents", summary: "Describe one agent", status: ok},
		{method: del, path: "/agents/{id}", tag: "agents", summary: "Forget an agent; one that lives is back with its next heartbeat", status: nothing},
		{method: get, path: "/agents/{id}/config", tag: "agents", summary: "What an agent runs with and what it was offered", status: ok},
		{method: get, path: "/agent-configs", tag: "agents", summary: "List configurations for agents", params: "limit cursor", status: ok},
		{method: post, path: "/agent-configs", tag: "agents", summary: "Create a configuration; it never changes and reaches agents by a roll-out", body: agentConfigBody{}, status: made},
		{method: get, path: "/agent-configs/{id}", tag: "agents", summary: "Read a configuration", status: ok},
		{method: get, path: "/rollouts", tag: "agents", summary: "List roll-outs", params: "limit cursor", status: ok},
		{method: post, path: "/rollouts", tag: "agents", summary: "Roll a configuration out, first to canaries", body: rolloutBody{}, status: made},
		{method: get, path: "/rollouts/{id}", tag: "agents", summary: "How a roll-out goes, agent by agent", status: ok},
		{method: post, path: "/rollouts/{id}/cancel", tag: "agents", summary: "Stop a roll-out and roll it back", status: ok},
		{method: get, path: "/keys", tag: "keys", summary: "List keys", status: ok},
		{method: post, path: "/keys", tag: "keys", summary: "Create a key; its secret is shown once", body: keyBody{}, status: made},
		{method: del, path: "/keys/{id}", tag: "keys", summary: "Revoke a key", status: nothing},
		{method: post, path: "/session", tag: "keys", summary: "Sign in with a key", body: sessionBody{}, status: nothing},
		{method: get, path: "/session/signin", tag: "keys", summary: "Sign in by a one-time link", status: http.StatusSeeOther},
		{method: del, path: "/session", tag: "keys", summary: "Sign out", status: nothing},
	}
}

// Documented reports whether the OpenAPI document lists a route; the program's own test asks it for every route it mounts. Path is
// relative to /api/v1.
func Documented(method, path string) bool {
	for _, rt := range routes() {
		if rt.method == method && rt.path == path {
			return true
		}
	}
	return false
}
