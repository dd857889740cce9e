// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"path/filepath"

	"github.com/prometheus/prometheus/tsdb"

	"github.com/strata-apm/strata/bench/sizes"
)

// sampleBytes opens the tsdb of a stopped server, ours or Prometheus, and writes its head as the block it would become two hours later.
// With 0 samples it does not say what they took before.
func (b *bench) sampleBytes(part, name, dir string, samples int) (err error) {
	wal, err := sizes.Dirs(filepath.Join(dir, "wal"), filepath.Join(dir, "wbl"), filepath.Join(dir, "chunks_head"))
	if err != nil {
		return err
	}
	if samples > 0 {
		b.add(part+": disk, WAL and head chunks before compaction"+suffix(name), "B/sample", "", float64(wal)/float64(samples))
	}
	opts := tsdb.DefaultOptions()
	opts.RetentionDuration = math.MaxInt64 / 4
	db, err := tsdb.Open(dir, slog.New(slog.DiscardHandler), nil, opts, nil)
	if err != nil {
		return fmt.Errorf("open tsdb: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	head := db.Head()
	inHead := head.NumSeries()
	if err := db.CompactHead(tsdb.NewRangeHead(head, head.MinTime(), head.MaxTime())); err != nil {
		return fmt.Errorf("write block: %w", err)
	}
	blocks, stored := int64(0), uint64(0)
	for _, block := range db.Blocks() {
		blocks += block.Size()
		stored += block.Meta().Stats.NumSamples
	}
	if stored == 0 {
		return errors.New("the block is empty")
	}
	goal := ""
	if name == ours && (part == "metrics" || part == "recorded") {
		goal = "≤ 1.3"
	}
	b.add(part+": disk, block of two hours"+suffix(name), "B/sample", goal, float64(blocks)/float64(stored))
	b.add(part+": series"+suffix(name), "series", "", float64(inHead))
	return nil
}
