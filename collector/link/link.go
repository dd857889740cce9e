// SPDX-License-Identifier: Apache-2.0

package link

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensionmiddleware"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// TypeName is the type of the extension in the collector's configuration.
const TypeName = "strata_link"

// link watches the connection to the server. It writes one line when the server goes away and one when it is back, and it turns
// answers that are about the agent and not about the data ("who are you", "no such service here") into ones that are retried: a key
// that was revoked by mistake or a proxy that has no backend yet must not cost data.
type link struct {
	component.StartFunc
	logger *slog.Logger
	server string
	clock  *Clock

	mu    sync.Mutex
	state linkState // guarded by mu; the zero value is unknown
	// settle gives what the start left on the heap back to the system, once it is over. Guarded by mu.
	settle *time.Timer
}

// settled is how long after the start of all parts it is surely over.
const settled = 2 * time.Second

type linkState int

const (
	linkUnknown linkState = iota
	linkUp
	linkDown
)

var (
	_ extensionmiddleware.GRPCClient = (*link)(nil)
	_ extensionmiddleware.HTTPClient = (*link)(nil)
)

// NewFactory returns the factory of the extension that watches the connection to server, which it names in its log lines. The dates of
// answers are noted in clock.
func NewFactory(logger *slog.Logger, server string, clock *Clock) (extension.Factory, error) {
	typ, err := component.NewType(TypeName)
	if err != nil {
		return nil, err
	}
	return extension.NewFactory(
		typ,
		func() component.Config { return &struct{}{} },
		func(context.Context, extension.Settings, component.Config) (extension.Extension, error) {
			return &link{logger: logger, server: server, clock: clock}, nil
		},
		component.StabilityLevelStable,
	), nil
}

// Ready implements extensioncapabilities.PipelineWatcher.
func (l *link) Ready() error {
	l.logger.Info("agent started", "server", l.server)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.settle = time.AfterFunc(settled, debug.FreeOSMemory)
	return nil
}

// NotReady implements extensioncapabilities.PipelineWatcher.
func (l *link) NotReady() error {
	l.logger.Info("agent stopping")
	return nil
}

// Shutdown implements component.Component.
func (l *link) Shutdown(context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.settle != nil {
		l.settle.Stop()
	}
	return nil
}

// up notes that the server answers.
func (l *link) up() {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch l.state {
	case linkUnknown:
		l.logger.Info("server reachable", "server", l.server)
	case linkDown:
		l.logger.Info("server reachable again", "server", l.server)
	case linkUp:
	}
	l.state = linkUp
}

// down notes that the server cannot be reached or takes nothing now.
func (l *link) down(reason string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state != linkDown {
		l.logger.Warn("server unreachable, data are kept on disk and sent later", "server", l.server, "reason", reason)
	}
	l.state = linkDown
}

// GetGRPCClientOptions implements extensionmiddleware.GRPCClient.
func (l *link) GetGRPCClientOptions(context.Context) ([]grpc.DialOption, error) {
	return []grpc.DialOption{grpc.WithChainUnaryInterceptor(l.intercept)}, nil
}

// intercept judges the answer to one call.
//
//nolint:revive // The signature is gRPC's.
func (l *link) intercept(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn,
	invoke grpc.UnaryInvoker, opts ...grpc.CallOption,
) error {
	var header metadata.MD
	sent := time.Now()
	err := invoke(ctx, method, req, reply, cc, append(opts, grpc.Header(&header))...)
	if date := header.Get("date"); len(date) == 1 {
		l.clock.answered(date[0], sent, time.Now())
	}
	st := status.Convert(err)
	switch st.Code() {
	case codes.Unauthenticated, codes.PermissionDenied, codes.Unimplemented:
		l.down(st.Code().String() + ": " + st.Message())
		return status.Error(codes.Unavailable, st.Code().String()+": "+st.Message())
	case codes.Unavailable, codes.DeadlineExceeded, codes.ResourceExhausted, codes.Aborted:
		l.down(st.Code().String() + ": " + st.Message())
	case codes.Canceled: // Our own doing, at a stop.
	default:
		l.up() // Also an answer that refuses the data is an answer.
	}
	return err
}

// GetHTTPRoundTripper implements extensionmiddleware.HTTPClient.
func (l *link) GetHTTPRoundTripper(context.Context) (extensionmiddleware.WrapHTTPRoundTripperFunc, error) {
	return func(_ context.Context, next http.RoundTripper) (http.RoundTripper, error) {
		return roundTripper{link: l, next: next}, nil
	}, nil
}

type roundTripper struct {
	link *link
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (r roundTripper) RoundTrip(req *http.Request) (*http.Response, error) {
	sent := time.Now()
	resp, err := r.next.RoundTrip(req)
	if err == nil {
		r.link.clock.answered(resp.Header.Get("Date"), sent, time.Now())
	}
	if err != nil {
		if req.Context().Err() == nil || context.Cause(req.Context()) == context.DeadlineExceeded { //nolint:errorlint // The cause is the bare sentinel.
			r.link.down(err.Error())
		}
		return nil, err
	}
	switch code := resp.StatusCode; {
	case code == http.StatusUnauthorized, code == http.StatusForbidden, code == http.StatusNotFound,
		code == http.StatusMethodNotAllowed, code >= 300 && code < 400:
		r.link.down(resp.Status)
		_ = resp.Body.Close()
		resp.StatusCode = http.StatusServiceUnavailable
		resp.Status = fmt.Sprintf("%d (was %s)", http.StatusServiceUnavailable, resp.Status)
		resp.Body, resp.ContentLength = io.NopCloser(strings.NewReader("")), 0
	case code == http.StatusTooManyRequests, code == http.StatusBadGateway,
		code == http.StatusServiceUnavailable, code == http.StatusGatewayTimeout:
		r.link.down(resp.Status)
	default:
		r.link.up()
	}
	return resp, nil
}
