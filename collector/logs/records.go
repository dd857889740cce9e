// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.uber.org/zap"

	"github.com/strata-apm/strata/backoff"
	"github.com/strata-apm/strata/collector/logs/levels"
	"github.com/strata-apm/strata/collector/logs/parts"
	"github.com/strata-apm/strata/collector/logs/tail"
)

// emit hands records over. It returns only when they are queued. So records that wait for a full queue wait until the process ends, and
// are read again by the next one.
func (f *files) emit(ctx context.Context, batch tail.Batch) {
	f.skip(ctx, &batch)
	n := len(batch.Records)
	if n == 0 {
		return
	}
	if waited := f.limit.wait(ctx, n); waited > 0 {
		f.counters.HeldBack.Add(int64(n))
		f.counters.HeldBackMillis.Add(waited.Milliseconds())
	}
	file := fileOf(batch)
	before := f.parts.Keep(file)
	for retry := backoff.New(retryFirst, retryMost); ; {
		ld, masked := f.records(batch)
		err := f.next.ConsumeLogs(context.WithoutCancel(ctx), ld)
		if err == nil {
			f.counters.Records.Add(int64(n))
			f.counters.Masked.Add(int64(masked))
			f.counters.Bytes.Add(size(batch))
			return
		}
		f.set.Logger.Error("log records not queued, trying again", zap.Error(err))
		f.parts.Restore(file, before)              // The records are made anew: the next one may have changed what it was given.
		_ = retry.Wait(context.WithoutCancel(ctx)) // It never ends before its time.
	}
}

// skip takes the records off that an earlier run has queued. They come first. Their parts are noted for the ones behind them.
func (f *files) skip(ctx context.Context, batch *tail.Batch) {
	if f.queued == nil || batch.ID == "" {
		return
	}
	for len(batch.Records) > 0 {
		r := batch.Records[0]
		if !f.queued.Repeats(ctx, batch.ID, batch.Path, r.Offset, r.End) {
			return
		}
		f.fill(fileOf(*batch), r, r.Text, plog.NewLogRecord())
		batch.Records = batch.Records[1:]
	}
}

// fileOf is what the parts of a file's records are known by.
func fileOf(batch tail.Batch) string {
	if batch.ID == "" {
		return batch.Path
	}
	return batch.ID
}

// size is how many bytes the records are in their file.
func size(batch tail.Batch) int64 {
	total := int64(0)
	for _, r := range batch.Records {
		total += r.End - r.Offset
	}
	return total
}

// records makes the records of a batch, and tells how many secrets it replaced in them.
func (f *files) records(batch tail.Batch) (plog.Logs, int) {
	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	for k, v := range f.cfg.Resource {
		rl.Resource().Attributes().PutStr(k, v)
	}
	records, read := rl.ScopeLogs().AppendEmpty().LogRecords(), time.Now()
	now := pcommon.NewTimestampFromTime(read)
	records.EnsureCapacity(len(batch.Records))
	masked, file := 0, fileOf(batch)
	for i, r := range batch.Records {
		text := r.Text
		if f.masker != nil {
			var n int
			text, n = f.masker.Mask(text)
			masked += n
		}
		lr := records.AppendEmpty()
		lr.SetObservedTimestamp(now)
		f.fill(file, r, text, lr)
		f.cfg.Times.Apply(lr, read)
		a := lr.Attributes()
		a.EnsureCapacity(a.Len() + len(f.cfg.Attributes) + 1)
		for k, v := range f.cfg.Attributes {
			a.PutStr(k, v)
		}
		a.PutStr(AttrFilePath, batch.Path)
		if batch.ID != "" && i == len(batch.Records)-1 {
			a.PutInt(AttrFileOffset, r.Offset)
			a.PutInt(AttrFileEnd, r.End)
			a.PutStr(AttrFileID, batch.ID)
			a.PutStr(AttrHead, string(batch.Head))
		}
	}
	return ld, masked
}

// fill makes the record of its text.
func (f *files) fill(file string, r tail.Record, text string, lr plog.LogRecord) {
	if r.Part > 1 {
		f.parts.Follow(file, text, lr)
	} else {
		f.parser.Parse(text, lr)
		f.parser.HeadTime(text, lr)
		levels.Fill(lr)
	}
	if r.Part == 0 {
		f.parts.Container(file, text, lr)
		return
	}
	f.parts.Note(file, r.Part, r.Continues, lr)
	parts.Set(lr, r.Part, !r.Continues)
}
