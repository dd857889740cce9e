// SPDX-License-Identifier: Apache-2.0

package tail

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.uber.org/zap"
)

const (
	// maxPast is how many ended files are remembered, to know their copies by.
	maxPast = 500
	// maxBeside is in how many entries of a folder a file is looked for that was renamed while it was not open.
	maxBeside = 10_000
)

// adopt begins to follow a file that is not known by its identity: one that continues another, a copy of one, or a new one.
func (t *Follower) adopt(path string) {
	info, id, err := t.stat(path)
	if err != nil || t.files[id] != nil {
		return
	}
	f := &file{place: place{Path: path, ID: id}}
	f.seen = true
	if t.open(f, path); f.handle == nil {
		return
	}
	t.files[id] = f
	if !t.readable(f) || t.inherit(f, info.Size()) {
		return
	}
	if t.opts.FromEnd && !t.known {
		f.Offset = info.Size()
		if f.Packed {
			f.Ignored = true
			f.close()
			return
		}
		buf := make([]byte, min(f.Offset, windowBytes))
		n, _ := f.handle.ReadAt(buf, f.Offset-int64(len(buf)))
		f.Window = sumOf(buf[:n])
	}
	t.opts.Logger.Info("following log file", zap.String("path", path), zap.Int64("from", f.Offset))
}

// readable says whether the file's content can be read, and whether it is compressed.
func (t *Follower) readable(f *file) bool {
	first := make([]byte, 8)
	n, _ := f.handle.ReadAt(first, 0)
	f.Packed = bytes.HasPrefix(first[:n], []byte{0x1f, 0x8b, 8})
	if kind := unreadable(first[:n]); kind != "" {
		t.opts.Logger.Info("log file is not read", zap.String("path", f.Path), zap.String("kind", kind))
		f.Ignored = true
		f.close()
	}
	return !f.Ignored
}

// diverge reads a file from its beginning that was taken for a copy and has what the other has not: both began alike.
func (t *Follower) diverge(f *file) {
	o := f.copyOf
	if o == nil || f.Packed || f.handle == nil || o.handle == nil {
		return
	}
	var mine, theirs [4096]byte
	m, _ := f.handle.ReadAt(mine[:], f.copyAt)
	n, _ := o.handle.ReadAt(theirs[:], f.copyAt)
	if info, err := o.handle.Stat(); err != nil || info.Size() < f.copyAt { // Truncated just now.
		return
	}
	if m > n || !bytes.Equal(mine[:m], theirs[:m]) {
		f.copyOf = nil
	}
}

// unreadable names what is compressed in a way that is not read here, by its first bytes.
func unreadable(first []byte) string {
	for _, k := range []struct{ kind, magic string }{{"zstd", "\x28\xb5\x2f\xfd"}, {"xz", "\xfd7zXZ\x00"}, {"bzip2", "BZh"}, {"zip", "PK\x03\x04"}, {"lz4", "\x04\x22\x4d\x18"}} {
		if bytes.HasPrefix(first, []byte(k.magic)) {
			return k.kind
		}
	}
	return ""
}

// inherit finds the file that f continues or is a copy of.
func (t *Follower) inherit(f *file, size int64) bool {
	var content io.ReaderAt = f.handle
	if f.Packed {
		unpacked := &unpacker{file: f.handle}
		content, size = unpacked, 1<<62
	}
	if t.inheritLegacy(f, content, size) {
		return true
	}
	for i, p := range slices.Backward(t.past) {
		if p.ID == f.ID && p.is(content, size) {
			f.takeOver(p)
			t.past = slices.Delete(t.past, i, i+1)
			return true
		}
	}
	var live *file
	for id, o := range t.files {
		if o == f || o.Ignored || !o.is(content, size) {
			continue
		}
		if o.handle == nil && !o.seen && id.Ino == f.ID.Ino { // The device got another number.
			f.takeOver(&o.place)
			delete(t.files, id)
			return true
		}
		if t.rotated(o.Path, f.Path) && (live == nil || o.Offset > live.Offset) {
			live = o
		}
	}
	if live != nil {
		f.copyOf, f.copyAt = live, live.Offset
		return true
	}
	for _, p := range slices.Backward(t.past) {
		if t.rotated(p.Path, f.Path) && p.is(content, size) {
			f.takeOver(p)
			return true
		}
	}
	return false
}

// inheritLegacy finds what an earlier release knew of the file by its beginning only: the same name first.
func (t *Follower) inheritLegacy(f *file, content io.ReaderAt, size int64) bool {
	slices.SortStableFunc(t.legacy, func(a, b *place) int { return sameName(b, f.Path) - sameName(a, f.Path) })
	for _, p := range t.legacy {
		if p.is(content, size) {
			f.takeOver(p)
			// Several rounds were kept of the same file.
			t.legacy = slices.DeleteFunc(t.legacy, func(o *place) bool { return o == p || o.Path == p.Path && o.is(content, size) })
			return true
		}
	}
	return false
}

func sameName(p *place, path string) int {
	if p.Path == path {
		return 1
	}
	return 0
}

// rotationPart is what rotations add to a name: numbers, dates, and words for what is old or compressed.
func rotationPart() *regexp.Regexp {
	return regexp.MustCompile(`^[-._]([-._0-9TZ]|gz|old|bak|backup|orig|prev|last|log|txt|out|err|json)*$`)
}

// rotated says whether copied may be the name of a copy of the file called original.
func (t *Follower) rotated(original, copied string) bool {
	from, to := filepath.Base(original), filepath.Base(copied)
	if from == to {
		return original != copied // In a folder for old ones.
	}
	ext := filepath.Ext(from)
	if ext == from {
		ext = ""
	}
	part, ok := strings.CutPrefix(to, strings.TrimSuffix(from, ext))
	return ok && part != ext && t.rotation.MatchString(strings.Replace(part, ext, "", 1))
}

// find opens a file that was renamed while it was not open. It is looked for in the folder of its old name.
func (t *Follower) find(f *file) {
	dir := filepath.Dir(f.Path)
	h, err := os.Open(dir) //nolint:gosec // The operator names the files.
	if err != nil {
		return
	}
	entries, _ := h.ReadDir(maxBeside)
	_ = h.Close()
	for _, e := range entries {
		if !regular(e) {
			continue
		}
		path := filepath.Join(dir, e.Name())
		info, err := e.Info()
		if err != nil {
			continue
		}
		if id, err := identify(info, path); err != nil || id != f.ID {
			continue
		}
		if t.open(f, path); f.handle != nil {
			if !f.is(f.handle, info.Size()) { // Another file got its inode.
				f.close()
				return
			}
			f.Path = path
		}
		return
	}
}

// remember keeps what a file was, to know its copies by.
func (t *Follower) remember(f *file) {
	if f.Offset == 0 || f.Ignored {
		return
	}
	p := f.place
	t.past = append(t.past, &p)
	if n := len(t.past) - maxPast; n > 0 {
		t.past = slices.Delete(t.past, 0, n)
	}
}
