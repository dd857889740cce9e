// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"github.com/strata-apm/strata/alerting/rules"
	"github.com/strata-apm/strata/internal/config"
	"github.com/strata-apm/strata/internal/httpx"
	"github.com/strata-apm/strata/tenant"
)

var errNobodyEvaluates = errors.New("no process evaluates rules: start strata alert")

// RuleGroups implements rules.State: what the processes that evaluate rules say, each group by the one that evaluates it.
func (p *Peers) RuleGroups(ctx context.Context) ([]rules.EvaluatedGroup, []string, error) {
	return p.ruleGroups(ctx, nil)
}

func (p *Peers) ruleGroups(ctx context.Context, q url.Values) ([]rules.EvaluatedGroup, []string, error) {
	all, err := p.List(ctx)
	if err != nil {
		return nil, nil, err
	}
	evaluators := With(all, config.RoleAlert)
	if len(evaluators) == 0 {
		return nil, []string{errNobodyEvaluates.Error()}, nil
	}
	var lists [][]rules.EvaluatedGroup
	var warnings []string
	for _, a := range AskAll[json.RawMessage](ctx, p, evaluators, "/prometheus/api/v1/rules", q) {
		groups, err := []rules.EvaluatedGroup(nil), a.Err
		if err == nil {
			groups, err = rules.ParseGroups(a.Body)
		}
		if err != nil {
			warnings = append(warnings, "process "+a.From.ID+" did not answer: "+err.Error()+"; what it evaluates may be missing")
			continue
		}
		lists = append(lists, groups)
	}
	return rules.MergeGroups(lists...), warnings, nil
}

// WithRules answers /rules and /alerts of the Prometheus API at prefix from the processes that evaluate rules, and gives the rest to next.
func (p *Peers) WithRules(prefix string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if tenant.FromContext(r.Context()).OrDefault() != tenant.Default { // Rules are the default tenant's.
			next.ServeHTTP(w, r)
			return
		}
		switch r.URL.Path {
		case prefix + "/rules":
			groups, warnings, err := p.ruleGroups(r.Context(), r.URL.Query())
			if groups == nil {
				groups = []rules.EvaluatedGroup{}
			}
			writeProm(w, map[string]any{"groups": groups}, warnings, err)
		case prefix + "/alerts":
			groups, warnings, err := p.ruleGroups(r.Context(), nil)
			var alerts []json.RawMessage
			if err == nil {
				alerts, err = rules.AlertsOf(groups)
			}
			writeProm(w, map[string]any{"alerts": alerts}, warnings, err)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func writeProm(w http.ResponseWriter, data any, warnings []string, err error) {
	if err != nil {
		httpx.WritePrometheusError(w, http.StatusServiceUnavailable, httpx.PrometheusUnavailable, err.Error())
		return
	}
	httpx.WritePrometheus(w, data, warnings)
}
