// SPDX-License-Identifier: Apache-2.0

package selfmon

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"

	"github.com/strata-apm/strata/internal/certs"
	"github.com/strata-apm/strata/internal/testutil/certtest"
)

func TestMain(m *testing.M) {
	// The SDK leaves this goroutine when the context of Shutdown has ended (TestNobodyListens).
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("go.opentelemetry.io/otel/sdk/log.(*BatchProcessor).process.func1"))
}

// intake takes OTLP over gRPC and notes what it got. Safe for concurrent use.
type intake struct {
	mu        sync.Mutex
	spans     []string
	logs      []string
	metrics   []string
	resources []map[string]any
	keys      []string
	addr      string
}

func (i *intake) got(ctx context.Context, res pcommon.Resource, to *[]string, names ...string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	md, _ := metadata.FromIncomingContext(ctx)
	i.keys = append(i.keys, md.Get("authorization")...)
	i.resources = append(i.resources, res.Attributes().AsRaw())
	*to = append(*to, names...)
}

type traceServer struct {
	*ptraceotlp.UnimplementedGRPCServer
	*intake
}

func (s traceServer) Export(ctx context.Context, req ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	rs := req.Traces().ResourceSpans().At(0)
	for _, span := range rs.ScopeSpans().At(0).Spans().All() {
		s.got(ctx, rs.Resource(), &s.spans, span.Name())
	}
	return ptraceotlp.NewExportResponse(), nil
}

type logServer struct {
	*plogotlp.UnimplementedGRPCServer
	*intake
}

func (s logServer) Export(ctx context.Context, req plogotlp.ExportRequest) (plogotlp.ExportResponse, error) {
	rl := req.Logs().ResourceLogs().At(0)
	for _, rec := range rl.ScopeLogs().At(0).LogRecords().All() {
		s.got(ctx, rl.Resource(), &s.logs, rec.Body().Str())
	}
	return plogotlp.NewExportResponse(), nil
}

type metricServer struct {
	*pmetricotlp.UnimplementedGRPCServer
	*intake
}

func (s metricServer) Export(ctx context.Context, req pmetricotlp.ExportRequest) (pmetricotlp.ExportResponse, error) {
	rm := req.Metrics().ResourceMetrics().At(0)
	for _, sm := range rm.ScopeMetrics().All() {
		for _, m := range sm.Metrics().All() {
			s.got(ctx, rm.Resource(), &s.metrics, m.Name())
		}
	}
	return pmetricotlp.NewExportResponse(), nil
}

func newIntake(t *testing.T, opts ...grpc.ServerOption) *intake {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	i := &intake{addr: ln.Addr().String()}
	srv := grpc.NewServer(opts...)
	ptraceotlp.RegisterGRPCServer(srv, traceServer{intake: i})
	plogotlp.RegisterGRPCServer(srv, logServer{intake: i})
	pmetricotlp.RegisterGRPCServer(srv, metricServer{intake: i})
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(ln)
	}()
	t.Cleanup(func() { srv.Stop(); <-done })
	return i
}

func gatherer(t *testing.T) *prometheus.Registry {
	t.Helper()
	reg := prometheus.NewRegistry()
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: "strata_things_total"})
	c.Add(3)
	require.NoError(t, reg.Register(c))
	return reg
}

// TestStart sends logs, a trace and the registry's metrics with the resource and the key, and all of it is there when Close returns.
func TestStart(t *testing.T) {
	cert, key := certtest.SelfSigned(t)
	server, err := certs.Server{CertFile: cert, KeyFile: key}.Load(slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	trust, err := certs.Client{CAFile: cert}.Load()
	require.NoError(t, err)
	plain, secure := newIntake(t), newIntake(t, grpc.Creds(credentials.NewTLS(server)))
	within := newIntake(t)
	base := Options{Version: "1.2", Instance: "me", Ratio: 1, Interval: time.Hour, Gatherer: gatherer(t), Headers: map[string]string{"authorization": "Bearer key"}}
	for name, c := range map[string]struct {
		to   *intake
		edit func(*Options)
	}{
		"plain": {plain, func(o *Options) { o.Endpoint = plain.addr }},
		"TLS":   {secure, func(o *Options) { o.Endpoint, o.TLS = secure.addr, trust }},
		"within the process": {within, func(o *Options) {
			o.Endpoint = "passthrough:///self"
			o.Dial = func(ctx context.Context, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, "tcp", within.addr)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			opts := base
			c.edit(&opts)
			self, err := Start(t.Context(), opts)
			require.NoError(t, err)
			slog.New(self.Logs).Info("it began", "part", "test")
			_, span := self.Tracer.Tracer("test").Start(t.Context(), "GET /")
			span.End()
			require.NoError(t, self.Close(t.Context()))
			require.Equal(t, []string{"GET /"}, c.to.spans)
			require.Equal(t, []string{"it began"}, c.to.logs)
			require.Contains(t, c.to.metrics, "strata_things_total")
			for _, attrs := range c.to.resources {
				require.Equal(t, []any{ServiceName, "1.2", "me"}, []any{attrs["service.name"], attrs["service.version"], attrs["service.instance.id"]})
				require.NotEmpty(t, attrs["host.name"])
			}
			require.NotEmpty(t, c.to.keys)
			slices.Sort(c.to.keys)
			require.Equal(t, []string{"Bearer key"}, slices.Compact(c.to.keys))
		})
	}
}

// TestRatio: of own traces as many are kept as the configuration says; those that others began are kept as they decided.
func TestRatio(t *testing.T) {
	in := newIntake(t)
	self, err := Start(t.Context(), Options{Endpoint: in.addr, Ratio: 0, Interval: time.Hour, Gatherer: prometheus.NewRegistry()})
	require.NoError(t, err)
	_, span := self.Tracer.Tracer("test").Start(t.Context(), "dropped")
	require.False(t, span.SpanContext().IsSampled())
	span.End()
	require.NoError(t, self.Close(t.Context()))
	require.Empty(t, in.spans)
}

// TestNobodyListens: what cannot be sent is dropped, and Close waits no longer than it may.
func TestNobodyListens(t *testing.T) {
	self, err := Start(t.Context(), Options{Endpoint: "127.0.0.1:1", Ratio: 1, Interval: time.Hour, Gatherer: gatherer(t)})
	require.NoError(t, err, "it dials when there is something to send")
	slog.New(self.Logs).Info("x")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.Error(t, self.Close(ctx))
	_, err = Start(t.Context(), Options{Endpoint: "nothing\x7f://:", Ratio: 1, Interval: time.Hour})
	require.ErrorContains(t, err, "connect to ")
}

func TestOff(t *testing.T) {
	off := Off()
	_, span := off.Tracer.Tracer("x").Start(t.Context(), "x")
	require.False(t, span.IsRecording())
	require.False(t, off.Logs.Enabled(t.Context(), slog.LevelError))
	require.NoError(t, off.Close(t.Context()))
}

// kept keeps the records that it is handed, as text.
type kept struct {
	slog.Handler
	buf bytes.Buffer
}

func newKept(level slog.Level) *kept {
	k := &kept{}
	k.Handler = slog.NewTextHandler(&k.buf, &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
	return k
}

// TestTee: loggers that were made before the second handler came reach it too, with their attributes and groups, in the order they were given.
func TestTee(t *testing.T) {
	var first bytes.Buffer
	h := NewHandler(&first, slog.LevelInfo)
	early := slog.New(h).With("part", "bus").WithGroup("g").With("k", 1).WithGroup("deep")
	early.Info("before")
	second := newKept(slog.LevelWarn)
	h.Tee(second)
	early.Info("too low for the second")
	early.Warn("both", "x", 2)
	late := slog.New(h).With("part", "late")
	late.Error("late")
	late.Debug("for nobody")
	require.Equal(t, "level=WARN msg=both part=bus g.k=1 g.deep.x=2\nlevel=ERROR msg=late part=late\n", second.buf.String())
	for _, want := range []string{"msg=before", "too low for the second", "msg=both part=bus g.k=1 g.deep.x=2", "msg=late part=late"} {
		require.Contains(t, first.String(), want)
	}
	require.NotContains(t, first.String(), "for nobody")
	require.Equal(t, 4, strings.Count(first.String(), "\n"))
}

// failing is a handler that takes nothing.
type failing struct{ slog.Handler }

func (failing) Enabled(context.Context, slog.Level) bool  { return true }
func (failing) Handle(context.Context, slog.Record) error { return errors.New("no room") }
func (f failing) WithAttrs([]slog.Attr) slog.Handler      { return f }
func (f failing) WithGroup(string) slog.Handler           { return f }
func (failing) String() string                            { return "failing" }
func (failing) MarshalText() ([]byte, error)              { return nil, errors.New("no text") }
func record(level slog.Level, msg string, attrs ...slog.Attr) slog.Record {
	r := slog.NewRecord(time.Time{}, level, msg, 0)
	r.AddAttrs(attrs...)
	return r
}

// TestSecondFails: the first still writes, and the error is said.
func TestSecondFails(t *testing.T) {
	var first bytes.Buffer
	h := NewHandler(&first, slog.LevelInfo)
	h.Tee(failing{})
	require.EqualError(t, h.Handle(t.Context(), record(slog.LevelInfo, "x")), "no room")
	require.Contains(t, first.String(), "msg=x")
}

// textual has a text of its own; broken says that it has and has none.
type (
	textual struct{ a int }
	broken  struct{ A int }
	number  int32
	fast    float32
	yes     bool
)

func (textual) MarshalText() ([]byte, error) { return []byte("its text"), nil }
func (broken) MarshalText() ([]byte, error)  { return nil, errors.New("none") }

// TestReadableValues: groups, types of basic kinds and texts of types become what people read.
func TestReadableValues(t *testing.T) {
	k := newKept(slog.LevelInfo)
	h := readable{k}.WithGroup("g").WithAttrs([]slog.Attr{slog.Duration("after", time.Second)})
	require.NoError(t, h.Handle(t.Context(), record(slog.LevelInfo, "x",
		slog.Group("in", slog.Duration("d", 1500*time.Millisecond), slog.Any("v", textual{1})),
		slog.Any("broken", broken{2}), slog.Any("n", number(-3)), slog.Any("f", fast(1.5)), slog.Any("b", yes(true)), slog.Any("stringer", failing{}),
		slog.Any("lazy", lazyValue{}), slog.Any("map", map[string]int{"a": 1}), slog.Int64("i", 7), slog.String("s", "text"),
	)))
	require.Equal(t, `level=INFO msg=x g.after=1s g.in.d=1.5s g.in.v="its text" g.broken={A:2} g.n=-3 g.f=1.5 g.b=true g.stringer=failing g.lazy=1m0s g.map=map[a:1] g.i=7 g.s=text`+"\n", k.buf.String())
}

// lazyValue is worked out when it is logged.
type lazyValue struct{}

func (lazyValue) LogValue() slog.Value { return slog.DurationValue(time.Minute) }
