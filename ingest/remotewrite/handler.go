// SPDX-License-Identifier: Apache-2.0

package remotewrite

import (
	"context"
	"fmt"
	"log/slog"
	"mime"
	"net/http"
	"slices"
	"strings"

	remoteapi "github.com/prometheus/client_golang/exp/api/remote"
	"github.com/prometheus/prometheus/storage"

	"github.com/strata-apm/strata/ingest/intake"
)

type appendable struct{ intake *intake.Intake }

func (a appendable) Appender(ctx context.Context) storage.Appender {
	return newCollector(ctx, a.intake)
}

// retry carries how long a sender should wait past the library's handler, which sets no such header.
type retry struct{ answer intake.Answer }

type retryKey struct{}

// later is the status of an error of reading a request or of the bus.
func later(ctx context.Context, err error) int {
	a := intake.AnswerOf(err)
	if r, ok := ctx.Value(retryKey{}).(*retry); ok {
		r.answer = a
	}
	return a.HTTP
}

// retryWriter sets Retry-After.
type retryWriter struct {
	http.ResponseWriter
	retry *retry
}

// WriteHeader implements http.ResponseWriter.
func (w *retryWriter) WriteHeader(code int) {
	w.retry.answer.SetRetryAfter(w.Header())
	w.ResponseWriter.WriteHeader(code)
}

// NewHandler returns the handler of remote write 1.0 and 2.0 (https://prometheus.io/docs/specs/prw/remote_write_spec_2_0/).
func NewHandler(in *intake.Intake, logger *slog.Logger) http.Handler {
	types := remoteapi.MessageTypes{remoteapi.WriteV1MessageType, remoteapi.WriteV2MessageType}
	next := remoteapi.NewWriteHandler(store{in, &cleaners{}}, types, remoteapi.WithWriteHandlerLogger(logger), remoteapi.WithWriteHandlerMiddlewares()) // The body is read by store.
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			http.Error(w, "remote write takes POST", http.StatusMethodNotAllowed)
			return
		}
		if err := media(r.Header); err != nil {
			http.Error(w, err.Error(), intake.AnswerOf(err).HTTP)
			return
		}
		again := &retry{}
		next.ServeHTTP(&retryWriter{ResponseWriter: w, retry: again}, r.WithContext(context.WithValue(r.Context(), retryKey{}, again)))
	})
}

// media refuses a type or an encoding that is not remote write's before the body is looked at, and gives the others the form that the library expects: types,
// parameters' names and encodings are case-insensitive (RFC 9110, sections 8.3.1 and 8.4.1).
func media(h http.Header) error {
	encoding := strings.Join(h.Values("Content-Encoding"), ",")
	codings := strings.FieldsFunc(strings.ToLower(encoding), func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
	codings = slices.DeleteFunc(codings, func(c string) bool { return c == "identity" })
	if len(codings) > 1 || len(codings) == 1 && codings[0] != "snappy" || len(codings) == 0 && encoding != "" {
		return fmt.Errorf("%w: Content-Encoding %.80q, want snappy", intake.ErrUnsupported, encoding)
	}
	h.Set("Content-Encoding", "snappy")
	given := h.Get("Content-Type")
	if given == "" {
		return nil // Version 1.0 asks for none.
	}
	kind, params, err := mime.ParseMediaType(given)
	message := remoteapi.WriteV1MessageType
	if proto, ok := params["proto"]; ok {
		message = remoteapi.WriteMessageType(proto)
	}
	if err != nil || kind != "application/x-protobuf" || message.Validate() != nil {
		return fmt.Errorf("%w: Content-Type %.120q, want application/x-protobuf;proto=%s or %s", intake.ErrUnsupported, given, remoteapi.WriteV1MessageType, remoteapi.WriteV2MessageType)
	}
	h.Set("Content-Type", kind+";proto="+string(message))
	return nil
}
