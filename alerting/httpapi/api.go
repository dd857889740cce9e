// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/prometheus/prometheus/promql/parser"

	"github.com/strata-apm/strata/alerting/receiver"
	"github.com/strata-apm/strata/alerting/rules"
	"github.com/strata-apm/strata/internal/httpx"
	"github.com/strata-apm/strata/storage"
)

const maxBody = 1 << 20

// Watcher is told of each change before the API answers. Safe for concurrent use.
type Watcher interface {
	// RulesChanged makes the rule groups of the catalog effective.
	RulesChanged(ctx context.Context)
	// NotifiersChanged makes the notifiers of the catalog effective.
	NotifiersChanged(ctx context.Context)
	// NotificationsDropped hears that n notifications were given up because their notifier was switched off or on.
	NotificationsDropped(notifier string, n int)
}

// Options are given by the program. Fields without a default are required.
type Options struct {
	Rules     storage.RuleStore
	Notifiers storage.NotifierStore
	Queue     storage.NotificationQueue
	Log       storage.NotificationLog
	// State tells of the rules of the processes that evaluate, for what the catalog does not hold: rule files.
	State rules.State
	// Types are the kinds of notifiers there are.
	Types receiver.Types
	// Parser must allow what the engine understands; nil is Prometheus' default.
	Parser parser.Parser
	// EvaluationInterval is for groups that name none; 0 means 15 s.
	EvaluationInterval time.Duration
	// ExternalURL is how people reach the server; the links of test notifications start with it. nil means loopback.
	ExternalURL *url.URL
	Logger      *slog.Logger
	// Watcher is nil in a process that neither evaluates nor delivers.
	Watcher Watcher
}

// API is the handlers of the routes. Safe for concurrent use.
type API struct{ opts Options }

// New returns the API.
func New(opts Options) (*API, error) {
	if opts.Rules == nil || opts.Notifiers == nil || opts.Queue == nil || opts.Log == nil || opts.State == nil || opts.Logger == nil {
		return nil, errors.New("alerting API: an option is missing")
	}
	if opts.Parser == nil {
		opts.Parser = parser.NewParser(parser.Options{})
	}
	if opts.EvaluationInterval == 0 {
		opts.EvaluationInterval = 15 * time.Second
	}
	if opts.ExternalURL == nil {
		opts.ExternalURL = &url.URL{Scheme: "http", Host: "127.0.0.1:7080"}
	}
	if opts.Watcher == nil {
		opts.Watcher = nobody{}
	}
	return &API{opts: opts}, nil
}

// nobody is the Watcher of a process that neither evaluates nor delivers.
type nobody struct{}

func (nobody) RulesChanged(context.Context)     {}
func (nobody) NotifiersChanged(context.Context) {}
func (nobody) NotificationsDropped(string, int) {}

// Routes is the table of the API's routes.
func (a *API) Routes() []httpx.Route {
	const alerting = "alerting"
	configs := &httpx.Variant{In: []any{notifierJSON{}, notifierBody{}}, Field: "config", By: "type", Forms: a.opts.Types.Configs()}
	return []httpx.Route{
		{Method: http.MethodGet, Path: "/rules", Permission: httpx.Read, Tag: alerting, Summary: "List rule groups", Answer: groupsAnswer{}, Handle: a.listRules},
		{Method: http.MethodPost, Path: "/rules", Permission: httpx.Admin, Tag: alerting, Summary: "Create a rule group", Body: groupBody{}, Answer: groupJSON{}, Status: http.StatusCreated, Handle: a.createRules},
		{Method: http.MethodPut, Path: "/rules/{id}", Permission: httpx.Admin, Tag: alerting, Summary: "Change a rule group", Body: groupBody{}, Answer: groupJSON{}, Handle: a.updateRules},
		{Method: http.MethodDelete, Path: "/rules/{id}", Permission: httpx.Admin, Tag: alerting, Summary: "Remove a rule group", Status: http.StatusNoContent, Handle: a.deleteRules},
		{Method: http.MethodGet, Path: "/notifiers", Permission: httpx.Read, Tag: alerting, Summary: "List notifiers", Answer: notifiersAnswer{}, Variant: configs, Handle: a.listNotifiers},
		{Method: http.MethodPost, Path: "/notifiers", Permission: httpx.Admin, Tag: alerting, Summary: "Create a notifier", Body: notifierBody{}, Answer: notifierJSON{}, Status: http.StatusCreated, Variant: configs, Handle: a.createNotifier},
		{Method: http.MethodPut, Path: "/notifiers/{id}", Permission: httpx.Admin, Tag: alerting, Summary: "Change a notifier", Body: notifierBody{}, Answer: notifierJSON{}, Variant: configs, Handle: a.updateNotifier},
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
	case errors.Is(err, storage.ErrInvalid):
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
