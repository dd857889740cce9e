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

// Gate is what records of a source that is no file pass: they are given their names, masked, limited and counted.
type Gate struct {
	kind     string
	drop     bool
	masker   *mask.Masker
	limit    *limiter
	counters *Counters
}

// GateOptions are what a Gate works with.
type GateOptions struct {
	Kind string
	// Name is the source's on the status board.
	Name string
	// Drop says that the source cannot wait: what is too much is dropped and counted. Otherwise the source is held back.
	Drop                bool
	Mask                bool
	MaxRecordsPerSecond int
}

// NewGate returns a Gate.
func NewGate(opts GateOptions, stats *Stats) *Gate {
	g := &Gate{kind: opts.Kind, drop: opts.Drop, limit: newLimiter(opts.MaxRecordsPerSecond, time.Now()), counters: stats.Source([]string{opts.Name})}
	if opts.Mask {
		g.masker = mask.New()
	}
	return g
}

// Pass prepares the records and says whether they go on. full says that the queue has no space now.
func (g *Gate) Pass(ctx context.Context, ld plog.Logs, full bool) bool {
	n := ld.LogRecordCount()
	if g.drop && (full || !g.limit.try(n, time.Now())) {
		g.counters.Dropped.Add(int64(n))
		return false
	}
	if !g.drop {
		if waited := g.limit.wait(ctx, n); waited > 0 {
			g.counters.HeldBack.Add(int64(n))
			g.counters.HeldBackMillis.Add(waited.Milliseconds())
		}
	}
	size := int64(0)
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, lr := range sl.LogRecords().All() {
				size += g.prepare(lr)
			}
			parts.CutBodies(sl.LogRecords())
		}
	}
	g.counters.Records.Add(int64(n))
	g.counters.Bytes.Add(size)
	return true
}

// Lost counts records that had passed and found no space after all.
func (g *Gate) Lost(n int) {
	g.counters.Records.Add(-int64(n))
	g.counters.Dropped.Add(int64(n))
}

func (g *Gate) prepare(lr plog.LogRecord) int64 {
	if g.kind == KindJournald {
		parse.Journal(lr)
	}
	if lr.Body().Type() != pcommon.ValueTypeStr {
		return 0
	}
	text := lr.Body().Str()
	levels.Fill(lr)
	if g.masker != nil {
		if without, n := g.masker.Mask(text); n > 0 {
			g.counters.Masked.Add(int64(n))
			lr.Body().SetStr(without)
		}
	}
	return int64(len(text))
}
