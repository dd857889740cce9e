// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/strata-apm/strata/atomicfile"
	"github.com/strata-apm/strata/signal"
)

// snapshot is the file that is written often: totals, offsets and the rows of minutes that can still change.
type snapshot struct {
	Totals  map[signal.Signal]*Counts `json:"totals"`
	Offsets map[string]offsets        `json:"offsets"`
	Flushed int64                     `json:"flushed_minute"`
	Rows    []Row                     `json:"rows"`
}

const (
	snapshotName = "ledger.json"
	dayFormat    = "2006-01-02.jsonl"
)

func sortRows(rows []Row) {
	slices.SortFunc(rows, func(a, b Row) int {
		return cmp.Or(b.Minute.Compare(a.Minute), cmp.Compare(a.Signal, b.Signal), cmp.Compare(a.Source, b.Source))
	})
}

// Save writes the snapshot and moves the rows of finished minutes to their day's file. A crash in between writes a row twice with
// the same key, which load takes as one.
func (l *Ledger) Save() error {
	l.saveMu.Lock()
	defer l.saveMu.Unlock()
	l.mu.Lock()
	now := l.now().Unix() / 60
	snap := snapshot{Offsets: l.offsets, Totals: l.totals, Flushed: now - 1}
	var done []Row
	for k, c := range l.rows {
		row := Row{Minute: time.Unix(k.minute*60, 0).UTC(), Signal: k.signal, Source: k.source, Counts: c.clone()}
		switch {
		case k.minute >= now:
			snap.Rows = append(snap.Rows, row)
		case k.minute > l.flushed:
			done = append(done, row)
		case k.minute < now-keepMinutes:
			delete(l.rows, k)
		}
	}
	b, err := json.Marshal(snap)
	l.mu.Unlock()
	if err != nil {
		return fmt.Errorf("encode ledger: %w", err)
	}
	if err := l.appendDays(done); err != nil {
		return err
	}
	if err := atomicfile.Write(filepath.Join(l.dir, snapshotName), b, 0o600); err != nil {
		return fmt.Errorf("keep ledger: %w", err)
	}
	l.mu.Lock()
	l.flushed = max(l.flushed, now-1)
	l.mu.Unlock()
	return nil
}

func (l *Ledger) appendDays(rows []Row) error {
	sortRows(rows)
	byDay := map[string]*bytes.Buffer{}
	for _, r := range rows {
		day := r.Minute.Format(dayFormat)
		if byDay[day] == nil {
			byDay[day] = &bytes.Buffer{}
		}
		if err := json.NewEncoder(byDay[day]).Encode(r); err != nil {
			return fmt.Errorf("encode ledger row: %w", err)
		}
	}
	for day, b := range byDay {
		f, err := os.OpenFile(filepath.Join(l.dir, day), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600) //nolint:gosec // A date under the data directory.
		if err != nil {
			return fmt.Errorf("open ledger day: %w", err)
		}
		if _, err := f.Write(b.Bytes()); err != nil {
			return errors.Join(fmt.Errorf("append ledger day: %w", err), f.Close())
		}
		if err := f.Close(); err != nil {
			return fmt.Errorf("close ledger day: %w", err)
		}
	}
	return nil
}

func (l *Ledger) load() error {
	now := l.now()
	for _, day := range []time.Time{now.Add(-24 * time.Hour), now} {
		if err := l.loadDay(filepath.Join(l.dir, day.UTC().Format(dayFormat))); err != nil {
			return err
		}
	}
	b, err := os.ReadFile(filepath.Join(l.dir, snapshotName))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read ledger: %w", err)
	}
	var snap snapshot
	if err := json.Unmarshal(b, &snap); err != nil {
		// Power loss can leave an empty file. The counts are an account of the data, not the data: start a new page, say so.
		l.logger.Error("the ledger is damaged and starts anew", "err", err)
		return nil
	}
	maps.Copy(l.totals, snap.Totals)
	maps.Copy(l.offsets, snap.Offsets)
	l.flushed = snap.Flushed
	for _, r := range snap.Rows {
		l.rows[rowKey{r.Minute.Unix() / 60, r.Signal, r.Source}] = &r.Counts
	}
	return nil
}

func (l *Ledger) loadDay(path string) error {
	f, err := os.Open(path) //nolint:gosec // Under the data directory.
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open ledger day: %w", err)
	}
	defer func() { _ = f.Close() }()
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		var r Row
		if json.Unmarshal(sc.Bytes(), &r) != nil {
			continue // A line cut off by a crash; the snapshot still holds that minute.
		}
		l.rows[rowKey{r.Minute.Unix() / 60, r.Signal, r.Source}] = &r.Counts
	}
	if err := sc.Err(); err != nil {
		return fmt.Errorf("read ledger day: %w", err)
	}
	return nil
}
