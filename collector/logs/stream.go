// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/strata-apm/strata/collector/logs/levels"
	"github.com/strata-apm/strata/collector/logs/mask"
	"github.com/strata-apm/strata/collector/logs/parse"
	"github.com/strata-apm/strata/collector/logs/parts"
)

// Kinds of sources that hand over whole records.
const (
	KindSyslog   = "syslog"
	KindJournald = "journald"
)

// Stream is a source that is no file and hands over whole records: they are given their names, masked, limited and counted.
type Stream struct {
	kind     string
	drop     bool
	masker   *mask.Masker
	limit    *limiter
	counters *Counters
}

// StreamOptions are what a Stream works with.
type StreamOptions struct {
	// Kind is KindSyslog or KindJournald.
	Kind string
	// Name is the source's on the status board.
	Name string
	// Drop says that the source cannot wait: what is too much is dropped and counted. Otherwise the source is held back.
	Drop bool
	// Mask replaces secrets.
	Mask bool
	// MaxRecordsPerSecond is how many records pass in a second; 0 is as many as there are.
	MaxRecordsPerSecond int
}

// NewStream returns a Stream.
func NewStream(opts StreamOptions, stats *Stats) *Stream {
	s := &Stream{kind: opts.Kind, drop: opts.Drop, limit: newLimiter(opts.MaxRecordsPerSecond, time.Now()), counters: stats.Source([]string{opts.Name})}
	if opts.Mask {
		s.masker = mask.New()
	}
	return s
}

// Pass prepares the records and says whether they go on. full says that the queue has no space now.
func (s *Stream) Pass(ctx context.Context, ld plog.Logs, full bool) bool {
	n := ld.LogRecordCount()
	if s.drop && (full || !s.limit.try(n, time.Now())) {
		s.counters.Dropped.Add(int64(n))
		return false
	}
	if !s.drop {
		if waited := s.limit.wait(ctx, n); waited > 0 {
			s.counters.HeldBack.Add(int64(n))
			s.counters.HeldBackMillis.Add(waited.Milliseconds())
		}
	}
	size := int64(0)
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, lr := range sl.LogRecords().All() {
				size += s.prepare(lr)
			}
			parts.CutBodies(sl.LogRecords())
		}
	}
	s.counters.Records.Add(int64(n))
	s.counters.Bytes.Add(size)
	return true
}

// Lost counts records that had passed and found no space after all.
func (s *Stream) Lost(n int) {
	s.counters.Records.Add(-int64(n))
	s.counters.Dropped.Add(int64(n))
}

func (s *Stream) prepare(lr plog.LogRecord) int64 {
	if s.kind == KindJournald {
		parse.Journal(lr)
	}
	if lr.Body().Type() != pcommon.ValueTypeStr {
		return 0
	}
	text := lr.Body().Str()
	levels.Fill(lr)
	if s.masker != nil {
		if without, n := s.masker.Mask(text); n > 0 {
			s.counters.Masked.Add(int64(n))
			lr.Body().SetStr(without)
		}
	}
	return int64(len(text))
}
