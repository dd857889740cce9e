// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/gzip" // The registry of compressors is grpc-go's; this is how gzip is put into it.
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/mem"

	"github.com/klauspost/compress/zstd"

	"github.com/strata-apm/strata/ingest/intake"
)

// registerZstd puts zstd into grpc-go's registry of compressors, which is global and must be filled before the first call.
var registerZstd = sync.OnceFunc(func() { encoding.RegisterCompressor(zstdCompressor{}) })

// NewGRPCServer returns a server of the three export services, plain where there is no configuration of TLS.
func (r *Receiver) NewGRPCServer(tlsConfig *tls.Config, opts ...grpc.ServerOption) *grpc.Server {
	registerZstd()
	srv := grpc.NewServer(append([]grpc.ServerOption{
		grpc.ForceServerCodecV2(rawCodec{}),
		grpc.MaxRecvMsgSize(int(r.intake.MaxBody())),
		grpc.MaxConcurrentStreams(256),
		grpc.MaxHeaderListSize(64 << 10),
		grpc.Creds(newTrackedCredentials(tlsConfig)),
		grpc.StatsHandler(resetGuard{}),
		grpc.ConnectionTimeout(20 * time.Second),
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionIdle: 10 * time.Minute, Time: time.Minute, Timeout: 20 * time.Second}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}),
	}, opts...)...)
	for _, s := range services() {
		srv.RegisterService(&grpc.ServiceDesc{
			ServiceName: s.Service(),
			HandlerType: (*any)(nil),
			Methods:     []grpc.MethodDesc{{MethodName: "Export", Handler: r.grpcHandler(&s)}},
		}, r)
	}
	return srv
}

// rawMessage is a gRPC message as bytes: the body goes to the bus as it came, so the codec must not decode it.
type rawMessage struct{ data []byte }

func (r *Receiver) grpcHandler(s *service) grpc.MethodHandler {
	method := "/" + s.Service() + "/Export"
	return func(_ any, ctx context.Context, dec func(any) error, interceptor grpc.UnaryServerInterceptor) (any, error) {
		in := &rawMessage{}
		if err := dec(in); err != nil {
			return nil, err
		}
		handle := func(ctx context.Context, req any) (any, error) { return r.exportGRPC(ctx, s, req) }
		if interceptor == nil {
			return handle(ctx, in)
		}
		return interceptor(ctx, in, &grpc.UnaryServerInfo{Server: r, FullMethod: method}, handle)
	}
}

func (r *Receiver) exportGRPC(ctx context.Context, s *service, req any) (any, error) {
	msg, ok := req.(*rawMessage)
	if !ok {
		return nil, intake.Status(fmt.Errorf("%w: unexpected message %T", intake.ErrMalformed, req)).Err()
	}
	body, err := r.intake.Claim(msg.data)
	if err != nil {
		return nil, intake.Status(err).Err()
	}
	defer body.Release()
	resp, err := r.export(ctx, s, formatProto, body.Bytes)
	if err != nil {
		return nil, intake.Status(err).Err()
	}
	data, err := resp.MarshalProto()
	if err != nil {
		return nil, intake.Status(fmt.Errorf("encode response: %w", err)).Err()
	}
	return &rawMessage{data: data}, nil
}

// rawCodec hands messages through as bytes under the name every client sends.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	m, ok := v.(*rawMessage)
	if !ok {
		return nil, fmt.Errorf("marshal %T: only raw messages are served", v)
	}
	return mem.BufferSlice{mem.SliceBuffer(m.data)}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	m, ok := v.(*rawMessage)
	if !ok {
		return fmt.Errorf("unmarshal into %T: only raw messages are served", v)
	}
	m.data = data.Materialize()
	return nil
}

// zstdCompressor is zstd for gRPC. The decoder streams, so grpc-go's own limit on the message stops a bomb.
type zstdCompressor struct{}

func (zstdCompressor) Name() string { return "zstd" }

func (zstdCompressor) Compress(w io.Writer) (io.WriteCloser, error) {
	zw, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(512<<10))
	if err != nil {
		return nil, fmt.Errorf("zstd: %w", err)
	}
	return zw, nil
}

func (zstdCompressor) Decompress(r io.Reader) (io.Reader, error) { return intake.NewZstdReader(r) }
