// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"

	"github.com/strata-apm/strata/signal"
)

func colouredLogs() plog.Logs {
	ld := plog.NewLogs()
	recs := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	add := func() plog.LogRecord {
		r := recs.AppendEmpty()
		r.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
		return r
	}
	r := add()
	r.Body().SetStr("\x1b[31mERROR\x1b[0m declined")
	r.Attributes().PutStr("raw", "\x1b[1mx")
	m := add().Body().SetEmptyMap()
	m.PutStr("a", "\x1b[32mok\x1b[0m")
	m.PutEmptySlice("l").AppendEmpty().SetStr("\x1b[mx")
	add().SetSeverityText("\x1b[33mWARN\x1b[0m")
	return ld
}

// Colour codes are taken out of bodies and texts of levels, whichever way they come, and the sender hears of a full success.
func TestColours(t *testing.T) {
	for name, keep := range map[string]bool{"taken out": false, "kept": true} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.recv.limits.KeepColours = keep
			resp, err := plogotlp.NewGRPCClient(f.dial(t)).Export(t.Context(), plogotlp.NewExportRequestFromLogs(colouredLogs()))
			require.NoError(t, err)
			require.Empty(t, resp.PartialSuccess().ErrorMessage())
			kept := plogotlp.NewExportRequest()
			require.NoError(t, kept.UnmarshalProto(f.bus.recs[signal.Logs.Topic()][0].Value))
			got := kept.Logs().ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
			want := colouredLogs().ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
			if !keep {
				want.At(0).Body().SetStr("ERROR declined")
				want.At(1).Body().Map().PutStr("a", "ok")
				want.At(1).Body().Map().PutEmptySlice("l").AppendEmpty().SetStr("x")
				want.At(2).SetSeverityText("WARN")
			}
			for i := range want.Len() {
				require.Equal(t, want.At(i).Body().AsRaw(), got.At(i).Body().AsRaw())
				require.Equal(t, want.At(i).SeverityText(), got.At(i).SeverityText())
				require.Equal(t, want.At(i).Attributes().AsRaw(), got.At(i).Attributes().AsRaw())
			}
		})
	}
}
