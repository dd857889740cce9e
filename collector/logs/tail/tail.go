// SPDX-License-Identifier: Apache-2.0

package tail

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"sync"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/stanza/fileconsumer/matcher"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/strata-apm/strata/collector/logs/charset"
)

const (
	// maxOpen is how many files are kept open; of more, those that are idle for idleFor are looked at by their names only.
	maxOpen = 1000
	idleFor = time.Minute
	// workers is how many files are read at a time: their records wait for the disk together.
	workers = 8
	// maxComplaints bounds the paths that are remembered because an error was logged.
	maxComplaints = 10_000
)

// Record is one record of a file.
type Record struct {
	Text string
	// Offset is where it begins in the file and End where the next one does.
	Offset, End int64
	// Part numbers the parts of what is too long for one record, from 1; 0 is a whole record. Continues says that another part follows.
	Part      int
	Continues bool
}

// Batch are records of one file that follow each other. Its slices are the follower's and are used again.
type Batch struct {
	Path string
	// ID is the file's identity, however it is called. It is empty for a compressed file, whose offsets are not places in it.
	ID      string
	Records []Record
	// Head are the first bytes of the last record as they are in the file, to recognise it by.
	Head []byte
}

// Split finds the first record of the data: how long it is with its line's end, and its text. 0 asks for more, which it may not do when final
// says that nothing follows.
type Split func(data []byte, final bool) (advance int, text []byte)

// Options say what is followed and how.
type Options struct {
	Include, Exclude []string
	// FromEnd says that files that are there when nothing is known yet are read from their ends.
	FromEnd  bool
	Encoding charset.Named
	Split    Split
	// Batch is how many records are handed over at a time at the most; 0 is MaxBatch, which is also the most it may be.
	Batch int
	// Poll is the time between two rounds over the files.
	Poll time.Duration
	// FlushRecord is how long a record of whole lines waits for another line, FlushLine how long a line waits for its end.
	FlushRecord, FlushLine time.Duration
	// RotateWait is how long a file is read on after its name has gone and nothing more was written.
	RotateWait time.Duration
	// Emit hands records over. It returns when that is done, and is called for several files at a time.
	Emit   func(ctx context.Context, batch Batch)
	Logger *zap.Logger
}

// Follower follows a set of files.
type Follower struct {
	opts    Options
	matcher *matcher.Matcher
	store   storage.Client

	files map[fileID]*file
	// past are files whose following has ended, the newest last; legacy are places that an earlier release wrote, without identities.
	past, legacy []*place
	known        bool // the store had something
	saved        string
	rotation     *regexp.Regexp
	buffers      sync.Pool

	mu         sync.Mutex
	complained map[string]bool // guarded by mu
}

// New returns a Follower. The store keeps how far the files were read.
func New(opts Options) (*Follower, error) {
	m, err := matcher.New(matcher.Criteria{Include: opts.Include, Exclude: opts.Exclude})
	if err != nil {
		return nil, fmt.Errorf("follow %v: %w", opts.Include, err)
	}
	return &Follower{opts: opts, matcher: m, files: make(map[fileID]*file), rotation: rotationPart(), complained: make(map[string]bool)}, nil
}

// Run follows the files until ctx ends. Then it hands over the lines that are whole and waited for others.
func (t *Follower) Run(ctx context.Context, store storage.Client) error {
	t.store = store
	if err := t.load(ctx); err != nil {
		return err
	}
	ticker := time.NewTicker(t.opts.Poll)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			t.stop(context.WithoutCancel(ctx))
			return nil
		case <-ticker.C:
			t.round(ctx, time.Now())
		}
	}
}

// round looks for files, reads what is new in them, and keeps how far.
func (t *Follower) round(ctx context.Context, now time.Time) {
	paths, err := t.matcher.MatchFiles()
	if err != nil { // Some pattern finds nothing.
		t.opts.Logger.Debug("finding files", zap.Error(err))
	}
	for _, f := range t.files {
		f.seen = false
	}
	var fresh []string
	for _, path := range paths {
		if !t.look(path) {
			fresh = append(fresh, path)
		}
	}
	for _, path := range fresh {
		t.adopt(path)
	}
	t.known, t.legacy = true, nil // A file that appears later is new.
	t.names(now)
	for _, f := range t.files {
		t.check(ctx, f)
	}
	for _, f := range t.files {
		t.diverge(f)
	}
	var group errgroup.Group
	group.SetLimit(workers)
	for _, f := range t.files {
		if f.handle != nil && f.copyOf == nil && !f.Ignored {
			group.Go(func() error { t.read(ctx, f, now, false); return nil })
		}
	}
	_ = group.Wait()
	if ctx.Err() != nil {
		return
	}
	t.retire(ctx, now)
	t.save(ctx)
}

// look finds the file that has the name among those that are followed.
func (t *Follower) look(path string) bool {
	info, id, err := t.stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return true
	}
	f := t.files[id]
	if f == nil {
		return false
	}
	if f.seen { // Another name of the same file.
		return true
	}
	f.seen, f.goneAt, f.Path = true, time.Time{}, path
	if f.handle == nil && !f.Ignored && (!f.looked || info.Size() != f.size || !info.ModTime().Equal(f.mtime)) {
		t.open(f, path)
	}
	return true
}

func (t *Follower) stat(path string) (os.FileInfo, fileID, error) {
	info, err := os.Stat(path)
	if err != nil {
		if !os.IsNotExist(err) {
			t.complain(path, err)
		}
		return nil, fileID{}, err // It names the file and was told.
	}
	id, err := identify(info, path)
	return info, id, err
}

// open opens a followed file by a name; it stays closed when the name is that of another by now.
func (t *Follower) open(f *file, path string) {
	h, err := open(path)
	if err != nil {
		t.complain(path, err)
		return
	}
	info, err := h.Stat()
	if err == nil {
		var id fileID
		if id, err = identify(info, path); err == nil && id == f.ID {
			f.handle = h
			t.mu.Lock()
			delete(t.complained, path)
			t.mu.Unlock()
			return
		}
	}
	_ = h.Close()
}

func (t *Follower) complain(path string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if os.IsNotExist(err) || t.complained[path] || len(t.complained) >= maxComplaints {
		return
	}
	t.complained[path] = true
	t.opts.Logger.Error("log file cannot be read", zap.String("path", path), zap.Error(err))
}

// names notes which files have lost their names. A file that was not open is looked for beside its old name, once.
func (t *Follower) names(now time.Time) {
	for id, f := range t.files {
		if f.seen || !f.goneAt.IsZero() {
			continue
		}
		f.goneAt = now
		if f.handle == nil && !f.Ignored {
			t.find(f)
		}
		if f.handle == nil {
			t.end(id, f, now)
		}
	}
}

// check looks whether the file still has what was read of it. If it was truncated, what waited is handed over, copies of it are
// read from where it had been read to, and it is read from its beginning.
func (t *Follower) check(ctx context.Context, f *file) {
	if f.handle == nil || f.Packed || f.Ignored {
		return
	}
	info, err := f.handle.Stat()
	if err != nil || f.looked && !f.broken && info.Size() == f.size && info.ModTime().Equal(f.mtime) || f.intact(info.Size()) {
		return
	}
	t.opts.Logger.Info("log file was truncated or written anew", zap.String("path", f.Path))
	if !t.release(f) && len(f.pending) > 0 {
		t.consume(ctx, f, f.pending, 0, true)
	}
	t.remember(f)
	f.restart()
}

// release lets the copies of a file be read from where it was read to.
func (t *Follower) release(f *file) bool {
	any := false
	for _, c := range t.files {
		if c.copyOf == f {
			c.takeOver(&f.place)
			any = true
		}
	}
	return any
}

// retire ends the following of files that have no name and get no more data, and closes idle ones where too many are open.
func (t *Follower) retire(ctx context.Context, now time.Time) {
	opened := 0
	for id, f := range t.files {
		if f.handle == nil {
			continue
		}
		opened++
		since := f.goneAt
		if f.lastData.After(since) {
			since = f.lastData
		}
		if !f.goneAt.IsZero() && now.Sub(since) >= t.opts.RotateWait {
			if f.copyOf == nil {
				t.read(ctx, f, now, true)
			}
			t.end(id, f, now)
		}
	}
	for _, f := range t.files {
		if opened <= maxOpen {
			return
		}
		if f.handle != nil && f.goneAt.IsZero() && len(f.pending) == 0 && now.Sub(f.lastData) > idleFor {
			f.close()
			opened--
		}
	}
}

func (t *Follower) end(id fileID, f *file, now time.Time) {
	f.close()
	f.Ended = now.Unix()
	t.remember(f)
	t.release(f)
	delete(t.files, id)
}

// stop hands over whole lines that waited for others.
func (t *Follower) stop(ctx context.Context) {
	for _, f := range t.files {
		if f.handle != nil && f.copyOf == nil && !f.goneAt.IsZero() {
			t.read(ctx, f, time.Now(), true) // It may not be found again.
		} else if end := lastLine(f.pending, f.wide); f.handle != nil && end > 0 && f.copyOf == nil {
			t.consume(ctx, f, f.pending[:end], 0, true)
		}
		f.close()
	}
	t.save(ctx)
}

// regular says whether there is a file that can be followed.
func regular(e fs.DirEntry) bool { return e.Type().IsRegular() }
