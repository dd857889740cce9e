// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/prometheus/prometheus/promql"
	promstorage "github.com/prometheus/prometheus/storage"

	"github.com/strata-apm/strata/alerting"
	alertapi "github.com/strata-apm/strata/alerting/httpapi"
	"github.com/strata-apm/strata/alerting/receiver"
	"github.com/strata-apm/strata/alerting/receiver/httpsend"
	"github.com/strata-apm/strata/alerting/receiver/webhook"
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
	types, err := a.notifierTypes()
	if err != nil {
		return nil, err
	}
	al, err := alerting.New(alerting.Options{
		Engine: engine, Queryable: queryable, Appendable: appendable,
		Store: store, Types: types, Holder: a.instance,
		RuleFiles: a.cfg.Alerting.RuleFiles, BuiltIn: builtIn, EvaluationInterval: a.cfg.Alerting.EvaluationInterval,
		RepeatInterval: a.cfg.Alerting.RepeatInterval, ExternalURL: external,
		Logger: a.logger.With("part", "alerting"), Registerer: a.reg,
	})
	if err != nil {
		return nil, fmt.Errorf("alerting: %w", err)
	}
	return al, nil
}

// notifierTypes is the table of the kinds of notifiers there are: one row for each.
func (a *App) notifierTypes() (receiver.Types, error) {
	client := httpsend.New(a.opts.Version)
	a.stack.push("connections to receivers", client.Close)
	types, err := receiver.NewTypes(
		webhook.Type(client),
	)
	if err != nil {
		return receiver.Types{}, fmt.Errorf("notifiers: %w", err)
	}
	return types, nil
}

// newRulesAPI is the API of rules and notifiers in a process that evaluates none.
func (a *App) newRulesAPI() (*alertapi.API, error) {
	external, err := url.Parse(a.externalURL())
	if err != nil {
		return nil, fmt.Errorf("http.external_url: %w", err)
	}
	types, err := a.notifierTypes()
	if err != nil {
		return nil, err
	}
	cat := a.stores.catalog
	api, err := alertapi.New(alertapi.Options{
		Rules: cat, Notifiers: cat, Queue: cat, Log: cat, State: a.peers, Types: types, EvaluationInterval: a.cfg.Alerting.EvaluationInterval,
		ExternalURL: external, Logger: a.logger.With("part", "alerting"),
	})
	if err != nil {
		return nil, fmt.Errorf("rules API: %w", err)
	}
	return api, nil
}

// ruleStores are where rules read and write: the default tenant's metrics. Over several processes a rule that sees only a part of the series must fail, not resolve its
// alerts, and what it writes goes by the bus, so that it lands where its series are.
func (a *App) ruleStores() (promstorage.Queryable, promstorage.Appendable) {
	if a.stores.fanout == nil {
		own := a.stores.tsdb.Lookup(tenant.Default)
		return a.withRollups(own), own
	}
	strict := a.withRollups(a.stores.fanout.Strict())
	if !a.cfg.Bus.Shared() {
		return strict, a.stores.tsdb.Lookup(tenant.Default)
	}
	return strict, remotewrite.NewAppendable(a.newIntake(nil), "rules")
}

// withRollups adds the series of rollups, where this process has the store that they are in.
func (a *App) withRollups(q promstorage.Queryable) promstorage.Queryable {
	if a.rollups == nil {
		return q
	}
	return a.rollups.Queryable(q)
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

// reloadOnHangup reads the rule files again on SIGHUP, until ctx ends. Without it they are looked at every 15 s.
func (a *App) reloadOnHangup(ctx context.Context) error {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-hangup:
			if err := a.alerting.Reload(ctx); err != nil {
				a.logger.Error("rules not reloaded", "err", err)
			}
		}
	}
}
