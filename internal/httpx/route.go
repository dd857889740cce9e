// SPDX-License-Identifier: Apache-2.0

package httpx

import (
	"context"
	"log/slog"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"
)

// Permission is what a route asks of whoever calls it. Its values are the scopes of keys.
type Permission string

// The permissions. Public asks for nothing: the handler decides itself what a stranger is told.
const (
	Public Permission = ""
	Read   Permission = "read"
	Admin  Permission = "admin"
)

// Param is a parameter of the query.
type Param struct {
	Name, Description string
	// Integer is a number from 1; without it the parameter is text, one of OneOf where that is not empty.
	Integer bool
	OneOf   []string
}

// Variant is a field of JSON bodies whose form depends on the field beside it.
type Variant struct {
	// In are zero values of the types that have both fields.
	In []any
	// Field is the JSON name of the field that varies, By that of the field that says which form it has.
	Field, By string
	// Forms are zero values of the forms' types, by the value of By.
	Forms map[string]any
}

// Route is one line of a package's table of routes. Mounting, the permission check and the OpenAPI document are made from it.
type Route struct {
	// Method is GET, POST, PUT or DELETE; Path is relative to /api/v1, with {name} for a part that varies.
	Method, Path string
	Permission   Permission
	// PerTenant says that the answer is that of the principal's tenant. Without it the route belongs to the installation: principals of other
	// tenants than the default one are refused.
	PerTenant bool
	// Tag groups routes in the document, Summary is one line of it.
	Tag, Summary string
	Params       []Param
	// Body and Answer are zero values of the types of the JSON bodies; nil is none. ContentType names an answer that is no JSON.
	Body, Answer any
	ContentType  string
	// Variant describes a part of the bodies whose form varies; nil for none.
	Variant *Variant
	// Status is that of success; 0 is 200.
	Status int
	// Queries says that the handler asks the stores, so that it waits for its turn.
	Queries bool
	// Handle returns the answer's value. Exactly one of Handle and Serve is set.
	Handle func(*http.Request) (any, error)
	// Serve writes the answer itself: a stream, a cookie, a redirection. When it returns an error it has written nothing.
	Serve func(http.ResponseWriter, *http.Request) error
}

// Success is the status of an answer that is no error.
func (rt *Route) Success() int {
	if rt.Status == 0 {
		return http.StatusOK
	}
	return rt.Status
}

// Turns bounds what runs at once.
type Turns interface {
	// Enter waits for a turn and returns how to end it.
	Enter(ctx context.Context) (leave func(), err error)
}

// Mounter mounts tables of routes. All fields are needed.
type Mounter struct {
	// Permit lets requests pass whose principal may use the route; it is not asked for Public ones.
	Permit func(Route) func(http.Handler) http.Handler
	// Turns bounds the routes that query.
	Turns Turns
	// Logger receives internal errors, which the client is not told.
	Logger *slog.Logger
}

// Mount adds the routes to r, which is mounted at /api/v1.
func (m Mounter) Mount(r chi.Router, routes []Route) {
	r.MethodNotAllowed(func(w http.ResponseWriter, req *http.Request) { methodNotAllowed(w, req, r) })
	for _, rt := range routes {
		var h http.Handler = m.handler(rt)
		if rt.Permission != Public {
			h = m.Permit(rt)(h)
		}
		r.Method(rt.Method, rt.Path, h)
	}
}

// methodNotAllowed answers a request for a path that is there, with another method: with the methods that it has.
func methodNotAllowed(w http.ResponseWriter, req *http.Request, r chi.Router) {
	path := req.URL.Path
	if rctx := chi.RouteContext(req.Context()); rctx != nil && rctx.RoutePath != "" {
		path = rctx.RoutePath
	}
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete} {
		if r.Match(chi.NewRouteContext(), method, path) {
			allowed = append(allowed, method)
			if method == http.MethodGet {
				allowed = append(allowed, http.MethodHead)
			}
		}
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	WriteError(w, &Error{Status: http.StatusMethodNotAllowed, Code: CodeMethodNotAllowed, Message: req.Method + " is not a method of " + req.URL.Path})
}

func (m Mounter) handler(rt Route) http.HandlerFunc {
	serve := rt.Serve
	if serve == nil {
		serve = func(w http.ResponseWriter, r *http.Request) error {
			answer, err := rt.Handle(r)
			switch {
			case err != nil:
				return err
			case rt.Success() == http.StatusNoContent:
				w.WriteHeader(http.StatusNoContent)
			default:
				WriteJSON(w, rt.Success(), answer)
			}
			return nil
		}
	}
	return func(w http.ResponseWriter, r *http.Request) {
		if rt.Queries {
			leave, err := m.Turns.Enter(r.Context())
			if err != nil {
				WriteError(w, err)
				return
			}
			defer leave()
		}
		if err := serve(w, r); err != nil {
			if Classify(err).Status == http.StatusInternalServerError {
				m.Logger.ErrorContext(r.Context(), "request", "path", r.URL.Path, "error", err)
			}
			WriteError(w, err)
		}
	}
}
