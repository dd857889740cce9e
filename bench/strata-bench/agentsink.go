// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"google.golang.org/grpc"
	_ "google.golang.org/grpc/encoding/gzip" // The server half of gzip.
)

// agentSink takes what agents send and counts it. It is part of this process, so its work is not counted.
type agentSink struct {
	addr          string
	server        *grpc.Server
	lines, points atomic.Int64
}

func startAgentSink(ctx context.Context) (*agentSink, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for agents: %w", err)
	}
	s := &agentSink{addr: l.Addr().String(), server: grpc.NewServer(grpc.MaxRecvMsgSize(64 << 20))}
	plogotlp.RegisterGRPCServer(s.server, &logSink{s: s})
	pmetricotlp.RegisterGRPCServer(s.server, &metricSink{s: s})
	go func() { _ = s.server.Serve(l) }()
	return s, nil
}

type logSink struct {
	plogotlp.UnimplementedGRPCServer
	s *agentSink
}

func (l *logSink) Export(_ context.Context, r plogotlp.ExportRequest) (plogotlp.ExportResponse, error) {
	l.s.lines.Add(int64(r.Logs().LogRecordCount()))
	return plogotlp.NewExportResponse(), nil
}

type metricSink struct {
	pmetricotlp.UnimplementedGRPCServer
	s *agentSink
}

func (m *metricSink) Export(_ context.Context, r pmetricotlp.ExportRequest) (pmetricotlp.ExportResponse, error) {
	m.s.points.Add(int64(r.Metrics().DataPointCount()))
	return pmetricotlp.NewExportResponse(), nil
}
