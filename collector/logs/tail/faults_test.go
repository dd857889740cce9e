// SPDX-License-Identifier: Apache-2.0

package tail

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/strata-apm/strata/collector/logs/charset"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// observe makes the harness keep what is logged.
func (h *harness) observe() *observer.ObservedLogs {
	h.t.Helper()
	core, logged := observer.New(zap.InfoLevel)
	h.opts.Logger = zap.New(core)
	h.start()
	return logged
}

// packed is the text, compressed.
func packed(t *testing.T, text string) string {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := io.WriteString(w, text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.String()
}

// age makes a file as old as a time before the harness's clock.
func (h *harness) age(name string, d time.Duration) {
	h.t.Helper()
	at := h.now.Add(-d)
	require.NoError(h.t, os.Chtimes(h.path(name), at, at))
}

// TestUnreadable: a file that is compressed in another way makes no records, and is told once.
func TestUnreadable(t *testing.T) {
	h := newHarness(t, "*", lines)
	logged := h.observe()
	for kind, magic := range map[string]string{"zstd": "\x28\xb5\x2f\xfd", "xz": "\xfd7zXZ\x00", "bzip2": "BZh9", "zip": "PK\x03\x04", "lz4": "\x04\x22\x4d\x18"} {
		h.write(kind, magic+"\nline\n")
	}
	h.write("plain", "line\n")
	for range 3 {
		h.pass(time.Minute)
	}
	h.want("line")
	require.Equal(t, 5, logged.FilterMessage("log file is not read").Len())
	for _, e := range logged.FilterMessage("log file is not read").All() {
		require.Equal(t, e.ContextMap()["kind"], filepath.Base(e.ContextMap()["path"].(string)))
	}
	h.restart()
	h.pass(0)
	h.want()
}

// TestComplainsOnce: a file that cannot be looked at is told once, until it was open.
func TestComplainsOnce(t *testing.T) {
	h := newHarness(t, "*.log", lines)
	logged := h.observe()
	require.NoError(t, os.Symlink("loop.log", h.path("loop.log")))
	require.NoError(t, os.Symlink("nothing", h.path("dangling.log")))
	require.NoError(t, os.Mkdir(h.path("folder.log"), 0o700))
	for range 3 {
		h.pass(time.Second)
	}
	h.want()
	require.LessOrEqual(t, logged.FilterMessage("log file cannot be read").Len(), 1)
	for _, e := range logged.All() {
		require.Equal(t, h.path("loop.log"), e.ContextMap()["path"], "a link to nothing and a folder are no faults")
	}
	require.NoError(t, os.Remove(h.path("loop.log")))
	h.write("loop.log", "line\n")
	h.pass(time.Second)
	h.want("line")
}

// TestPackedWaits: a compressed file is read when it was not written for a while, and its last line needs no end.
func TestPackedWaits(t *testing.T) {
	h := newHarness(t, "*", lines)
	h.write("a.gz", packed(t, "one\ntwo"))
	h.age("a.gz", packedQuiet/2)
	h.pass(0)
	h.want()
	h.pass(packedQuiet)
	h.want("one", "two")
	h.restart()
	h.pass(time.Minute)
	h.want()
}

// TestPackedGrows: a compressed file that is cut off is read on when the rest is there, nothing twice; a damaged file is told.
func TestPackedGrows(t *testing.T) {
	var text strings.Builder
	for i := range 50_000 {
		fmt.Fprintf(&text, "line %d\n", i)
	}
	all := packed(t, text.String())
	h := newHarness(t, "*", lines)
	logged := h.observe()
	h.write("a.gz", all[:len(all)/2])
	h.age("a.gz", time.Minute)
	h.pass(0)
	some := len(h.got)
	require.Positive(t, some)
	require.Less(t, some, 50_000)
	require.Equal(t, 1, logged.FilterMessage("compressed log file is damaged").Len())
	h.pass(time.Second)
	require.Len(t, h.got, some, "it has not changed")
	h.write("a.gz", all[len(all)/2:])
	h.age("a.gz", 30*time.Second)
	h.pass(time.Minute)
	require.Len(t, h.got, 50_000)
	for i, line := range h.got {
		require.Equal(t, fmt.Sprintf("line %d", i), line)
	}
	h.write("b.gz", "\x1f\x8b\x08")
	h.age("b.gz", time.Minute)
	h.pass(0)
	require.Len(t, h.got, 50_000)
	require.Equal(t, 1, logged.FilterMessage("log file cannot be read").Len())
}

// TestPackedFromEnd: compressed files that are there at first are old; files that appear later are not.
func TestPackedFromEnd(t *testing.T) {
	h := newHarness(t, "*", lines)
	h.opts.FromEnd = true
	h.start()
	h.write("old.gz", packed(t, "old\n"))
	h.age("old.gz", time.Hour)
	h.pass(0)
	h.write("new.gz", packed(t, "new\n"))
	h.age("new.gz", time.Minute)
	for range 3 {
		h.pass(time.Minute)
	}
	h.want("new")
}

// TestUnpackerPlaces: places before the last one are read from the beginning again.
func TestUnpackerPlaces(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.gz")
	require.NoError(t, os.WriteFile(path, []byte(packed(t, "0123456789")), 0o600))
	f, err := os.Open(path)
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	u := &unpacker{file: f}
	for _, c := range []struct {
		at   int64
		want string
		err  error
	}{{0, "012", nil}, {5, "567", nil}, {2, "234", nil}, {8, "89", io.ErrUnexpectedEOF}, {0, "012", nil}, {20, "", io.EOF}} {
		b := make([]byte, 3)
		n, err := u.ReadAt(b, c.at)
		require.ErrorIs(t, err, c.err)
		require.Equal(t, c.want, string(b[:n]), c.at)
	}
	require.NoError(t, f.Close())
	_, err = (&unpacker{file: f}).ReadAt(make([]byte, 1), 0)
	require.ErrorContains(t, err, "unpack")
}

// TestRenamedWhileClosed: a file that was not open when its name went is looked for beside it, and read to its end.
func TestRenamedWhileClosed(t *testing.T) {
	h := newHarness(t, "*.log", lines)
	h.write("a.log", "one\n")
	h.write("b.log", "two\n")
	h.pass(0)
	h.want("one", "two")
	h.kill()
	h.write("a.log", "more\n")
	h.rename("a.log", "a.log.1")
	require.NoError(t, os.Remove(h.path("b.log")))
	require.NoError(t, os.Mkdir(h.path("folder"), 0o700))
	h.pass(time.Second)
	h.want("more")
	for range 3 {
		h.pass(h.opts.RotateWait)
	}
	require.Empty(t, h.tail.files)
	require.Len(t, h.tail.past, 2)
}

// TestIdleFiles: beyond so many open files the idle ones are closed, and opened again when they are written to.
func TestIdleFiles(t *testing.T) {
	h := newHarness(t, "*.log", lines)
	for i := range maxOpen + 20 {
		h.write(fmt.Sprintf("%04d.log", i), fmt.Sprintf("%d\n", i))
	}
	open := func() int {
		n := 0
		for _, f := range h.tail.files {
			if f.handle != nil {
				n++
			}
		}
		return n
	}
	h.pass(0)
	require.Len(t, h.got, maxOpen+20)
	require.Equal(t, maxOpen+20, open(), "all have just been read")
	h.got = nil
	h.pass(2 * idleFor)
	require.Equal(t, maxOpen, open())
	for i := range maxOpen + 20 {
		h.write(fmt.Sprintf("%04d.log", i), "more\n")
	}
	h.pass(time.Second)
	require.Len(t, h.got, maxOpen+20, "what is closed is read when it grows")
}

// TestTurns: a large file does not keep the others waiting until it is read.
func TestTurns(t *testing.T) {
	h := newHarness(t, "*.log", lines)
	mu := &h.mu
	h.opts.Emit = func(_ context.Context, b Batch) {
		mu.Lock()
		defer mu.Unlock()
		for _, r := range b.Records {
			h.got = append(h.got, fmt.Sprint(filepath.Base(b.Path), len(r.Text)))
		}
	}
	h.start()
	line := strings.Repeat("x", 100<<10)
	for range 2 * roundBytes / len(line) {
		h.write("large.log", line+"\n")
	}
	h.write("small.log", "y\n")
	h.pass(0)
	require.Contains(t, h.got, "small.log1")
	first := len(h.got) - 1
	require.InDelta(t, roundBytes/len(line), first, 5, "a round's share")
	h.pass(0)
	h.pass(0)
	require.Len(t, h.got, 2*roundBytes/len(line)+1)
}

// TestStoreFails: places that cannot be read stop the start; places that cannot be kept are told, and kept in the next round.
func TestStoreFails(t *testing.T) {
	h := newHarness(t, "*.log", lines)
	logged := h.observe()
	failing := &failingStore{memory: h.store}
	h.tail.store = failing
	h.write("a.log", "one\n")
	failing.err = errors.New("disk full")
	h.pass(0)
	h.want("one")
	require.Equal(t, 1, logged.FilterMessage("places of files not kept").Len())
	failing.err = nil
	h.pass(0)
	require.NotEmpty(t, h.store.values[placesKey])
	sets := failing.sets
	h.pass(0)
	require.Equal(t, sets, failing.sets, "what has not changed is not written again")

	failing.err = errors.New("locked")
	f, err := New(h.opts)
	require.NoError(t, err)
	require.ErrorContains(t, f.Run(t.Context(), failing), "read places of files: locked")
	require.ErrorContains(t, f.loadLegacy(t.Context()), "locked")
	for _, text := range []string{"", "{", "[1]", `{"files":5}`} {
		f, err := New(h.opts)
		require.NoError(t, err)
		require.Error(t, f.Run(t.Context(), &memory{values: map[string][]byte{placesKey: []byte(text)}}), text)
	}
	_, err = New(Options{Include: []string{"[a"}})
	require.ErrorContains(t, err, "follow [[a]")
}

// failingStore fails with err.
type failingStore struct {
	*memory
	err  error
	sets int
}

func (s *failingStore) Get(ctx context.Context, key string) ([]byte, error) {
	if s.err != nil {
		return nil, s.err
	}
	return s.memory.Get(ctx, key)
}

func (s *failingStore) Set(ctx context.Context, key string, value []byte) error {
	if s.err != nil {
		return s.err
	}
	s.sets++
	return s.memory.Set(ctx, key, value)
}

// TestRun: rounds come at their interval, and a stop hands over the whole lines that wait and keeps their places.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, "*.log", indented)
		h.opts.Poll = 200 * time.Millisecond
		h.start()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- h.tail.Run(ctx, h.store) }()
		h.write("a.log", "one\n two\nwaits for others\n  and others\nhalf a li")
		time.Sleep(250 * time.Millisecond) // The clock of the bubble.
		synctest.Wait()
		h.want("one\n two", "waits for others\n  and others")
		h.write("a.log", "ne\n more")
		time.Sleep(250 * time.Millisecond)
		synctest.Wait()
		h.want()
		cancel()
		require.NoError(t, <-done)
		h.want("half a line")
		h.start()
		h.write("a.log", " of it\n")
		h.pass(time.Hour)
		h.pass(time.Hour)
		h.want(" more of it")
	})
}

// TestPast: so many files that have ended are remembered, the newest.
func TestPast(t *testing.T) {
	h := newHarness(t, "*.log", lines)
	for i := range maxPast + 3 {
		h.tail.remember(&file{place: place{Path: strconv.Itoa(i), Offset: 1}})
	}
	h.tail.remember(&file{place: place{Path: "nothing read"}})
	h.tail.remember(&file{place: place{Path: "not read", Offset: 1, Ignored: true}})
	require.Len(t, h.tail.past, maxPast)
	require.Equal(t, "3", h.tail.past[0].Path)
	require.Equal(t, strconv.Itoa(maxPast+2), h.tail.past[maxPast-1].Path)
}

// TestRotated: names that rotations make of another, and names of other files.
func TestRotated(t *testing.T) {
	h := newHarness(t, "*.log", lines)
	for _, c := range []struct {
		original, copied string
		want             bool
	}{
		{"/a/app.log", "/a/app.log.1", true},
		{"/a/app.log", "/a/app.log.1.gz", true},
		{"/a/app.log", "/a/app-2026-01-02.log", true},
		{"/a/app.log", "/a/app.2026-01-02T10.log.gz", true},
		{"/a/app.log", "/a/old/app.log", true},
		{"/a/app", "/a/app.old", true},
		{"/a/app.log", "/a/app.log-20260102", true},
		{"/a/app.log", "/a/app.log.bak", true},
		{"/a/app.log", "/a/app.log", false},
		{"/a/app.log", "/a/app2.log", false},
		{"/a/app.log", "/a/app-web.log", false},
		{"/a/app.log", "/a/web.log", false},
		{"/a/app.log", "/a/application.log", false},
		{"/a/.log", "/a/.log.1", true},
	} {
		require.Equal(t, c.want, h.tail.rotated(c.original, c.copied), "%s, %s", c.original, c.copied)
	}
}

// TestDue: a line waits longer for its end than a record of whole lines for another line.
func TestDue(t *testing.T) {
	now := time.Now()
	for text, want := range map[string][3]bool{ // after one, two and five seconds
		"":                {false, false, false},
		"half":            {false, false, true},
		"whole\n":         {false, true, true},
		"whole\n\x00\x00": {false, true, true},
	} {
		f := &file{}
		f.hold([]byte(text), now)
		for i, d := range []time.Duration{time.Second, 2 * time.Second, 5 * time.Second} {
			require.Equal(t, want[i], f.due(now.Add(d), 3*time.Second, 2*time.Second), "%q after %s", text, d)
		}
	}
	f := &file{}
	f.hold([]byte("ha"), now)
	f.hold([]byte("hal"), now.Add(2*time.Second))
	require.False(t, f.due(now.Add(4*time.Second), 3*time.Second, time.Second), "it has grown since")
	f.hold([]byte("\x00\x00"), now)
	require.Empty(t, f.pending, "zeros are nothing that waits")
}

func TestSums(t *testing.T) {
	require.True(t, sum{}.matches(nil))
	require.True(t, sumOf([]byte("abc")).matches([]byte("abcd")))
	require.False(t, sumOf([]byte("abc")).matches([]byte("ab")))
	require.False(t, sumOf([]byte("abc")).matches([]byte("abd")))
	require.Equal(t, sum{}, sumOf(nil))
	require.Equal(t, "10-ff", fileID{16, 255}.String())
}

func TestHoles(t *testing.T) {
	hole := strings.Repeat("\x00", holeBytes)
	for text, want := range map[string]struct {
		segment string
		ended   bool
	}{
		"abc": {"abc", false}, "a\x00b": {"a\x00b", false}, "ab" + hole: {"ab", false}, "ab" + hole + "\x00c": {"ab", true}, hole + "x": {"", true},
	} {
		at, ended := untilHole([]byte(text))
		require.Equal(t, want.segment, text[:at], "%q", text)
		require.Equal(t, want.ended, ended, "%q", text)
	}
	require.Equal(t, 3, leadingZeros([]byte("\x00\x00\x00a\x00")))
	require.Equal(t, 2, leadingZeros([]byte("\x00\x00")))
	for text, want := range map[string]int{"": 0, "a": 0, "a\n": 2, "a\nb": 2, "\n": 1} {
		require.Equal(t, want, lastLine([]byte(text), charset.Narrow), "%q", text)
	}
	require.Equal(t, 4, lastLine([]byte("a\x00\n\x00b\x00"), charset.LittleEndian))
}

// TestLegacyBroken: places of an earlier release that cannot be read are as if nothing had been kept; the readable ones among them count.
func TestLegacyBroken(t *testing.T) {
	for text, want := range map[string]int{"": 0, "x": 0, "2\n": 0, "2\n{\"Offset\":5}\n{broken": 1, "\x0a\x02\x10\x05": 1, "\x0a\x7f": 0, "\x12\x02\x10\x05": 0, "\x0a\x03\x22\x01x": 0} {
		h := newHarness(t, "*.log", lines)
		h.store.values[legacyKey] = []byte(text)
		f, err := New(h.opts)
		require.NoError(t, err)
		f.store = h.store
		require.NoError(t, f.load(t.Context()))
		require.Len(t, f.legacy, want, "%q", text)
		require.Equal(t, want > 0, f.known, "%q", text)
	}
}
