// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"github.com/strata-apm/strata/alerting"
	"github.com/strata-apm/strata/internal/config"
	"github.com/strata-apm/strata/internal/httpx"
)

var errNobodyEvaluates = errors.New("no process evaluates rules: start strata alert")

// RuleGroups implements alerting.RuleState: what the processes that evaluate rules say, each group by the one that evaluates it.
func (p *peers) RuleGroups(ctx context.Context) ([]alerting.EvaluatedGroup, []string, error) {
	return p.ruleGroups(ctx, nil)
}

func (p *peers) ruleGroups(ctx context.Context, q url.Values) ([]alerting.EvaluatedGroup, []string, error) {
	all, err := p.list(ctx)
	if err != nil {
		return nil, nil, err
	}
	evaluators := with(all, config.AlertRole)
	if len(evaluators) == 0 {
		return nil, []string{errNobodyEvaluates.Error()}, nil
	}
	var lists [][]alerting.EvaluatedGroup
	var warnings []string
	for _, a := range askAll[json.RawMessage](ctx, p, evaluators, "/prometheus/api/v1/rules", q) {
		groups, err := []alerting.EvaluatedGroup(nil), a.err
		if err == nil {
			groups, err = alerting.ParseRuleGroups(a.body)
		}
		if err != nil {
			warnings = append(warnings, "process "+a.from.ID+" did not answer: "+err.Error()+"; what it evaluates may be missing")
			continue
		}
		lists = append(lists, groups)
	}
	return alerting.MergeRuleGroups(lists...), warnings, nil
}

// withRules answers /rules and /alerts of the Prometheus API from the processes that evaluate rules.
func (p *peers) withRules(prefix string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case prefix + "/rules":
			groups, warnings, err := p.ruleGroups(r.Context(), r.URL.Query())
			if groups == nil {
				groups = []alerting.EvaluatedGroup{}
			}
			writeProm(w, map[string]any{"groups": groups}, warnings, err)
		case prefix + "/alerts":
			groups, warnings, err := p.ruleGroups(r.Context(), nil)
			var alerts []json.RawMessage
			if err == nil {
				alerts, err = alerting.AlertsOf(groups)
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
