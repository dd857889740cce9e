// SPDX-License-Identifier: Apache-2.0

package parts

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/strata-apm/strata/collector/logs/cri"
	"github.com/strata-apm/strata/collector/logs/tail"
)

// first is a record that has all that the parts behind it take from it.
func first() plog.LogRecord {
	lr := plog.NewLogRecord()
	lr.Body().SetStr("first")
	lr.SetTimestamp(5)
	lr.SetSeverityText("WARN")
	lr.SetSeverityNumber(plog.SeverityNumberWarn)
	lr.SetTraceID([16]byte{1})
	lr.SetSpanID([8]byte{2})
	lr.Attributes().PutStr(cri.AttrStream, "stderr")
	lr.Attributes().PutStr("other", "x")
	return lr
}

func taken(t *testing.T, lr plog.LogRecord) {
	t.Helper()
	require.Equal(t, pcommon.Timestamp(5), lr.Timestamp())
	require.Equal(t, plog.SeverityNumberWarn, lr.SeverityNumber())
	require.Equal(t, "WARN", lr.SeverityText())
	require.Equal(t, pcommon.TraceID{1}, lr.TraceID())
	require.Equal(t, pcommon.SpanID{2}, lr.SpanID())
	require.Equal(t, "stderr", lr.Attributes().AsRaw()[cri.AttrStream])
	require.NotContains(t, lr.Attributes().AsRaw(), "other", "attributes of the first part are its own")
}

// TestFollow: a part has what the first one of its file told, until the last one.
func TestFollow(t *testing.T) {
	m := NewMemory()
	m.Note("a", 1, true, first())
	for _, part := range []int{2, 3} {
		lr := plog.NewLogRecord()
		m.Follow("a", "more", lr)
		require.Equal(t, "more", lr.Body().Str())
		taken(t, lr)
		m.Note("a", part, part < 3, lr)
	}
	for _, file := range []string{"a", "b"} {
		lr := plog.NewLogRecord()
		m.Follow(file, "of a line before", lr)
		require.Zero(t, lr.Timestamp(), file)
		require.Equal(t, "of a line before", lr.Body().Str())
	}
	require.Empty(t, m.known)
	m.Note("a", 2, true, first())
	require.Empty(t, m.known, "after a restart nobody knows the first part")
}

// TestContainer: the parts of a container's line are numbered for each of its outputs.
func TestContainer(t *testing.T) {
	m := NewMemory()
	const stamp = "2026-01-02T10:00:00.1Z "
	number := func(text string) (part, all any) {
		lr := plog.NewLogRecord()
		m.Container("a", text, lr)
		raw := lr.Attributes().AsRaw()
		return raw[AttrPart], raw[AttrParts]
	}
	for _, c := range []struct {
		text      string
		part, all any
	}{
		{"no container's line", nil, nil},
		{stamp + "stdout F whole", nil, nil},
		{stamp + "stdout P one", int64(1), nil},
		{stamp + "stderr P other", int64(1), nil},
		{stamp + "stdout P two\n" + stamp + "stdout P three", int64(2), nil},
		{stamp + "stderr F end", int64(2), int64(2)},
		{stamp + "stdout F end", int64(3), int64(3)},
		{stamp + "stdout F next", nil, nil},
	} {
		part, all := number(c.text)
		require.Equal(t, c.part, part, c.text)
		require.Equal(t, c.all, all, c.text)
	}
	require.Empty(t, m.known)

	m.Container("a", stamp+"stderr P x", first())
	lr := plog.NewLogRecord()
	m.Container("a", stamp+"stderr P y", lr)
	taken(t, lr)
}

// TestCutBodies: a body that is too long is cut between characters, its attributes are on every part, and the order stays.
func TestCutBodies(t *testing.T) {
	records := plog.NewLogRecordSlice()
	CutBodies(records)
	require.Zero(t, records.Len())
	records.AppendEmpty().Body().SetStr("short")
	records.AppendEmpty().Body().SetEmptyMap().PutStr("k", strings.Repeat("x", 2*tail.MaxRecord))
	CutBodies(records)
	require.Equal(t, 2, records.Len(), "what fits and what is no text stays")

	long := records.AppendEmpty()
	text := strings.Repeat("é", tail.MaxRecord+1)
	long.Body().SetStr(text)
	long.SetTimestamp(7)
	long.Attributes().PutStr("k", "v")
	records.AppendEmpty().Body().SetStr("behind")
	CutBodies(records)
	require.Equal(t, 6, records.Len())
	require.Equal(t, "short", records.At(0).Body().Str())
	require.Equal(t, "behind", records.At(5).Body().Str())
	var all strings.Builder
	for i := 2; i < 5; i++ {
		lr := records.At(i)
		require.LessOrEqual(t, len(lr.Body().Str()), tail.MaxRecord)
		require.Zero(t, len(lr.Body().Str())%2, "no character is cut")
		require.Equal(t, pcommon.Timestamp(7), lr.Timestamp())
		want := map[string]any{"k": "v", AttrPart: int64(i - 1)}
		if i == 4 {
			want[AttrParts] = int64(3)
		}
		require.Equal(t, want, lr.Attributes().AsRaw())
		all.WriteString(lr.Body().Str())
	}
	require.Equal(t, text, all.String())
}
