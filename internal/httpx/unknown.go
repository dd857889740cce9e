// SPDX-License-Identifier: Apache-2.0

package httpx

import (
	"context"
	"encoding/json"
	"net/http"
	"path"
	"strings"
)

// reserved are the prefixes of the APIs, each with the body of its 404. A path below them is never answered with the page: a client
// that mistypes it, or asks for an endpoint that this version lacks, must not take HTML with status 200 for an answer.
func reserved() map[string]func(w http.ResponseWriter, message string) {
	answer := func(body func(message string) any) func(http.ResponseWriter, string) {
		return func(w http.ResponseWriter, message string) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("X-Content-Type-Options", "nosniff")
			w.WriteHeader(http.StatusNotFound)
			_ = json.NewEncoder(w).Encode(body(message)) // The client may have left.
		}
	}
	plain := func(w http.ResponseWriter, message string) { http.Error(w, message, http.StatusNotFound) }
	return map[string]func(http.ResponseWriter, string){
		"api": func(w http.ResponseWriter, message string) {
			WriteError(w, NotFound(message))
		},
		"prometheus": func(w http.ResponseWriter, message string) {
			WritePrometheusError(w, http.StatusNotFound, PrometheusNotFound, message)
		},
		// The structured answer of Jaeger's query service.
		"jaeger": answer(func(m string) any {
			return map[string]any{"data": nil, "total": 0, "limit": 0, "offset": 0, "errors": []any{map[string]any{"code": http.StatusNotFound, "msg": m}}}
		}),
		"loki":   plain,
		"zipkin": plain,
		"elasticsearch": answer(func(m string) any {
			reason := map[string]any{"type": "invalid_index_name_exception", "reason": m}
			return map[string]any{"error": map[string]any{"root_cause": []any{reason}, "type": reason["type"], "reason": m}, "status": http.StatusNotFound}
		}),
		// The error of Alertmanager's API v2 (go-openapi).
		"alertmanager": answer(func(m string) any { return map[string]any{"code": http.StatusNotFound, "message": m} }),
		// google.rpc.Status, as OTLP demands of every error: 5 is NOT_FOUND.
		"v1": answer(func(m string) any { return map[string]any{"code": 5, "message": m} }),
		"-":  plain,
	}
}

// UnknownPaths answers requests below a reserved prefix that no route took, and gives the others to page.
func UnknownPaths(page http.Handler) http.HandlerFunc {
	forms := reserved()
	return func(w http.ResponseWriter, r *http.Request) {
		first, _, _ := strings.Cut(strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/"), "/")
		if answer, ok := forms[first]; ok {
			answer(w, "there is nothing at "+r.Method+" "+r.URL.Path)
			return
		}
		page.ServeHTTP(w, r)
	}
}

// HeadAsGet serves HEAD by what serves GET; net/http leaves the body out. An answer that is a stream ends with its headers.
func HeadAsGet(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodHead {
			next.ServeHTTP(w, r)
			return
		}
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		get := r.Clone(ctx)
		get.Method = http.MethodGet
		next.ServeHTTP(headWriter{w, cancel}, get)
	})
}

// headWriter ends the request when a handler sends what it has so far.
type headWriter struct {
	http.ResponseWriter
	done context.CancelFunc
}

// Unwrap is for http.ResponseController.
func (h headWriter) Unwrap() http.ResponseWriter { return h.ResponseWriter }

// FlushError implements what http.ResponseController looks for.
func (h headWriter) FlushError() error {
	h.done()
	return http.NewResponseController(h.ResponseWriter).Flush() // The handler wraps it.
}

// Flush implements http.Flusher.
func (h headWriter) Flush() { _ = h.FlushError() } // A client that has left is no error.
