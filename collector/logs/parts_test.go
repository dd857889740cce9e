// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver"
	"go.uber.org/zap"

	"github.com/strata-apm/strata/collector/logs/join"
	"github.com/strata-apm/strata/collector/logs/logstest"
	"github.com/strata-apm/strata/collector/logs/parse"
	"github.com/strata-apm/strata/collector/logs/parts"
	"github.com/strata-apm/strata/collector/logs/tail"
	"github.com/strata-apm/strata/collector/logs/when"
)

// newTestFiles returns a receiver of one set of files that reads nothing.
func newTestFiles(t *testing.T, format parse.Format) *files {
	t.Helper()
	set := receiver.Settings{TelemetrySettings: component.TelemetrySettings{Logger: zap.NewNop()}}
	f, err := newFiles(set, Config{Include: []string{"*.log"}, Multiline: true, Format: format, Timezone: "Asia/Shanghai", Times: when.DefaultLimits()}, nil, NewStats())
	require.NoError(t, err)
	return f
}

func allRecords(ld plog.Logs) []plog.LogRecord {
	var out []plog.LogRecord
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, lr := range sl.LogRecords().All() {
				out = append(out, lr)
			}
		}
	}
	return out
}

func numbers(records []plog.LogRecord) (part, last []int64) {
	for _, lr := range records {
		n, _ := lr.Attributes().AsRaw()[parts.AttrPart].(int64)
		all, _ := lr.Attributes().AsRaw()[parts.AttrParts].(int64)
		part, last = append(part, n), append(last, all)
	}
	return part, last
}

// TestPartsOfFiles: the parts of a line are numbered and have the first one's time and level, over batches, and no format is seen in them.
func TestPartsOfFiles(t *testing.T) {
	f := newTestFiles(t, parse.Auto)
	now := time.Now().UTC().Truncate(time.Second)
	ld, _ := f.records(tail.Batch{Path: "a.log", ID: "1-1", Records: []tail.Record{
		{Text: now.Format("2006-01-02T15:04:05Z") + " stderr F " + `E1129 x`, End: 10, Part: 1, Continues: true},
		{Text: `Jan  2 03:04:05 web-1 cron[1]: in the middle of a line`, Offset: 10, End: 20, Part: 2, Continues: true},
	}})
	more, _ := f.records(tail.Batch{Path: "a.log", ID: "1-1", Records: []tail.Record{{Text: "end", Offset: 20, End: 30, Part: 3}, {Text: "next", Offset: 30, End: 40}}})
	got := append(allRecords(ld), allRecords(more)...)
	nums, last := numbers(got)
	require.Equal(t, []int64{1, 2, 3, 0}, nums)
	require.Equal(t, []int64{0, 0, 3, 0}, last)
	require.Equal(t, `Jan  2 03:04:05 web-1 cron[1]: in the middle of a line`, got[1].Body().Str())
	for _, lr := range got[:3] {
		require.Equal(t, now, lr.Timestamp().AsTime())
		require.Equal(t, got[0].SeverityNumber(), lr.SeverityNumber())
		require.Equal(t, "stderr", lr.Attributes().AsRaw()["log.iostream"])
	}
	require.Zero(t, got[3].Timestamp())
}

// TestPartsOfContainers: what a runtime took apart and is longer than a record is numbered too, and no part is longer than one may be.
func TestPartsOfContainers(t *testing.T) {
	at := time.Now().UTC().Format("2006-01-02T15:04:05Z")
	var text strings.Builder
	for range 40 {
		text.WriteString(at + " stdout P " + strings.Repeat("x", 16<<10) + "\n")
	}
	text.WriteString(at + " stdout F end\n" + at + " stdout F next\n")
	f := newTestFiles(t, parse.Auto)
	var batch tail.Batch
	for _, r := range logstest.Split(join.Records, text.String()) {
		require.LessOrEqual(t, len(r), tail.MaxRecord)
		batch.Records = append(batch.Records, tail.Record{Text: r})
	}
	ld, _ := f.records(batch)
	got := allRecords(ld)
	nums, last := numbers(got)
	require.Equal(t, []int64{1, 2, 3, 0}, nums)
	require.Equal(t, []int64{0, 0, 3, 0}, last)
	var all strings.Builder
	for _, lr := range got[:3] {
		all.WriteString(lr.Body().Str())
	}
	require.Equal(t, strings.Repeat("x", 640<<10)+"end", all.String())
}

// TestPartsOfJournal: an entry of megabytes comes in parts.
func TestPartsOfJournal(t *testing.T) {
	g := NewStream(StreamOptions{Kind: KindJournald, Name: "journald"}, NewStats())
	ld := plog.NewLogs()
	slice := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	slice.AppendEmpty().Body().SetEmptyMap().PutStr("MESSAGE", "first")
	m := slice.AppendEmpty().Body().SetEmptyMap()
	m.PutStr("MESSAGE", strings.Repeat("é 1", 200_000))
	m.PutStr("PRIORITY", "3")
	require.True(t, g.Pass(t.Context(), ld, false))
	got := allRecords(ld)
	nums, last := numbers(got)
	require.Equal(t, []int64{0, 1, 2, 3, 4}, nums)
	require.Equal(t, []int64{0, 0, 0, 0, 4}, last)
	var text strings.Builder
	for _, lr := range got[1:] {
		require.LessOrEqual(t, len(lr.Body().Str()), tail.MaxRecord)
		require.Equal(t, plog.SeverityNumberError, lr.SeverityNumber())
		text.WriteString(lr.Body().Str())
	}
	require.Equal(t, strings.Repeat("é 1", 200_000), text.String())
}

// TestTimesOfLines: an ordinary line has the time at its head, within the limits, and lines that are joined have the first one's.
func TestTimesOfLines(t *testing.T) {
	zone, err := time.LoadLocation("Asia/Shanghai")
	require.NoError(t, err)
	now := time.Now().Truncate(time.Second)
	local := func(at time.Time) string { return at.In(zone).Format("2006-01-02 15:04:05") }
	hour := now.Add(-time.Hour)
	for name, c := range map[string]struct {
		format parse.Format
		text   string
		want   time.Time
		// original is what AttrOriginal says; then the time is the one of reading.
		original string
	}{
		"a line":               {parse.Auto, local(hour) + " INFO x", hour, ""},
		"in colours":           {parse.Auto, "\x1b[90m" + local(hour) + "\x1b[0m \x1b[32mINF\x1b[0m x", hour, ""},
		"lines":                {parse.Auto, local(hour) + " ERROR x\n" + local(now) + " y", hour, ""},
		"of another format":    {parse.Access, local(hour) + " x", hour, ""},
		"too old":              {parse.Auto, "2020-01-02T03:04:05Z INFO x", time.Time{}, "2020-01-02T03:04:05Z"},
		"ahead":                {parse.Auto, now.Add(time.Hour).UTC().Format(time.RFC3339) + " x", time.Time{}, now.Add(time.Hour).UTC().Format(time.RFC3339)},
		"nothing is taken off": {parse.None, local(hour) + " x", time.Unix(0, 0), ""},
		"no time":              {parse.Auto, "order of " + local(hour), time.Unix(0, 0), ""},
		"a container's":        {parse.Auto, now.UTC().Format(time.RFC3339) + " stdout F " + local(hour) + " x", now, ""},
	} {
		ld, _ := newTestFiles(t, c.format).records(tail.Batch{Path: "a.log", Records: []tail.Record{{Text: c.text}}})
		lr := allRecords(ld)[0]
		if c.original != "" {
			require.Equal(t, c.original, lr.Attributes().AsRaw()[when.AttrOriginal], name)
			require.Equal(t, lr.ObservedTimestamp(), lr.Timestamp(), name)
			continue
		}
		require.True(t, c.want.Equal(lr.Timestamp().AsTime()), "%s: %s", name, lr.Timestamp().AsTime())
		if c.format != parse.None && !strings.Contains(c.text, "stdout") {
			require.Equal(t, c.text, lr.Body().Str(), name)
		}
	}
}
