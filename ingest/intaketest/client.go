// SPDX-License-Identifier: Apache-2.0

package intaketest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
)

// ServeHTTP serves h until the test ends and returns a client that posts to path with the content type.
func ServeHTTP(tb testing.TB, h http.Handler, path, contentType string) Sender {
	tb.Helper()
	srv := httptest.NewServer(h)
	tb.Cleanup(srv.Close)
	client := srv.Client()
	return func(ctx context.Context, r Request) (Answer, error) {
		resp, err := post(ctx, client, srv.URL+path, r.Body, r, func(h http.Header) {
			h.Set("Content-Type", contentType)
			if r.Coding != "" {
				h.Set("Content-Encoding", r.Coding)
			}
		})
		if err != nil {
			return Answer{}, err
		}
		a := Answer{Verdict: ofHTTP(resp.code), Header: resp.header, Body: resp.body, Status: strconv.Itoa(resp.code) + " " + string(resp.body)}
		seconds, _ := strconv.Atoi(resp.header.Get("Retry-After"))
		a.RetryAfter = time.Duration(seconds) * time.Second
		return a, nil
	}
}

func ofHTTP(status int) Verdict {
	switch status {
	case http.StatusOK, http.StatusAccepted, http.StatusNoContent:
		return Taken
	case http.StatusBadRequest:
		return Refused
	case http.StatusRequestEntityTooLarge:
		return TooLarge
	case http.StatusUnsupportedMediaType:
		return Unsupported
	case http.StatusTooManyRequests:
		return Full
	case http.StatusServiceUnavailable:
		return Unavailable
	default:
		return Other
	}
}

// halves reads a body and calls pause in its middle.
func halves(body []byte, pause func()) io.Reader {
	if pause == nil {
		return bytes.NewReader(body)
	}
	half := len(body) / 2
	return io.MultiReader(bytes.NewReader(body[:half]), readerFunc(func([]byte) (int, error) { pause(); return 0, io.EOF }), bytes.NewReader(body[half:]))
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

// reply is a response that was read.
type reply struct {
	code int
	// header has the trailers too.
	header http.Header
	body   []byte
}

func post(ctx context.Context, client *http.Client, url string, body []byte, r Request, set func(http.Header)) (reply, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, halves(body, r.Pause))
	if err != nil {
		return reply{}, fmt.Errorf("make request: %w", err)
	}
	set(req.Header)
	if r.ContentType != "" {
		req.Header.Set("Content-Type", r.ContentType)
	}
	resp, err := client.Do(req)
	if err != nil {
		return reply{}, fmt.Errorf("send: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return reply{}, fmt.Errorf("read answer: %w", err)
	}
	header := resp.Header.Clone()
	maps.Copy(header, resp.Trailer)
	return reply{resp.StatusCode, header, answer}, nil
}

// GRPC returns a client of a unary method of gRPC, which speaks HTTP/2 by hand: a library would not send what is wrong. method is "/service/Method".
func GRPC(tb testing.TB, addr, method string) Sender {
	tb.Helper()
	plain := new(http.Protocols)
	plain.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: plain}
	tb.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: transport}
	return func(ctx context.Context, r Request) (Answer, error) {
		frame := append([]byte{0}, binary.BigEndian.AppendUint32(nil, uint32(len(r.Body)))...) //nolint:gosec // Of a test.
		if len(r.Body) > 0 && r.Coding != "" {                                                 // A message of no bytes is never compressed.
			frame[0] = 1
		}
		resp, err := post(ctx, client, "http://"+addr+method, append(frame, r.Body...), r, func(h http.Header) {
			h.Set("Content-Type", "application/grpc")
			h.Set("TE", "trailers")
			if r.Coding != "" {
				h.Set("Grpc-Encoding", r.Coding)
			}
		})
		if err != nil {
			return Answer{}, err
		}
		return ofGRPC(resp), nil
	}
}

func ofGRPC(resp reply) Answer {
	if resp.code != http.StatusOK {
		return Answer{Verdict: ofHTTP(resp.code), Status: strconv.Itoa(resp.code)}
	}
	n, err := strconv.ParseUint(resp.header.Get("Grpc-Status"), 10, 32)
	if err != nil {
		return Answer{Verdict: Other, Status: "no grpc-status"}
	}
	code := codes.Code(n)
	a := Answer{Header: resp.header, Status: code.String() + " " + resp.header.Get("Grpc-Message")}
	if len(resp.body) >= 5 {
		a.Body = resp.body[5:]
	}
	var st spb.Status
	if details, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(resp.header.Get("Grpc-Status-Details-Bin"), "=")); err == nil && proto.Unmarshal(details, &st) == nil {
		a.RetryAfter = retryDelay(&st)
	}
	switch code {
	case codes.OK:
		a.Verdict = Taken
	case codes.InvalidArgument:
		a.Verdict = Refused
	case codes.Unimplemented:
		a.Verdict = Unsupported
	case codes.Unavailable:
		a.Verdict = Unavailable
	case codes.ResourceExhausted:
		if a.Verdict = TooLarge; a.RetryAfter > 0 {
			a.Verdict = Full
		}
	case codes.Internal:
		a.Verdict = ofDecompression(a.Status)
	default:
		a.Verdict = Other
	}
	return a
}

// ofDecompression is the verdict of INTERNAL, which is grpc-go's own answer to what cannot be decompressed; no client of OTLP sends that again.
func ofDecompression(message string) Verdict {
	switch {
	case strings.Contains(message, "window size exceeded"):
		return TooLarge
	case strings.Contains(message, "failed to decompress"), strings.Contains(message, "failed to read decompressed data"):
		return Refused
	default:
		return Other
	}
}

// retryDelay is that of the RetryInfo in a status, 0 where there is none.
func retryDelay(st *spb.Status) time.Duration {
	for _, d := range st.GetDetails() {
		var info errdetails.RetryInfo
		if d.UnmarshalTo(&info) == nil {
			return info.GetRetryDelay().AsDuration()
		}
	}
	return 0
}
