// SPDX-License-Identifier: Apache-2.0

package promapi

import (
	"errors"
	"net/http"
	"strings"

	"github.com/strata-apm/strata/internal/httpx"
	"github.com/strata-apm/strata/storage"
)

// errorCode overrides the status that Prometheus's API gives an error: what may succeed later is 503, as our own API has it. The
// parameter is Prometheus's unexported number of the error type.
func errorCode[N any](_ N, err error) (int, bool) {
	return http.StatusServiceUnavailable, errors.Is(err, storage.ErrUnavailable)
}

// unknownAsJSON gives the router's plain 404 and 405 the form of the API's other errors.
func unknownAsJSON(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(&routerErrors{ResponseWriter: w, path: r.URL.Path}, r)
	})
}

// routerErrors replaces an answer of net/http's own, which is text.
type routerErrors struct {
	http.ResponseWriter
	path     string
	replaced bool
}

// Unwrap is for http.ResponseController.
func (w *routerErrors) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Flush implements http.Flusher, which remote read asks for.
func (w *routerErrors) Flush() { _ = http.NewResponseController(w.ResponseWriter).Flush() }

// WriteHeader implements http.ResponseWriter.
func (w *routerErrors) WriteHeader(code int) {
	isText := strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain")
	switch {
	case isText && code == http.StatusNotFound, code == http.StatusMovedPermanently, code == http.StatusPermanentRedirect, code == http.StatusTemporaryRedirect:
		code = http.StatusNotFound // The router tidies paths up, without the prefix that it does not know.
		w.Header().Del("Location")
		w.replaced = true
		httpx.WritePrometheusError(w.ResponseWriter, code, "not_found", "the Prometheus API has nothing at "+w.path)
	case isText && code == http.StatusMethodNotAllowed:
		w.replaced = true
		httpx.WritePrometheusError(w.ResponseWriter, code, "bad_data", w.path+" does not take this method")
	default:
		w.ResponseWriter.WriteHeader(code)
	}
}

// Write implements http.ResponseWriter.
func (w *routerErrors) Write(b []byte) (int, error) {
	if w.replaced {
		return len(b), nil
	}
	return w.ResponseWriter.Write(b) // As the writer's own.
}
