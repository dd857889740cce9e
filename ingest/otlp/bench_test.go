// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/strata-apm/strata/ingest/bus"
	"github.com/strata-apm/strata/ingest/intake"
	"github.com/strata-apm/strata/internal/ledger"
)

// discardBus takes everything and keeps nothing.
type discardBus struct{}

func (discardBus) Produce(context.Context, string, ...bus.Record) error { return nil }

// BenchmarkExport takes requests of 500 spans from the HTTP handler to the bus: clean ones are scanned, others decoded and checked.
func BenchmarkExport(b *testing.B) {
	ldg, err := ledger.Open(b.TempDir(), slog.New(slog.DiscardHandler), time.Now)
	require.NoError(b, err)
	fill := func(_ int, s ptrace.Span) {
		for _, k := range []string{"http.request.method", "url.path", "server.address", "http.response.status_code", "user_agent.original"} {
			s.Attributes().PutStr(k, "some value of this attribute")
		}
	}
	clean := traces(500, fill)
	unclean := traces(500, func(i int, s ptrace.Span) {
		if fill(i, s); i == 250 {
			s.SetTraceID(pcommon.TraceID{})
		}
	})
	for _, c := range []struct {
		name, content string
		marshal       func() ([]byte, error)
	}{
		{"clean", contentProto, clean.MarshalProto},
		{"unclean", contentProto, unclean.MarshalProto},
		{"json", contentJSON, clean.MarshalJSON},
	} {
		body, err := c.marshal()
		require.NoError(b, err)
		b.Run(c.name, func(b *testing.B) {
			cfg := intake.DefaultConfig()
			cfg.InFlightBytes = 256 << 20
			h := NewReceiver(intake.New(intake.Options{Config: cfg, Producer: discardBus{}, Ledger: ldg})).Handler()
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/v1/traces", bytes.NewReader(body))
				r.Header.Set("Content-Type", c.content)
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				require.Equal(b, http.StatusOK, w.Code)
			}
		})
	}
}
