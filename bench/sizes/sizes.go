// SPDX-License-Identifier: Apache-2.0

// Package sizes measures what stores keep on disk.
package sizes

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
)

// part is a ClickHouse data part by its directory's name: partition, first and last block, level.
type part struct {
	partition   string
	first, last int
	level       int
	path        string
}

// Tables adds up the active parts of tables. A part that a merge has replaced stays on disk for some minutes; it is left out,
// recognised by a part of the same partition that covers its blocks.
func Tables(dataDir string, tables ...string) (int64, error) {
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
			n, err := Dir(p.path)
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

// Dir adds up the sizes of the files below dir. Files that go away meanwhile do not count.
func Dir(dir string) (int64, error) {
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

// Dirs adds up the sizes of the files below several directories, some of which need not be there.
func Dirs(dirs ...string) (int64, error) {
	total := int64(0)
	for _, dir := range dirs {
		n, err := Dir(dir)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}
