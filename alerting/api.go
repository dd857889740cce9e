// SPDX-License-Identifier: Apache-2.0

package alerting

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/prometheus/prometheus/promql/parser"

	"github.com/strata-apm/strata/alerting/webhook"
	"github.com/strata-apm/strata/internal/httpx"
	"github.com/strata-apm/strata/storage"
)

const maxBody = 1 << 20

// API is the part of alerting that a process without rules can serve as well: rules and notifiers are kept in the catalog, where the
// processes that evaluate and deliver see each change within Options.PollInterval. Safe for concurrent use.
type API struct {
	opts   APIOptions
	sender *webhook.Sender
	// What a process that runs rules does at once; nil elsewhere.
	counts           *counts
	rulesChanged     func(context.Context)
	notifiersChanged func(context.Context)
}

// APIOptions are given by the program. Fields without a default are required.
type APIOptions struct {
	// Store needs no leases and no versions.
	Store Store
	// State tells of the rules of the processes that evaluate, for what the catalog does not hold: rule files.
	State RuleState
	// Parser must allow what the engine understands; nil is Prometheus' default.
	Parser parser.Parser
	// EvaluationInterval is for groups that name none; 0 means 15 s.
	EvaluationInterval time.Duration
	// ExternalURL is how people reach the server; the links of test notifications start with it.
	ExternalURL *url.URL
	Version     string
	Logger      *slog.Logger
}

// NewAPI returns the API of a process that runs no rules. Close ends its idle connections.
func NewAPI(opts APIOptions) (*API, error) {
	full := Options{Parser: opts.Parser, EvaluationInterval: opts.EvaluationInterval, ExternalURL: opts.ExternalURL}
	full.setFallbacks()
	opts.Parser, opts.EvaluationInterval, opts.ExternalURL = full.Parser, full.EvaluationInterval, full.ExternalURL
	if !opts.Store.complete() || opts.State == nil || opts.Logger == nil {
		return nil, errors.New("alerting API: an option is missing")
	}
	nothing := func(context.Context) {}
	return &API{opts: opts, sender: webhook.NewSender(opts.Version), rulesChanged: nothing, notifiersChanged: nothing}, nil
}

// Close ends idle connections.
func (a *API) Close() error {
	a.sender.Close()
	return nil
}

// newAPI is the API of a process that runs rules: what is changed is effective when the call returns.
func (a *Alerting) newAPI() *API {
	o := a.opts
	return &API{
		opts: APIOptions{
			Store: o.Store, State: loadedRules{a.loader}, Parser: o.Parser, EvaluationInterval: o.EvaluationInterval,
			ExternalURL: o.ExternalURL, Version: o.Version, Logger: o.Logger,
		},
		sender: a.delivery.sender, counts: a.counts, rulesChanged: a.applied,
		notifiersChanged: func(ctx context.Context) {
			a.delivery.refresh()
			a.dispatcher.tell(ctx)
		},
	}
}

// applied makes a stored change effective. When that fails the change is stored all the same and the next look at the files does it.
func (a *Alerting) applied(ctx context.Context) {
	if err := a.Reload(ctx); err != nil {
		a.reloadMu.Lock()
		a.seen = "unknown"
		a.reloadMu.Unlock()
		a.opts.Logger.Error("rules not reloaded after a change", "error", err)
	}
}

// Routes is the table of the API's routes.
func (a *API) Routes() []httpx.Route {
	const alerting = "alerting"
	return []httpx.Route{
		{Method: http.MethodGet, Path: "/rules", Permission: httpx.Read, Tag: alerting, Summary: "List rule groups", Answer: groupsAnswer{}, Handle: a.listRules},
		{Method: http.MethodPost, Path: "/rules", Permission: httpx.Admin, Tag: alerting, Summary: "Create a rule group", Body: groupBody{}, Answer: groupJSON{}, Status: http.StatusCreated, Handle: a.createRules},
		{Method: http.MethodPut, Path: "/rules/{id}", Permission: httpx.Admin, Tag: alerting, Summary: "Change a rule group", Body: groupBody{}, Answer: groupJSON{}, Handle: a.updateRules},
		{Method: http.MethodDelete, Path: "/rules/{id}", Permission: httpx.Admin, Tag: alerting, Summary: "Remove a rule group", Status: http.StatusNoContent, Handle: a.deleteRules},
		{Method: http.MethodGet, Path: "/notifiers", Permission: httpx.Read, Tag: alerting, Summary: "List notifiers", Answer: notifiersAnswer{}, Handle: a.listNotifiers},
		{Method: http.MethodPost, Path: "/notifiers", Permission: httpx.Admin, Tag: alerting, Summary: "Create a notifier", Body: notifierBody{}, Answer: notifierJSON{}, Status: http.StatusCreated, Handle: a.createNotifier},
		{Method: http.MethodPut, Path: "/notifiers/{id}", Permission: httpx.Admin, Tag: alerting, Summary: "Change a notifier", Body: notifierBody{}, Answer: notifierJSON{}, Handle: a.updateNotifier},
		{Method: http.MethodDelete, Path: "/notifiers/{id}", Permission: httpx.Admin, Tag: alerting, Summary: "Remove a notifier", Status: http.StatusNoContent, Handle: a.deleteNotifier},
		{Method: http.MethodPost, Path: "/notifiers/{id}/test", Permission: httpx.Admin, Tag: alerting, Summary: "Send a test notification", Answer: testAnswer{}, Handle: a.testNotifier},
	}
}

// catalogError says what an error of the catalog means to whoever changes rules and notifiers. The driver's words stay with the server.
func catalogError(err error) error {
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return httpx.NotFound("not found")
	case errors.Is(err, storage.ErrConflict):
		return httpx.Conflict("the name is taken")
	case errors.Is(err, storage.ErrBadQuery):
		return httpx.BadRequest("the catalog cannot store this text")
	case errors.Is(err, storage.ErrUnavailable):
		return httpx.Unavailable("the catalog does not answer")
	default:
		return err
	}
}

func optionalTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
