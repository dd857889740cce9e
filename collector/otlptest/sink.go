// SPDX-License-Identifier: Apache-2.0

package otlptest

import (
	"context"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	_ "google.golang.org/grpc/encoding/gzip" // The server half of gzip.
	"google.golang.org/grpc/metadata"
)

// Sink receives OTLP over gRPC on loopback. It keeps its requests over Stop and Start.
type Sink struct {
	Addr string

	mu      sync.Mutex
	server  *grpc.Server
	refuse  error
	refused int
	metrics []pmetric.Metrics
	logs    []plog.Logs
	traces  []ptrace.Traces
	header  metadata.MD
}

// New starts a sink on a free port. It ends with the test.
func New(tb testing.TB) *Sink {
	tb.Helper()
	s := &Sink{Addr: "127.0.0.1:0"}
	s.Start(tb)
	tb.Cleanup(s.Stop)
	return s
}

// Start listens, after Stop on the same port as before.
func (s *Sink) Start(tb testing.TB) {
	tb.Helper()
	lis, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", s.Addr)
	require.NoError(tb, err)
	s.Addr = lis.Addr().String()
	srv := grpc.NewServer(grpc.MaxRecvMsgSize(64 << 20))
	pmetricotlp.RegisterGRPCServer(srv, &metricsServer{sink: s})
	plogotlp.RegisterGRPCServer(srv, &logsServer{sink: s})
	ptraceotlp.RegisterGRPCServer(srv, &tracesServer{sink: s})
	s.mu.Lock()
	s.server = srv
	s.mu.Unlock()
	go func() { _ = srv.Serve(lis) }()
}

// Stop closes the port and all connections.
func (s *Sink) Stop() {
	s.mu.Lock()
	srv := s.server
	s.mu.Unlock()
	srv.Stop()
}

// Refuse makes every request fail with err, until it is called with nil.
func (s *Sink) Refuse(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = err
}

// Refused is how many requests have failed because of Refuse.
func (s *Sink) Refused() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refused
}

// Metrics returns what has been received.
func (s *Sink) Metrics() []pmetric.Metrics {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]pmetric.Metrics(nil), s.metrics...)
}

// Logs returns what has been received.
func (s *Sink) Logs() []plog.Logs {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]plog.Logs(nil), s.logs...)
}

// Traces returns what has been received.
func (s *Sink) Traces() []ptrace.Traces {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]ptrace.Traces(nil), s.traces...)
}

// Header returns the metadata of the last request.
func (s *Sink) Header() metadata.MD {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.header.Copy()
}

func (s *Sink) take(ctx context.Context, keep func()) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.header, _ = metadata.FromIncomingContext(ctx)
	if s.refuse != nil {
		s.refused++
		return s.refuse
	}
	keep()
	return nil
}

type metricsServer struct {
	pmetricotlp.UnimplementedGRPCServer
	sink *Sink
}

func (m *metricsServer) Export(ctx context.Context, r pmetricotlp.ExportRequest) (pmetricotlp.ExportResponse, error) {
	return pmetricotlp.NewExportResponse(), m.sink.take(ctx, func() { m.sink.metrics = append(m.sink.metrics, r.Metrics()) })
}

type logsServer struct {
	plogotlp.UnimplementedGRPCServer
	sink *Sink
}

func (l *logsServer) Export(ctx context.Context, r plogotlp.ExportRequest) (plogotlp.ExportResponse, error) {
	return plogotlp.NewExportResponse(), l.sink.take(ctx, func() { l.sink.logs = append(l.sink.logs, r.Logs()) })
}

type tracesServer struct {
	ptraceotlp.UnimplementedGRPCServer
	sink *Sink
}

func (s *tracesServer) Export(ctx context.Context, r ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	return ptraceotlp.NewExportResponse(), s.sink.take(ctx, func() { s.sink.traces = append(s.sink.traces, r.Traces()) })
}
