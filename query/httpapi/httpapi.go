// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/strata-apm/strata/query/guard"
	"github.com/strata-apm/strata/query/hosts"
	"github.com/strata-apm/strata/storage"
)

// HostReader describes machines; hosts.New makes one.
type HostReader interface {
	// List returns the hosts with samples in the range, in order of name.
	List(ctx context.Context, r storage.TimeRange) (hosts.List, error)
	// Get describes one host; the error wraps storage.ErrNotFound when there is none.
	Get(ctx context.Context, name string, r storage.TimeRange) (hosts.Detail, error)
}

// Options are what the API reads from. All readers are needed.
type Options struct {
	TraceSearch storage.TraceSearcher
	Traces      storage.TraceReader
	Logs        storage.LogSearcher
	Fields      storage.FieldReader
	Services    storage.ServiceReader
	Hosts       HostReader

	// Guard bounds what runs at once; other APIs of the process share it. Nil is one of this API's own with 20 queries.
	Guard *guard.Guard
	// MaxTails is how many readers may follow the logs at once. Default: 50.
	MaxTails int
	// TailInterval is how often new logs are looked for. Default: 1 s.
	TailInterval time.Duration
	// Now is the clock. Default: time.Now.
	Now func() time.Time
	// Logger receives internal errors, which the client is not told. Default: none.
	Logger *slog.Logger
}

// API serves the routes.
type API struct {
	opts  Options
	log   *slog.Logger
	now   func() time.Time
	tails chan struct{}
}

// New makes the API.
func New(opts Options) (*API, error) {
	if opts.TraceSearch == nil || opts.Traces == nil || opts.Logs == nil || opts.Fields == nil || opts.Services == nil || opts.Hosts == nil {
		return nil, errors.New("the HTTP API needs all of its readers")
	}
	if opts.Guard == nil {
		opts.Guard = guard.New(20, 3*time.Second)
	}
	if opts.MaxTails <= 0 {
		opts.MaxTails = 50
	}
	if opts.TailInterval <= 0 {
		opts.TailInterval = time.Second
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	return &API{opts: opts, log: opts.Logger, now: opts.Now, tails: make(chan struct{}, opts.MaxTails)}, nil
}

// Mount adds the routes to r, which is mounted at /api/v1.
func (a *API) Mount(r chi.Router) {
	for path, h := range map[string]func(*http.Request) (any, error){
		"/services":        a.services,
		"/services/{name}": a.service,
		"/traces":          a.searchTraces,
		"/traces/facets":   a.traceFacets,
		"/traces/{id}":     a.trace,
		"/logs":            a.searchLogs,
		"/logs/histogram":  a.logHistogram,
		"/logs/facets":     a.logFacets,
		"/fields":          a.fields,
		"/fields/values":   a.fieldValues,
		"/hosts":           a.hosts,
		"/hosts/{name}":    a.host,
		"/packs":           a.packs,
		"/packs/{name}":    a.pack,
	} {
		r.Get(path, a.query(h))
	}
	r.Get("/logs/tail", a.tail)
	r.Get("/openapi.json", serveOpenAPI)
}

// query serves a handler under the guard.
func (a *API) query(h func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		release, err := a.opts.Guard.Enter(r.Context())
		if err != nil {
			WriteError(w, err)
			return
		}
		defer release()
		answer, err := h(r)
		if err != nil {
			a.fail(w, r, err)
			return
		}
		WriteJSON(w, http.StatusOK, answer)
	}
}

// fail answers an error and logs those that are our own.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	if classify(err).status == http.StatusInternalServerError {
		a.log.ErrorContext(r.Context(), "request", "path", r.URL.Path, "error", err)
	}
	WriteError(w, err)
}

// WriteJSON answers with v. A client that has left is no error worth a word.
func WriteJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// pathParam returns a part of the path, decoded: chi matches the encoded path when a part has an encoded slash.
func pathParam(r *http.Request, name string) string {
	v := chi.URLParam(r, name)
	if r.URL.RawPath == "" {
		return v
	}
	if decoded, err := url.PathUnescape(v); err == nil {
		return decoded
	}
	return v
}
