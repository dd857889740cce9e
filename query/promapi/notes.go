// SPDX-License-Identifier: Apache-2.0

package promapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/strata-apm/strata/internal/httpx"
	"github.com/strata-apm/strata/storage"
)

// withNotes puts the warnings of a Remote storage into the answers that Prometheus's API gives none: exemplars, metadata, tsdb status.
// An error there was no place for becomes the answer.
func withNotes(next http.Handler, remote Remote) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inner := next
		switch r.URL.Path {
		case "/query_exemplars", "/metadata", "/targets/metadata":
		case "/status/tsdb":
			inner = tsdbStatus(remote)
		default:
			next.ServeHTTP(w, r)
			return
		}
		ctx, notes := remote.WithNotes(r.Context())
		r = r.Clone(ctx)
		r.Header.Del("Accept-Encoding") // The answer is read here.
		rec := &recorder{header: w.Header(), code: http.StatusOK}
		inner.ServeHTTP(rec, r)
		warnings, err := notes()
		switch {
		case rec.code == http.StatusOK && errors.Is(err, storage.ErrUnavailable):
			httpx.WritePrometheusError(w, http.StatusServiceUnavailable, "unavailable", err.Error())
			return
		case rec.code == http.StatusOK && err != nil:
			httpx.WritePrometheusError(w, http.StatusUnprocessableEntity, "execution", err.Error())
			return
		case rec.code == http.StatusOK && len(warnings) > 0:
			rec.body = *bytes.NewBuffer(addWarnings(rec.body.Bytes(), warnings))
		}
		w.WriteHeader(rec.code)
		_, _ = w.Write(rec.body.Bytes())
	})
}

// addWarnings adds to an answer that has none; one that is no JSON object stays as it is.
func addWarnings(body []byte, warnings []string) []byte {
	list, err := json.Marshal(warnings)
	trimmed, ok := bytes.CutSuffix(bytes.TrimSpace(body), []byte("}"))
	if err != nil || !ok {
		return body
	}
	return fmt.Appendf(nil, `%s,"warnings":%s}`, trimmed, list)
}

// recorder keeps an answer.
type recorder struct {
	header http.Header
	code   int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(code int)        { r.code = code }
func (r *recorder) Write(p []byte) (int, error) { return r.body.Write(p) } // It is nil.

const maxStatusLimit = 10_000 // Prometheus's own

// tsdbStatus answers status/tsdb for tsdbs in other processes.
func tsdbStatus(remote Remote) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		limit := 10
		if s := r.FormValue("limit"); s != "" {
			var err error
			if limit, err = strconv.Atoi(s); err != nil || limit < 1 || limit > maxStatusLimit {
				httpx.WritePrometheusError(w, http.StatusBadRequest, "bad_data", fmt.Sprintf("limit must be a number from 1 to %d", maxStatusLimit))
				return
			}
		}
		status, err := remote.TSDBStatus(r.Context(), limit)
		if errors.Is(err, storage.ErrUnavailable) {
			httpx.WritePrometheusError(w, http.StatusServiceUnavailable, "unavailable", err.Error())
			return
		}
		if err != nil {
			httpx.WritePrometheusError(w, http.StatusInternalServerError, "internal", err.Error())
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"status": "success", "data": status}) // The client may have left.
	})
}
