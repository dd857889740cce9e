// SPDX-License-Identifier: Apache-2.0

package remotewrite

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"math"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/s2"
	remoteapi "github.com/prometheus/client_golang/exp/api/remote"
	"github.com/prometheus/prometheus/storage"

	"github.com/strata-apm/strata/ingest/intake"
)

// outcome carries the error of the bus past Prometheus's handler, which knows only 400 and 500.
type outcome struct{ err error }

type outcomeKey struct{}

type appendable struct {
	intake *intake.Intake
	limits Limits
	now    func() time.Time
}

func (a appendable) Appender(ctx context.Context) storage.Appender {
	return newCollector(ctx, a.intake, a.limits, a.now())
}

// NewHandler returns the handler of remote write 1.0 and 2.0 (https://prometheus.io/docs/specs/prw/remote_write_spec_2_0/).
func NewHandler(in *intake.Intake, limits Limits, logger *slog.Logger) http.Handler {
	types := remoteapi.MessageTypes{remoteapi.WriteV1MessageType, remoteapi.WriteV2MessageType}
	next := remoteapi.NewWriteHandler(store{appendable{in, limits, time.Now}}, types, remoteapi.WithWriteHandlerLogger(logger))
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
		if err := limitBody(r, in.MaxBody()); err != nil {
			http.Error(w, err.Error(), intake.AnswerOf(err).HTTP)
			return
		}
		st := &outcome{}
		next.ServeHTTP(&statusWriter{ResponseWriter: w, outcome: st}, r.WithContext(context.WithValue(r.Context(), outcomeKey{}, st)))
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

// limitBody bounds the body and looks at the length a snappy block claims before anything is allocated from it.
func limitBody(r *http.Request, limit int64) error {
	if r.ContentLength > limit {
		return fmt.Errorf("%w: more than %d bytes", intake.ErrTooLarge, limit)
	}
	body := http.MaxBytesReader(nil, r.Body, limit)
	br := bufio.NewReader(body)
	head, _ := br.Peek(10) // An error shows again when the body is read.
	if n, err := s2.DecodedLen(head); err == nil && int64(n) > limit {
		return fmt.Errorf("%w: the snappy block claims %d bytes, at most %d", intake.ErrTooLarge, n, limit)
	}
	r.Body = struct {
		*bufio.Reader
		closer
	}{br, body}
	return nil
}

type closer interface{ Close() error }

// statusWriter turns the 500 that Prometheus's handler gives for a refusal by the bus into a status that says when to try again.
type statusWriter struct {
	http.ResponseWriter
	outcome *outcome
}

func (w *statusWriter) WriteHeader(code int) {
	if code == http.StatusInternalServerError && w.outcome.err != nil {
		a := intake.AnswerOf(w.outcome.err)
		code = a.HTTP
		if a.RetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(a.RetryAfter.Seconds()))))
		}
	}
	w.ResponseWriter.WriteHeader(code)
}
