// SPDX-License-Identifier: Apache-2.0

package vulture

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
)

const (
	serviceName = "strata-vulture"
	metricName  = "vulture.sequence"
	seriesName  = "vulture_sequence"
	// instances is how many resources take turns, so that every partition of the bus gets some.
	instances = 16
	// exportTimeout is when a request that has no answer counts as uncertain.
	exportTimeout = 10 * time.Second
)

// run is one run of the checker: its id, and where it writes.
type run struct {
	id    [8]byte
	conns []*grpc.ClientConn
	opts  Options
}

func (r *run) name() string { return hex.EncodeToString(r.id[:]) }

func dial(endpoints []string) ([]*grpc.ClientConn, error) {
	var out []*grpc.ClientConn
	for _, e := range endpoints {
		conn, err := grpc.NewClient(e, grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithConnectParams(grpc.ConnectParams{MinConnectTimeout: 2 * time.Second}))
		if err != nil {
			closeAll(out)
			return nil, fmt.Errorf("connect to %s: %w", e, err)
		}
		out = append(out, conn)
	}
	return out, nil
}

func closeAll(conns []*grpc.ClientConn) {
	for _, c := range conns {
		_ = c.Close()
	}
}

// export sends request seq of one signal with data of time at.
type export func(ctx context.Context, seq uint64, at time.Time) error

// conn is where request seq goes.
func (r *run) conn(seq uint64) *grpc.ClientConn { return r.conns[seq%uint64(len(r.conns))] }

func (r *run) exports() map[string]export {
	return map[string]export{
		signalTraces: func(ctx context.Context, seq uint64, at time.Time) error {
			_, err := ptraceotlp.NewGRPCClient(r.conn(seq)).Export(ctx, ptraceotlp.NewExportRequestFromTraces(r.trace(seq, at)))
			return err // Only whether there is one matters.
		},
		signalLogs: func(ctx context.Context, seq uint64, at time.Time) error {
			_, err := plogotlp.NewGRPCClient(r.conn(seq)).Export(ctx, plogotlp.NewExportRequestFromLogs(r.logs(seq, at)))
			return err // As above.
		},
		signalMetrics: func(ctx context.Context, seq uint64, at time.Time) error {
			_, err := pmetricotlp.NewGRPCClient(r.conn(seq)).Export(ctx, pmetricotlp.NewExportRequestFromMetrics(r.metrics(seq, at)))
			return err // As above.
		},
	}
}

// write sends requests of one signal, one after the other, until ctx ends. Timestamps are whole milliseconds and never repeat, so that a
// sample is known by its time.
func (r *run) write(ctx context.Context, send export, w *windows) {
	tick := time.NewTicker(time.Duration(float64(time.Second) / r.opts.Rate))
	defer tick.Stop()
	var last time.Time
	for seq := uint64(0); ctx.Err() == nil; seq++ {
		at := time.Now().Truncate(time.Millisecond)
		if !at.After(last) {
			at = last.Add(time.Millisecond)
		}
		last = at
		// A request under way is finished: whether it was acknowledged must be known.
		call, cancel := context.WithTimeout(context.WithoutCancel(ctx), exportTimeout)
		if r.opts.IngestKey != "" {
			call = metadata.AppendToOutgoingContext(call, "authorization", "Bearer "+r.opts.IngestKey)
		}
		err := send(call, seq, at)
		cancel()
		w.note(seq, at, err == nil)
		if err != nil {
			r.opts.Logger.Debug("request not acknowledged", "seq", seq, "err", err)
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

func (r *run) resource(seq uint64, attrs pcommon.Map) {
	attrs.PutStr("service.name", serviceName)
	attrs.PutStr("service.instance.id", fmt.Sprintf("%s-%d", r.name(), seq%instances))
}

// traceID is the run and the sequence number.
func (r *run) traceID(seq uint64) pcommon.TraceID {
	var id pcommon.TraceID
	copy(id[:8], r.id[:])
	binary.BigEndian.PutUint64(id[8:], seq)
	return id
}

func (r *run) trace(seq uint64, at time.Time) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	r.resource(seq, rs.Resource().Attributes())
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	for i := range perRequest {
		s := spans.AppendEmpty()
		s.SetTraceID(r.traceID(seq))
		s.SetSpanID(pcommon.SpanID{byte(i + 1)})
		if i > 0 {
			s.SetParentSpanID(pcommon.SpanID{1})
		}
		s.SetName("step " + string(rune('a'+i)))
		s.SetStartTimestamp(pcommon.NewTimestampFromTime(at))
		s.SetEndTimestamp(pcommon.NewTimestampFromTime(at.Add(time.Millisecond)))
		s.Attributes().PutStr("vulture.run", r.name())
	}
	return td
}

// body is the text of record part of request seq.
func (r *run) body(seq uint64, part int) string {
	return fmt.Sprintf("vulture %s %d %d", r.name(), seq, part)
}

func (r *run) logs(seq uint64, at time.Time) plog.Logs {
	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	r.resource(seq, rl.Resource().Attributes())
	recs := rl.ScopeLogs().AppendEmpty().LogRecords()
	for i := range perRequest {
		rec := recs.AppendEmpty()
		rec.SetTimestamp(pcommon.NewTimestampFromTime(at))
		rec.SetSeverityNumber(plog.SeverityNumberInfo)
		rec.Body().SetStr(r.body(seq, i))
		rec.Attributes().PutStr("vulture.run", r.name())
	}
	return ld
}

// metrics are one sample of each of five series; the value is the sequence number.
func (r *run) metrics(seq uint64, at time.Time) pmetric.Metrics {
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	r.resource(seq, rm.Resource().Attributes())
	m := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName(metricName)
	dps := m.SetEmptyGauge().DataPoints()
	for i := range perRequest {
		p := dps.AppendEmpty()
		p.SetTimestamp(pcommon.NewTimestampFromTime(at))
		p.SetIntValue(int64(seq)) //nolint:gosec // A count that starts at 0.
		p.Attributes().PutStr("run", r.name())
		p.Attributes().PutStr("part", string(rune('0'+i)))
	}
	return md
}
