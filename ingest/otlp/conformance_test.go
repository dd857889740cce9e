// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/strata-apm/strata/ingest/intake"
	"github.com/strata-apm/strata/ingest/intaketest"
	"github.com/strata-apm/strata/signal"
)

// encoder is a request of pdata.
type encoder interface {
	MarshalProto() ([]byte, error)
	MarshalJSON() ([]byte, error)
}

func requestOf(s signal.Signal, recs []intaketest.Record) encoder {
	switch s {
	case signal.Metrics:
		return pmetricotlp.NewExportRequestFromMetrics(intaketest.Metrics(recs...))
	case signal.Traces:
		return ptraceotlp.NewExportRequestFromTraces(intaketest.Traces(recs...))
	default:
		return plogotlp.NewExportRequestFromLogs(intaketest.Logs(recs...))
	}
}

// rejected reads the partial success of an answer.
func rejected(tb testing.TB, s signal.Signal, asJSON bool, body []byte) int {
	tb.Helper()
	var n int64
	unmarshal := func(proto, json func([]byte) error) {
		if asJSON {
			require.NoError(tb, json(body))
		} else {
			require.NoError(tb, proto(body))
		}
	}
	switch s {
	case signal.Metrics:
		r := pmetricotlp.NewExportResponse()
		unmarshal(r.UnmarshalProto, r.UnmarshalJSON)
		n = r.PartialSuccess().RejectedDataPoints()
	case signal.Traces:
		r := ptraceotlp.NewExportResponse()
		unmarshal(r.UnmarshalProto, r.UnmarshalJSON)
		n = r.PartialSuccess().RejectedSpans()
	default:
		r := plogotlp.NewExportResponse()
		unmarshal(r.UnmarshalProto, r.UnmarshalJSON)
		n = r.PartialSuccess().RejectedLogRecords()
	}
	return int(n)
}

// serveGRPC serves gRPC on a port of its own until the test ends.
func serveGRPC(tb testing.TB, in *intake.Intake) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	srv := NewReceiver(in).NewGRPCServer(nil)
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	tb.Cleanup(func() {
		srv.Stop()
		require.NoError(tb, <-done)
	})
	return l.Addr().String()
}

// TestConformance runs the suite of every protocol over each signal and each way that OTLP comes.
func TestConformance(t *testing.T) {
	for _, s := range services() {
		for name, c := range map[string]struct {
			asJSON bool
			serve  func(testing.TB, *intake.Intake) intaketest.Sender
		}{
			"http": {false, func(tb testing.TB, in *intake.Intake) intaketest.Sender {
				tb.Helper()
				return intaketest.ServeHTTP(tb, NewReceiver(in).Handler(), s.Path(), contentProto)
			}},
			"json": {true, func(tb testing.TB, in *intake.Intake) intaketest.Sender {
				tb.Helper()
				return intaketest.ServeHTTP(tb, NewReceiver(in).Handler(), s.Path(), contentJSON)
			}},
			"grpc": {false, func(tb testing.TB, in *intake.Intake) intaketest.Sender {
				tb.Helper()
				return intaketest.GRPC(tb, serveGRPC(tb, in), "/"+s.Service()+"/Export")
			}},
		} {
			t.Run(string(s.Signal)+"/"+name, func(t *testing.T) {
				intaketest.Run(t, intaketest.Protocol{
					Signal: s.Signal, Serve: c.serve, Partial: intaketest.Taken,
					Codings: []intaketest.Coding{intaketest.CodingOf(intake.Gzip), intaketest.CodingOf(intake.Zstd)},
					Rejected: func(tb testing.TB, a intaketest.Answer) int {
						tb.Helper()
						return rejected(tb, s.Signal, c.asJSON, a.Body)
					},
					Encode: func(tb testing.TB, recs ...intaketest.Record) []byte {
						tb.Helper()
						req := requestOf(s.Signal, recs)
						marshal := req.MarshalProto
						if c.asJSON {
							marshal = req.MarshalJSON
						}
						body, err := marshal()
						require.NoError(tb, err)
						return body
					},
				})
			})
		}
	}
}
