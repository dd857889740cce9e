// SPDX-License-Identifier: Apache-2.0

package app

import (
	"fmt"
	"net/url"
	"slices"

	"github.com/prometheus/prometheus/promql"
	promstorage "github.com/prometheus/prometheus/storage"

	"github.com/strata-apm/strata/alerting"
	"github.com/strata-apm/strata/fleet"
	"github.com/strata-apm/strata/ingest/remotewrite"
	"github.com/strata-apm/strata/internal/config"
	"github.com/strata-apm/strata/packs"
	"github.com/strata-apm/strata/tenant"
)

func (a *App) newAlerting(engine *promql.Engine) (*alerting.Alerting, error) {
	external, err := url.Parse(a.externalURL())
	if err != nil {
		return nil, fmt.Errorf("http.external_url: %w", err)
	}
	queryable, appendable := a.ruleStores()
	store := alerting.StoreOf(a.stores.catalog)
	if a.peers == nil { // Nobody else: no leases to take and no changes of others to look for.
		store.Leases, store.Versions = nil, nil
	}
	builtIn, err := packRules(a.cfg.Alerting.DisablePacks)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(a.cfg.Alerting.DisablePacks, config.AgentRules) {
		builtIn[config.AgentRules] = fleet.Rules()
	}
	al, err := alerting.New(alerting.Options{
		Engine: engine, Queryable: queryable, Appendable: appendable,
		Store: store, Holder: a.instance,
		RuleFiles: a.cfg.Alerting.RuleFiles, BuiltIn: builtIn, EvaluationInterval: a.cfg.Alerting.EvaluationInterval,
		RepeatInterval: a.cfg.Alerting.RepeatInterval, ExternalURL: external,
		Version: a.opts.Version, Logger: a.logger.With("part", "alerting"), Registerer: a.reg,
	})
	if err != nil {
		return nil, fmt.Errorf("alerting: %w", err)
	}
	return al, nil
}

// newRulesAPI is the API of rules and notifiers in a process that evaluates none.
func (a *App) newRulesAPI() (*alerting.API, error) {
	external, err := url.Parse(a.externalURL())
	if err != nil {
		return nil, fmt.Errorf("http.external_url: %w", err)
	}
	api, err := alerting.NewAPI(alerting.APIOptions{
		Store: alerting.StoreOf(a.stores.catalog), State: a.peers, EvaluationInterval: a.cfg.Alerting.EvaluationInterval,
		ExternalURL: external, Version: a.opts.Version, Logger: a.logger.With("part", "alerting"),
	})
	if err != nil {
		return nil, fmt.Errorf("rules API: %w", err)
	}
	a.stack.push("rules API", api.Close)
	return api, nil
}

// ruleStores are where rules read and write: the default tenant's metrics. Over several processes a rule that sees only a part of the series must fail, not resolve its
// alerts, and what it writes goes by the bus, so that it lands where its series are.
func (a *App) ruleStores() (promstorage.Queryable, promstorage.Appendable) {
	if a.stores.fanout == nil {
		own := a.stores.tsdb.Lookup(tenant.Default)
		return own, own
	}
	strict := a.stores.fanout.Strict()
	if !a.cfg.Bus.Shared() {
		return strict, a.stores.tsdb.Lookup(tenant.Default)
	}
	return strict, remotewrite.NewAppendable(a.newIntake(nil), "rules")
}

// packRules are the rules of the packs of middleware that are not switched off.
func packRules(disabled []string) (map[string]string, error) {
	all, err := packs.All()
	if err != nil {
		return nil, fmt.Errorf("rules of packs: %w", err)
	}
	out := make(map[string]string, len(all))
	for _, p := range all {
		if !slices.Contains(disabled, p.Name) {
			out[p.Name] = p.Rules
		}
	}
	return out, nil
}
