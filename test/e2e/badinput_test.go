// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// memory returns the resident bytes of the process that takes requests.
func (s *server) memory(t *testing.T) int64 {
	t.Helper()
	if s.intake != nil {
		s = s.intake
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", s.cmd.Process.Pid))
	require.NoError(t, err)
	pages, err := strconv.ParseInt(strings.Fields(string(b))[1], 10, 64)
	require.NoError(t, err)
	return pages * int64(os.Getpagesize())
}

// exportTrace sends one trace over gRPC.
func (s *server) exportTrace(t *testing.T) error {
	t.Helper()
	conn, err := grpc.NewClient(s.run.OTLPGRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, err = ptraceotlp.NewGRPCClient(conn).Export(ctx, ptraceotlp.NewExportRequestFromTraces(loadTrace(1)))
	return err
}

func freeAddress(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = ln.Close() }()
	return ln.Addr().String()
}

// idleConnections is row 13: past the bound connections are refused, nothing else is, and all recovers by itself.
func idleConnections(t *testing.T, s *server) {
	t.Helper()
	const want, bound = 10_000, 4096
	var files syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files))
	require.Greater(t, files.Cur, uint64(bound+2000), "this test needs more open files: raise ulimit -n")
	before := s.memory(t)
	var conns []net.Conn
	t.Cleanup(func() {
		for _, c := range conns {
			_ = c.Close()
		}
	})
	refused := 0
	for range min(want, int(files.Cur)-500) {
		c, err := net.DialTimeout("tcp", s.run.OTLPHTTP, 5*time.Second)
		if err != nil {
			refused++
			continue
		}
		conns = append(conns, c)
	}
	// Sooner than idle ones are closed by their timeout.
	eventually(t, 9*time.Second, "connections past the bound are closed", func() error {
		refused += closedByServer(&conns)
		if len(conns) > bound {
			return fmt.Errorf("%d are open", len(conns))
		}
		return nil
	})
	require.Positive(t, refused)
	require.NoError(t, s.exportTrace(t), "another listener")
	_, err := s.get("/-/ready")
	require.NoError(t, err)
	require.Less(t, s.memory(t)-before, int64(256<<20))
	// Those that never send a request are closed by their timeout; then the listener takes requests again.
	eventually(t, 25*time.Second, "idle connections make room", func() error {
		req, err := ptraceotlp.NewExportRequestFromTraces(loadTrace(2)).MarshalProto()
		require.NoError(t, err)
		resp, err := http.Post("http://"+s.run.OTLPHTTP+"/v1/traces", "application/x-protobuf", bytes.NewReader(req))
		if err != nil {
			return err
		}
		defer func() { _ = resp.Body.Close() }()
		require.Equal(t, 200, resp.StatusCode)
		return nil
	})
}

// closedByServer takes the connections that the server has closed out of conns and returns how many those were.
func closedByServer(conns *[]net.Conn) int {
	open, closed := (*conns)[:0], 0
	for _, c := range *conns {
		_ = c.SetReadDeadline(time.Now().Add(50 * time.Microsecond))
		if _, err := c.Read(make([]byte, 1)); err != nil && errors.Is(err, os.ErrDeadlineExceeded) {
			open = append(open, c)
			continue
		}
		_ = c.Close()
		closed++
	}
	*conns = open
	return closed
}

// rawHTTP2 opens an HTTP/2 connection by hand.
func rawHTTP2(t *testing.T, addr string) (net.Conn, *http2.Framer) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	_, err = io.WriteString(conn, http2.ClientPreface)
	require.NoError(t, err)
	fr := http2.NewFramer(conn, conn)
	require.NoError(t, fr.WriteSettings())
	go func() { _, _ = io.Copy(io.Discard, conn) }()
	return conn, fr
}

func headers(fields ...string) []byte {
	var b bytes.Buffer
	enc := hpack.NewEncoder(&b)
	for i := 0; i < len(fields); i += 2 {
		_ = enc.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	return b.Bytes()
}

func exportHeaders() []byte {
	return headers(":method", "POST", ":scheme", "http", ":path", "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
		":authority", "127.0.0.1", "content-type", "application/grpc", "te", "trailers")
}

// rapidReset is row 14, first half: a client that opens and takes back call after call loses its connection.
func rapidReset(t *testing.T, s *server) {
	t.Helper()
	before := s.memory(t)
	conn, fr := rawHTTP2(t, s.run.OTLPGRPC)
	require.NoError(t, conn.SetWriteDeadline(time.Now().Add(20*time.Second)))
	block := exportHeaders()
	var err error
	n := 0
	for ; n < 200_000 && err == nil; n++ {
		id := uint32(2*n + 1)
		err = errors.Join(
			fr.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block, EndHeaders: true}),
			fr.WriteRSTStream(id, http2.ErrCodeCancel))
	}
	require.Error(t, err, "the connection was still open after %d resets", n)
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "after %d resets", n)
	require.NoError(t, s.exportTrace(t))
	require.Less(t, s.memory(t)-before, int64(128<<20))
}

// continuationFlood is row 14, second half: headers that never end (CVE-2023-45288).
func continuationFlood(t *testing.T, s *server) {
	t.Helper()
	before := s.memory(t)
	conn, fr := rawHTTP2(t, s.run.OTLPGRPC)
	require.NoError(t, conn.SetWriteDeadline(time.Now().Add(20*time.Second)))
	err := fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: exportHeaders()})
	junk := headers("x-flood", strings.Repeat("a", 8<<10))
	n := 0
	for ; n < 20_000 && err == nil; n++ {
		err = fr.WriteContinuation(1, false, junk)
	}
	require.Error(t, err, "%d frames of headers were taken", n)
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "after %d frames", n)
	require.NoError(t, s.exportTrace(t))
	require.Less(t, s.memory(t)-before, int64(128<<20))
}

// lostAnswer is row 15: OTLP may store a request twice whose answer was lost; the ledger says so and balances.
func lostAnswer(t *testing.T, s *server) {
	t.Helper()
	body, err := ptraceotlp.NewExportRequestFromTraces(loadTrace(7)).MarshalProto()
	require.NoError(t, err)
	require.Equal(t, 200, s.post(t, "/v1/traces", body).StatusCode)
	// The client is gone before the answer: it closes its side after the last byte.
	conn, err := net.Dial("tcp", s.run.OTLPHTTP)
	require.NoError(t, err)
	_, err = fmt.Fprintf(conn, "POST /v1/traces HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-protobuf\r\nContent-Length: %d\r\n\r\n%s", s.run.OTLPHTTP, len(body), body)
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	require.Equal(t, 200, s.post(t, "/v1/traces", body).StatusCode)
	var total struct {
		Totals []struct {
			Signal   string `json:"signal"`
			Resent   int64  `json:"resent"`
			Balanced bool   `json:"balanced"`
		} `json:"totals"`
	}
	eventually(t, 10*time.Second, "the ledger counts what was sent again", func() error {
		s.waitStored()
		if err := s.getJSON("/api/v1/ledger", &total); err != nil {
			return err
		}
		for _, x := range total.Totals {
			if x.Signal == "traces" && x.Resent >= spansPerTrace && x.Balanced {
				return nil
			}
		}
		return fmt.Errorf("%+v", total.Totals)
	})
}

// gauge is a request of n series of one metric, first numbered from.
func gauge(name string, from, n int, at time.Time) pmetric.Metrics {
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr("service.name", "flood")
	m := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName(name)
	dps := m.SetEmptyGauge().DataPoints()
	for i := range n {
		p := dps.AppendEmpty()
		p.SetTimestamp(pcommon.NewTimestampFromTime(at))
		p.SetIntValue(int64(i))
		p.Attributes().PutInt("i", int64(from+i))
	}
	return md
}

// TestSeriesFlood is row 41: the sender is told how many points were refused and why, and the series that exist go on.
func TestSeriesFlood(t *testing.T) {
	t.Parallel()
	const bound = 5000
	s := start(t, append(quiet(), "STRATA_METRICS_MAX_SERIES="+strconv.Itoa(bound))...)
	conn, err := grpc.NewClient(s.run.OTLPGRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	client := pmetricotlp.NewGRPCClient(conn)
	send := func(md pmetric.Metrics) (int64, string) {
		resp, err := client.Export(t.Context(), pmetricotlp.NewExportRequestFromMetrics(md))
		require.NoError(t, err)
		return resp.PartialSuccess().RejectedDataPoints(), resp.PartialSuccess().ErrorMessage()
	}
	began := time.Now()
	refused, _ := send(gauge("known", 0, 100, began))
	require.Zero(t, refused)
	s.waitStored()
	before := s.memory(t)
	var told int64
	var message string
	for from := 0; from < 200_000; from += 2000 {
		n, msg := send(gauge("flood", from, 2000, time.Now()))
		told += n
		if msg != "" {
			message = msg
		} else {
			s.waitStored()
		}
	}
	require.Greater(t, told, int64(180_000))
	require.Contains(t, message, "series_limit")
	require.Contains(t, message, "metrics.max_series")
	// Mixed in one request, known series are taken and new ones are not; also by remote write.
	mixed := gauge("known", 0, 100, began.Add(time.Second))
	gauge("flood3", 0, 50, time.Now()).ResourceMetrics().MoveAndAppendTo(mixed.ResourceMetrics())
	refused, _ = send(mixed)
	require.Equal(t, int64(50), refused)
	s.waitStored()
	require.Less(t, s.memory(t)-before, int64(400<<20))
	var answer struct {
		Data struct {
			Result []struct {
				Value [2]any `json:"value"`
			} `json:"result"`
		} `json:"data"`
	}
	q := url.Values{"query": {`sum(count_over_time(known[10m]))`}, "time": {strconv.FormatInt(time.Now().Add(2*time.Second).Unix(), 10)}}
	require.NoError(t, s.getJSON("/prometheus/api/v1/query?"+q.Encode(), &answer))
	require.Equal(t, "200", answer.Data.Result[0].Value[1])
	for _, tot := range s.waitStored().Totals {
		require.True(t, tot.Balanced, "%+v", tot)
	}
}
