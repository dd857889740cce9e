// SPDX-License-Identifier: Apache-2.0

package check

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
)

func colouredLogs() plog.Logs {
	ld := plog.NewLogs()
	recs := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	add := func() plog.LogRecord {
		r := recs.AppendEmpty()
		r.SetTimestamp(now())
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

// TestColours: colour codes are taken out of bodies and texts of levels, of which the sender need not hear.
func TestColours(t *testing.T) {
	for name, keep := range map[string]bool{"taken out": false, "kept": true} {
		t.Run(name, func(t *testing.T) {
			l := DefaultLimits()
			l.KeepColours = keep
			ld, want := colouredLogs(), colouredLogs().ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
			require.Equal(t, Tally{Items: 3, Changed: !keep}, l.Logs(ld, now().AsTime()))
			got := ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
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
