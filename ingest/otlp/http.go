// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"fmt"
	"mime"
	"net/http"
	"strconv"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/strata-apm/strata/ingest/intake"
)

const (
	contentProto = "application/x-protobuf"
	contentJSON  = "application/json"
)

// Handler serves /v1/metrics, /v1/traces and /v1/logs.
func (r *Receiver) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, req *http.Request) {
		writeStatus(w, requestFormat(req), http.StatusNotFound, status.Newf(codes.NotFound, "there is nothing at %s; send to /v1/metrics, /v1/traces or /v1/logs", req.URL.Path))
	})
	for _, s := range services() {
		mux.HandleFunc(s.Path(), func(w http.ResponseWriter, req *http.Request) { r.serve(w, req, &s) })
	}
	return mux
}

func (r *Receiver) serve(w http.ResponseWriter, req *http.Request, s *service) {
	if req.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		writeStatus(w, requestFormat(req), http.StatusMethodNotAllowed, status.Newf(codes.Unimplemented, "send %s with POST", s.Signal))
		return
	}
	enc, err := formatOf(req.Header.Get("Content-Type"))
	var resp response
	if err == nil {
		resp, err = r.exportHTTP(req, s, enc)
	}
	if err != nil {
		writeError(w, enc, err)
		return
	}
	var body []byte
	if enc == formatJSON {
		body, err = resp.MarshalJSON()
	} else {
		body, err = resp.MarshalProto()
	}
	if err != nil {
		writeError(w, enc, fmt.Errorf("encode response: %w", err))
		return
	}
	writeBody(w, enc, http.StatusOK, body)
}

func (r *Receiver) exportHTTP(req *http.Request, s *service, enc format) (response, error) {
	body, err := r.intake.ReadHTTP(req, intake.Gzip, intake.Zstd)
	if err != nil {
		return nil, err // It says that it read the body.
	}
	defer body.Release()
	return r.export(req.Context(), s, enc, body.Bytes)
}

func formatOf(contentType string) (format, error) {
	media, _, err := mime.ParseMediaType(contentType)
	switch {
	case err == nil && media == contentProto:
		return formatProto, nil
	case err == nil && media == contentJSON:
		return formatJSON, nil
	default:
		return formatJSON, fmt.Errorf("%w: Content-Type %.80q, want %s or %s", intake.ErrUnsupported, contentType, contentProto, contentJSON)
	}
}

// WriteError answers a request of OTLP over HTTP that went no further with what err means.
func WriteError(w http.ResponseWriter, req *http.Request, err error) {
	writeError(w, requestFormat(req), err)
}

// WriteStatus answers a request of OTLP over HTTP that went no further with a status of the caller's.
func WriteStatus(w http.ResponseWriter, req *http.Request, code int, st *status.Status) {
	writeStatus(w, requestFormat(req), code, st)
}

// requestFormat is the format of the request, JSON when that is unknown.
func requestFormat(req *http.Request) format {
	enc, _ := formatOf(req.Header.Get("Content-Type"))
	return enc
}

// writeError answers with google.rpc.Status in the encoding of the request, JSON when that is unknown.
func writeError(w http.ResponseWriter, enc format, err error) {
	a := intake.AnswerOf(err)
	a.SetRetryAfter(w.Header())
	writeStatus(w, enc, a.HTTP, intake.Status(err))
}

func writeStatus(w http.ResponseWriter, enc format, code int, st *status.Status) {
	var body []byte
	var err error
	if enc == formatJSON {
		body, err = protojson.Marshal(st.Proto())
	} else {
		body, err = proto.Marshal(st.Proto())
	}
	if err != nil {
		http.Error(w, st.Message(), code)
		return
	}
	writeBody(w, enc, code, body)
}

func writeBody(w http.ResponseWriter, enc format, code int, body []byte) {
	content := contentProto
	if enc == formatJSON {
		content = contentJSON
	}
	w.Header().Set("Content-Type", content)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(code)
	_, _ = w.Write(body) //nolint:gosec // JSON or protobuf with its type set, never HTML. The client has left when this fails; it will send again.
}
