// SPDX-License-Identifier: Apache-2.0

package alerting

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/strata-apm/strata/storage"
)

const maxBody = 1 << 20

// Routes adds the API's routes below /api/v1. Who may use them is decided before: reading needs scope read, changing scope admin.
func (a *Alerting) Routes(r chi.Router) {
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
func (a *Alerting) fail(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, storage.ErrNotFound):
		writeAPIError(w, http.StatusNotFound, "not_found", "not found", nil)
	case errors.Is(err, storage.ErrConflict):
		writeAPIError(w, http.StatusConflict, "conflict", "the name is taken", nil)
	case errors.Is(err, storage.ErrUnavailable):
		w.Header().Set("Retry-After", "1")
		writeAPIError(w, http.StatusServiceUnavailable, "unavailable", "the catalog does not answer", nil)
	default:
		a.opts.Logger.Error("request failed", "path", r.URL.Path, "error", err)
		writeAPIError(w, http.StatusInternalServerError, "internal", "internal error", nil)
	}
}

func readJSON(w http.ResponseWriter, r *http.Request, into any) bool {
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		writeAPIError(w, http.StatusBadRequest, "bad_request", "body: "+err.Error(), nil)
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
