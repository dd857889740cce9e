// SPDX-License-Identifier: Apache-2.0

package alerting

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/go-chi/chi/v5"
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

// Routes adds the routes below /api/v1. Who may use them is decided before: reading needs scope read, changing scope admin.
func (a *API) Routes(r chi.Router) {
	r.Get("/rules", a.listRules)
	r.Post("/rules", a.createRules)
	r.Put("/rules/{id}", a.updateRules)
	r.Delete("/rules/{id}", a.deleteRules)
	r.Get("/notifiers", a.listNotifiers)
	r.Post("/notifiers", a.createNotifier)
	r.Put("/notifiers/{id}", a.updateNotifier)
	r.Delete("/notifiers/{id}", a.deleteNotifier)
	r.Post("/notifiers/{id}/test", a.testNotifier)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func writeAPIError(w http.ResponseWriter, status int, code, message string, details any) {
	if details == nil {
		details = map[string]any{}
	}
	writeJSON(w, status, map[string]any{"error": map[string]any{"code": code, "message": message, "details": details}})
}

func badRequest(w http.ResponseWriter, err error) {
	writeAPIError(w, http.StatusBadRequest, "bad_request", err.Error(), nil)
}

// fail answers with what the store's error means.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, storage.ErrNotFound):
		writeAPIError(w, http.StatusNotFound, "not_found", "not found", nil)
	case errors.Is(err, storage.ErrConflict):
		writeAPIError(w, http.StatusConflict, "conflict", "the name is taken", nil)
	case errors.Is(err, storage.ErrBadQuery):
		writeAPIError(w, http.StatusBadRequest, "bad_request", "the catalog cannot store this text", nil)
	case errors.Is(err, storage.ErrUnavailable):
		w.Header().Set("Retry-After", "1")
		writeAPIError(w, http.StatusServiceUnavailable, "unavailable", "the catalog does not answer", nil)
	default:
		a.opts.Logger.Error("request failed", "path", r.URL.Path, "error", err)
		writeAPIError(w, http.StatusInternalServerError, "internal", "internal error", nil)
	}
}

func readJSON(w http.ResponseWriter, r *http.Request, into any) bool {
	if bad, ok := errors.AsType[*httpx.BodyError](httpx.ReadJSON(w, r, maxBody, into)); ok {
		writeAPIError(w, bad.Status, bad.Code, bad.Message, nil)
		return false
	}
	return true
}

func optionalTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
