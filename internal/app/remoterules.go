// SPDX-License-Identifier: Apache-2.0

package app

import (
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/strata-apm/strata/internal/config"
	"github.com/strata-apm/strata/query/httpapi"
)

// promAnswer is the envelope of Prometheus's API.
type promAnswer[T any] struct {
	Status   string   `json:"status"`
	Data     T        `json:"data"`
	Warnings []string `json:"warnings,omitempty"`
}

type ruleGroups struct {
	Groups []json.RawMessage `json:"groups"`
}

type alertList struct {
	Alerts []json.RawMessage `json:"alerts"`
}

// withRules answers /rules and /alerts with what the processes that evaluate rules say; each group is evaluated by one of them.
func (p *peers) withRules(prefix string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case prefix + "/rules":
			out := promAnswer[ruleGroups]{Status: "success", Data: ruleGroups{Groups: []json.RawMessage{}}}
			gather(p, r, "/prometheus/api/v1/rules", &out, func(d ruleGroups) { out.Data.Groups = append(out.Data.Groups, d.Groups...) })
			httpapi.WriteJSON(w, http.StatusOK, out)
		case prefix + "/alerts":
			out := promAnswer[alertList]{Status: "success", Data: alertList{Alerts: []json.RawMessage{}}}
			gather(p, r, "/prometheus/api/v1/alerts", &out, func(d alertList) { out.Data.Alerts = append(out.Data.Alerts, d.Alerts...) })
			httpapi.WriteJSON(w, http.StatusOK, out)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// gather asks every process that evaluates rules and adds up what they say; one that does not answer becomes a warning.
func gather[T any](p *peers, r *http.Request, path string, out *promAnswer[T], add func(T)) {
	all, err := p.list(r.Context())
	if err != nil {
		out.Warnings = append(out.Warnings, err.Error())
		return
	}
	evaluators := with(all, config.AlertRole)
	if len(evaluators) == 0 {
		out.Warnings = append(out.Warnings, "no process evaluates rules: start strata alert")
	}
	q := url.Values{}
	for k, v := range r.URL.Query() {
		q[k] = v
	}
	for _, a := range askAll[promAnswer[T]](r.Context(), p, evaluators, path, q) {
		if a.err != nil {
			out.Warnings = append(out.Warnings, "process "+a.from.ID+" did not answer: "+a.err.Error()+"; its rules are missing")
			continue
		}
		out.Warnings = append(out.Warnings, a.body.Warnings...)
		add(a.body.Data)
	}
}
