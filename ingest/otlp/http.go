// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zstd"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/strata-apm/strata/ingest/intake"
)

const (
	contentProto = "application/x-protobuf"
	contentJSON  = "application/json"
	// maxZstdWindow bounds what a zstd frame header can make the decoder allocate (RFC 8878 recommends supporting 8 MiB).
	maxZstdWindow = 8 << 20
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
	raw := http.MaxBytesReader(nil, req.Body, r.intake.MaxBody())
	coding, err := contentCoding(req.Header)
	if err != nil {
		return nil, err
	}
	plain, done, err := decompress(raw, coding)
	if err != nil {
		return nil, bodyError(err)
	}
	defer done()
	var hint int64
	if coding == "" {
		hint = req.ContentLength
	}
	body, err := r.intake.Read(plain, hint)
	if err != nil {
		return nil, bodyError(err)
	}
	defer body.Release()
	return r.export(req.Context(), s, enc, body.Bytes)
}

// bodyError tells the errors of reading a body apart.
func bodyError(err error) error {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return fmt.Errorf("%w: more than %d bytes", intake.ErrTooLarge, tooLarge.Limit)
	case errors.Is(err, zstd.ErrDecoderSizeExceeded), errors.Is(err, zstd.ErrWindowSizeExceeded):
		return fmt.Errorf("%w: %w", intake.ErrTooLarge, err)
	case errors.Is(err, intake.ErrTooLarge), errors.Is(err, intake.ErrBusy), errors.Is(err, intake.ErrUnsupported):
		return err
	default:
		return fmt.Errorf("%w: read body: %w", intake.ErrMalformed, err)
	}
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

// contentCoding returns the one coding of the body, "" for none. Names are case-insensitive, x-gzip is gzip, and identity is nothing (RFC 9110, section 8.4.1).
func contentCoding(h http.Header) (string, error) {
	coding := ""
	for _, value := range h.Values("Content-Encoding") {
		for name := range strings.SplitSeq(value, ",") {
			name = strings.ToLower(strings.TrimSpace(name))
			switch name {
			case "", "identity":
				continue
			case "x-gzip":
				name = "gzip"
			}
			if coding != "" {
				return "", fmt.Errorf("%w: Content-Encoding %.80q, want one of gzip and zstd, or none", intake.ErrUnsupported, strings.Join(h.Values("Content-Encoding"), ", "))
			}
			coding = name
		}
	}
	return coding, nil
}

// decompress wraps body by its coding. done frees the decoder.
func decompress(body io.Reader, coding string) (plain io.Reader, done func(), err error) {
	switch coding {
	case "":
		return body, func() {}, nil
	case "gzip":
		zr, err := gzip.NewReader(body)
		if errors.Is(err, io.EOF) { // Of no bytes at all, which is an empty request in any coding.
			return http.NoBody, func() {}, nil
		}
		if err != nil {
			return nil, nil, fmt.Errorf("gzip: %w", err)
		}
		return zr, func() { _ = zr.Close() }, nil
	case "zstd":
		zr, err := newZstdReader(body)
		if err != nil {
			return nil, nil, err
		}
		return zr, zr.Close, nil
	default:
		return nil, nil, fmt.Errorf("%w: Content-Encoding %.80q, want gzip, zstd or none", intake.ErrUnsupported, coding)
	}
}

func newZstdReader(r io.Reader) (*zstd.Decoder, error) {
	zr, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxZstdWindow))
	if err != nil {
		return nil, fmt.Errorf("zstd: %w", err)
	}
	return zr, nil
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
	if a.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(a.RetryAfter.Seconds()))))
	}
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
