// SPDX-License-Identifier: Apache-2.0

package link

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// newLink returns a link and what it logs.
func newLink() (*link, *bytes.Buffer) {
	log := new(bytes.Buffer)
	return &link{logger: slog.New(slog.NewTextHandler(log, nil)), server: "a:4317", clock: new(Clock)}, log
}

// call sends one gRPC request that the server answers with err.
func call(l *link, err error, header metadata.MD) error {
	invoke := func(_ context.Context, _ string, _, _ any, _ *grpc.ClientConn, opts ...grpc.CallOption) error {
		for _, o := range opts {
			if h, ok := o.(grpc.HeaderCallOption); ok {
				*h.HeaderAddr = header
			}
		}
		return err
	}
	return l.intercept(context.Background(), "/export", nil, nil, nil, invoke)
}

// TestAnswersOverGRPC: only an answer about the data themselves may cost data.
func TestAnswersOverGRPC(t *testing.T) {
	for code, tc := range map[codes.Code]struct {
		want codes.Code // what the exporter sees
		down bool
	}{
		codes.OK:                 {codes.OK, false},
		codes.InvalidArgument:    {codes.InvalidArgument, false},
		codes.Internal:           {codes.Internal, false},
		codes.OutOfRange:         {codes.OutOfRange, false},
		codes.Unauthenticated:    {codes.Unavailable, true},
		codes.PermissionDenied:   {codes.Unavailable, true},
		codes.Unimplemented:      {codes.Unavailable, true},
		codes.Unavailable:        {codes.Unavailable, true},
		codes.DeadlineExceeded:   {codes.DeadlineExceeded, true},
		codes.ResourceExhausted:  {codes.ResourceExhausted, true},
		codes.Aborted:            {codes.Aborted, true},
		codes.FailedPrecondition: {codes.FailedPrecondition, false},
	} {
		t.Run(code.String(), func(t *testing.T) {
			l, log := newLink()
			err := call(l, status.Error(code, "why"), nil)
			require.Equal(t, tc.want, status.Code(err))
			if err != nil {
				require.ErrorContains(t, err, "why")
			}
			if tc.down {
				require.Contains(t, log.String(), "server unreachable")
				require.Contains(t, log.String(), code.String()+": why")
			} else {
				require.Contains(t, log.String(), "server reachable")
			}
		})
	}
}

// TestOwnCancelSaysNothing: a call that a stop cancels is about neither the server nor the data.
func TestOwnCancelSaysNothing(t *testing.T) {
	l, log := newLink()
	require.Equal(t, codes.Canceled, status.Code(call(l, status.Error(codes.Canceled, "stop"), nil)))
	require.Empty(t, log.String())
	require.Equal(t, linkUnknown, l.state)
}

// TestAnswersOverHTTP: as over gRPC.
func TestAnswersOverHTTP(t *testing.T) {
	for code, tc := range map[int]struct {
		want int // what the exporter sees
		down bool
	}{
		200: {200, false}, 400: {400, false}, 413: {413, false}, 415: {415, false}, 500: {500, false},
		301: {503, true}, 302: {503, true}, 308: {503, true}, 401: {503, true}, 403: {503, true}, 404: {503, true}, 405: {503, true},
		429: {429, true}, 502: {502, true}, 503: {503, true}, 504: {504, true},
	} {
		t.Run(http.StatusText(code), func(t *testing.T) {
			l, log := newLink()
			rt, err := l.GetHTTPRoundTripper(t.Context())
			require.NoError(t, err)
			transport, err := rt(t.Context(), answering(code, "", nil))
			require.NoError(t, err)
			resp, err := transport.RoundTrip(httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://a/v1/logs", http.NoBody))
			require.NoError(t, err)
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Equal(t, tc.want, resp.StatusCode)
			if tc.want != code {
				require.Empty(t, body, "what it said is not about the data")
				require.Zero(t, resp.ContentLength)
				require.Equal(t, "503 (was "+http.StatusText(code)+")", resp.Status)
			} else {
				require.Equal(t, "body", string(body))
			}
			require.Equal(t, tc.down, strings.Contains(log.String(), "server unreachable"))
			require.Equal(t, !tc.down, strings.Contains(log.String(), "server reachable"))
		})
	}
}

type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// answering is a server that gives one answer, or none but an error.
func answering(code int, date string, err error) http.RoundTripper {
	return roundTripFunc(func(*http.Request) (*http.Response, error) {
		if err != nil {
			return nil, err
		}
		return &http.Response{
			StatusCode: code, Status: http.StatusText(code), Header: http.Header{"Date": {date}}, Body: io.NopCloser(strings.NewReader("body")), ContentLength: 4,
		}, nil
	})
}

// TestNoAnswerOverHTTP: a request that a stop cancels says nothing of the server; one that took too long does.
func TestNoAnswerOverHTTP(t *testing.T) {
	refused := errors.New("connection refused")
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	for name, tc := range map[string]struct {
		ctx  context.Context
		down bool
	}{
		"the server is gone":   {t.Context(), true},
		"it took too long":     {late, true},
		"the agent is stopped": {cancelled, false},
	} {
		t.Run(name, func(t *testing.T) {
			l, log := newLink()
			_, err := roundTripper{link: l, next: answering(0, "", refused)}.RoundTrip(httptest.NewRequestWithContext(tc.ctx, http.MethodPost, "http://a", http.NoBody))
			require.ErrorIs(t, err, refused)
			require.Equal(t, tc.down, strings.Contains(log.String(), "server unreachable"))
		})
	}
}

// TestOneLineEach: the log has a line when the server goes away and one when it is back, however often it is asked.
func TestOneLineEach(t *testing.T) {
	l, log := newLink()
	lines := func() int { return strings.Count(log.String(), "\n") }
	l.up()
	l.up()
	require.Equal(t, 1, lines())
	require.Contains(t, log.String(), `msg="server reachable" server=a:4317`)
	l.down("first")
	l.down("second")
	require.Equal(t, 2, lines())
	require.Contains(t, log.String(), "reason=first")
	l.up()
	l.up()
	require.Equal(t, 3, lines())
	require.Contains(t, log.String(), "server reachable again")
	l.down("third")
	require.Equal(t, 4, lines())
}

// TestDatesOfAnswers: both protocols tell the clock.
func TestDatesOfAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		date := time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)
		offset := func(l *link) float64 {
			st, known := l.clock.Status()
			require.True(t, known)
			return st.OffsetSeconds
		}
		l, _ := newLink()
		require.Error(t, call(l, status.Error(codes.Unavailable, ""), metadata.Pairs("date", date)))
		require.InDelta(t, 3600, offset(l), 1, "also of a refusal")
		l, _ = newLink()
		require.NoError(t, call(l, nil, metadata.Pairs("date", date, "date", date)))
		_, known := l.clock.Status()
		require.False(t, known, "two dates are none")
		resp, err := roundTripper{link: l, next: answering(http.StatusOK, date, nil)}.RoundTrip(httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://a", http.NoBody))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.InDelta(t, 3600, offset(l), 1)
	})
}

// TestLifetime: the extension says when the agent starts and stops, and its timer ends with it.
func TestLifetime(t *testing.T) {
	log := new(bytes.Buffer)
	factory, err := NewFactory(slog.New(slog.NewTextHandler(log, nil)), "a:4317", new(Clock))
	require.NoError(t, err)
	require.Equal(t, TypeName, factory.Type().String())
	ext, err := factory.Create(t.Context(), extensiontest.NewNopSettings(factory.Type()), factory.CreateDefaultConfig())
	require.NoError(t, err)
	require.NoError(t, ext.Start(t.Context(), componenttest.NewNopHost()))
	l, ok := ext.(*link)
	require.True(t, ok)
	require.NoError(t, l.Shutdown(t.Context()), "before it was ready")
	require.NoError(t, l.Ready())
	require.Contains(t, log.String(), `msg="agent started" server=a:4317`)
	opts, err := l.GetGRPCClientOptions(t.Context())
	require.NoError(t, err)
	require.Len(t, opts, 1)
	require.NoError(t, l.NotReady())
	require.Contains(t, log.String(), "agent stopping")
	require.NoError(t, ext.Shutdown(t.Context()))
	require.False(t, l.settle.Stop(), "it was stopped")
}
