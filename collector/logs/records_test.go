// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver"
	"go.uber.org/zap"

	"github.com/strata-apm/strata/collector/logs/join"
	"github.com/strata-apm/strata/collector/logs/parse"
	"github.com/strata-apm/strata/collector/logs/tail"
	"github.com/strata-apm/strata/collector/logs/when"
)

// untilOffset is Queued for one that has everything before an offset.
type untilOffset int64

func (u untilOffset) Repeats(_ context.Context, _, _ string, _, end int64) bool {
	return end <= int64(u)
}

// TestRecordsThatWereQueued: what an earlier run queued is not handed over, and its parts are known to the ones behind it.
func TestRecordsThatWereQueued(t *testing.T) {
	f, sink := newTestFiles(t, parse.Auto), new(consumertest.LogsSink)
	f.next, f.queued = sink, untilOffset(20)
	batch := tail.Batch{Path: "a.log", ID: "1-1", Head: []byte("c"), Records: []tail.Record{
		{Text: "ERROR a", Offset: 0, End: 10},
		{Text: "WARN b", Offset: 10, End: 20, Part: 1, Continues: true},
		{Text: "of b", Offset: 20, End: 30, Part: 2},
		{Text: "c", Offset: 30, End: 40},
	}}
	f.emit(t.Context(), batch)
	require.Equal(t, []string{"of b", "c"}, texts(sink))
	records := allRecords(sink.AllLogs()[0])
	require.Equal(t, "WARN", records[0].SeverityText())
	require.NotContains(t, records[0].Attributes().AsRaw(), AttrFileOffset, "the mark is made of the last one")
	last := records[1].Attributes().AsRaw()
	require.Equal(t, []any{int64(30), int64(40), "1-1", "c"}, []any{last[AttrFileOffset], last[AttrFileEnd], last[AttrFileID], last[AttrHead]})
	require.Equal(t, int64(2), f.counters.Records.Load())
	require.Equal(t, int64(20), f.counters.Bytes.Load())
	f.queued = untilOffset(40)
	f.emit(t.Context(), batch)
	require.Len(t, sink.AllLogs(), 1, "nothing is left of it")
}

var errDisk = errors.New("disk")

// TestRecordsAreMadeAgain: after an error the next one gets all records as they were, although it changed the ones it had, and they are counted once.
func TestRecordsAreMadeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, sink, failures := newTestFiles(t, parse.Auto), new(consumertest.LogsSink), 2
		next, err := consumer.NewLogs(func(ctx context.Context, ld plog.Logs) error {
			if failures--; failures >= 0 {
				ld.ResourceLogs().RemoveIf(func(plog.ResourceLogs) bool { return true })
				return errDisk
			}
			return sink.ConsumeLogs(ctx, ld)
		})
		require.NoError(t, err)
		f.next = sink
		f.emit(t.Context(), tail.Batch{Path: "a.log", Records: []tail.Record{{Text: "WARN long", End: 10, Part: 1, Continues: true}}})
		f.next = next
		f.emit(t.Context(), tail.Batch{Path: "a.log", Records: []tail.Record{{Text: "rest", Offset: 10, End: 20, Part: 2}, {Text: "next", Offset: 20, End: 30}}})
		require.Equal(t, []string{"WARN long", "rest", "next"}, texts(sink))
		require.Equal(t, "WARN", allRecords(sink.AllLogs()[1])[0].SeverityText())
		require.Equal(t, int64(3), f.counters.Records.Load())
	})
}

// BenchmarkLines is the way of 1000 lines of a log from a buffer to the next consumer: cut, masked, taken apart, dated.
func BenchmarkLines(b *testing.B) {
	set := receiver.Settings{TelemetrySettings: component.TelemetrySettings{Logger: zap.NewNop()}}
	f, err := newFiles(set, Config{Include: []string{"*.log"}, Multiline: true, Mask: true, Times: when.DefaultLimits()}, consumertest.NewNop(), NewStats())
	if err != nil {
		b.Fatal(err)
	}
	var text []byte
	for i := range 1000 {
		text = fmt.Appendf(text, "%s INFO checkout order %08x placed in %d ms, payment card, total %d.%02d EUR, trace %032x\n",
			time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), i, i%500, i%300, i%100, i)
	}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		batch := tail.Batch{Path: "/var/log/shop.log", ID: "1-1"}
		for pos := 0; pos < len(text); {
			n, line := join.Records(text[pos:], true)
			batch.Records = append(batch.Records, tail.Record{Text: string(line), Offset: int64(pos), End: int64(pos + n)})
			pos += n
		}
		f.emit(b.Context(), batch)
	}
}
