// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"

	"github.com/prometheus/prometheus/tsdb"
)

// part is a ClickHouse data part by its directory's name: partition, first and last block, level.
type part struct {
	partition   string
	first, last int
	level       int
	path        string
}

// tableBytes adds up the active parts of tables. A part that a merge has replaced stays on disk for some minutes; it is left out,
// recognised by a part of the same partition that covers its blocks.
func tableBytes(dataDir string, tables ...string) (int64, error) {
	total := int64(0)
	for _, table := range tables {
		parts, err := readParts(filepath.Join(dataDir, "clickhouse", "data", "strata", table))
		if err != nil {
			return 0, err
		}
		for _, p := range parts {
			if covered(p, parts) {
				continue
			}
			n, err := dirBytes(p.path)
			if err != nil {
				return 0, err
			}
			total += n
		}
	}
	return total, nil
}

func readParts(link string) ([]part, error) {
	dir, err := filepath.EvalSymlinks(link)
	if err != nil {
		return nil, fmt.Errorf("find table: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list parts: %w", err)
	}
	name := regexp.MustCompile(`^([^_]+)_(\d+)_(\d+)_(\d+)$`)
	var out []part
	for _, e := range entries {
		m := name.FindStringSubmatch(e.Name())
		if m == nil || !e.IsDir() {
			continue
		}
		p := part{partition: m[1], path: filepath.Join(dir, e.Name())}
		for i, dst := range []*int{&p.first, &p.last, &p.level} {
			if *dst, err = strconv.Atoi(m[i+2]); err != nil {
				return nil, fmt.Errorf("part %s: %w", e.Name(), err)
			}
		}
		out = append(out, p)
	}
	return out, nil
}

func covered(p part, parts []part) bool {
	for _, q := range parts {
		if q.path != p.path && q.partition == p.partition && q.first <= p.first && p.last <= q.last && q.level > p.level {
			return true
		}
	}
	return false
}

// dirBytes adds up the sizes of the files below dir. Files that go away meanwhile do not count.
func dirBytes(dir string) (int64, error) {
	total := int64(0)
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			var info fs.FileInfo
			if info, err = d.Info(); err == nil {
				total += info.Size()
			}
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("measure %s: %w", dir, err)
	}
	return total, nil
}

// dirsBytes adds up the sizes of the files below several directories, some of which need not be there.
func dirsBytes(dirs ...string) (int64, error) {
	total := int64(0)
	for _, dir := range dirs {
		n, err := dirBytes(dir)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

// sampleBytes opens the tsdb of a stopped server, ours or Prometheus, and writes its head as the block it would become two hours later.
// With 0 samples it does not say what they took before.
func (b *bench) sampleBytes(part, name, dir string, samples int) (err error) {
	wal, err := dirsBytes(filepath.Join(dir, "wal"), filepath.Join(dir, "wbl"), filepath.Join(dir, "chunks_head"))
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
