// SPDX-License-Identifier: Apache-2.0

package tail

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode/utf32"
	"google.golang.org/protobuf/encoding/protowire"
)

// TestNameGone: a file that was renamed out of the pattern, removed, or whose link moved on is read to its end, also what is written later and
// what waits for another line.
func TestNameGone(t *testing.T) {
	for name, gone := range map[string]func(h *harness){
		"renamed out of the pattern": func(h *harness) { h.rename("a.log", "a.old") },
		"renamed within the pattern": func(h *harness) { h.rename("a.log", "b.log") },
		"renamed, and a new one":     func(h *harness) { h.rename("a.log", "a.old"); h.write("a.log", "new\n") },
		"removed":                    func(h *harness) { require.NoError(h.t, os.Remove(h.path("a.log"))) },
		"removed, and a new one":     func(h *harness) { require.NoError(h.t, os.Remove(h.path("a.log"))); h.write("a.log", "new\n") },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, "*.log", indented)
			h.write("a.log", "one\ntwo\n")
			w, err := os.OpenFile(h.path("a.log"), os.O_APPEND|os.O_WRONLY, 0)
			require.NoError(t, err)
			defer func() { require.NoError(t, w.Close()) }()
			h.pass(0)
			h.want("one")
			gone(h)
			h.pass(0)
			_, err = w.WriteString(" of two\nthree\n")
			require.NoError(t, err)
			h.pass(50 * time.Second)
			_, err = w.WriteString("four\nfive, no end")
			require.NoError(t, err)
			h.pass(50 * time.Second) // Not over: something was written meanwhile.
			h.pass(time.Hour)
			h.pass(time.Hour)
			want := []string{"two\n of two", "three", "four", "five, no end"}
			if strings.HasSuffix(name, "new one") {
				want = append(want, "new")
			}
			h.want(want...)
			left := 0
			if len(want) == 5 || strings.Contains(name, "within") {
				left = 1
			}
			require.Len(t, h.tail.files, left, "what is gone is closed")
		})
	}
}

func TestLinkMovesOn(t *testing.T) {
	h := newHarness(t, "current.log", indented)
	h.write("1", "one\n")
	require.NoError(t, os.Symlink(h.path("1"), h.path("current.log")))
	h.pass(0)
	h.write("1", "last\n")
	h.write("2", "first\n")
	require.NoError(t, os.Remove(h.path("current.log")))
	require.NoError(t, os.Symlink(h.path("2"), h.path("current.log")))
	h.pass(0)
	h.write("1", "late\n")
	h.pass(2 * time.Second)
	h.pass(2 * time.Second)
	h.want("one", "last", "first", "late")
}

// TestDown: what happened to files while the agent was down: renamed out of the pattern, truncated, replaced. Nothing is lost, nothing read twice.
func TestDown(t *testing.T) {
	for name, c := range map[string]struct {
		happens func(h *harness)
		want    []string
	}{
		"nothing":   {func(*harness) {}, nil},
		"more":      {func(h *harness) { h.write("a.log", "2\n") }, []string{"2"}},
		"renamed":   {func(h *harness) { h.write("a.log", "2\n"); h.rename("a.log", "a.old"); h.write("a.log", "3\n") }, []string{"2", "3"}},
		"truncated": {func(h *harness) { require.NoError(h.t, os.Truncate(h.path("a.log"), 0)); h.write("a.log", "x\n") }, []string{"x"}},
		"truncated and longer": {func(h *harness) {
			require.NoError(h.t, os.Truncate(h.path("a.log"), 0))
			h.write("a.log", "x\nlonger\n")
		}, []string{"x", "longer"}},
		"copied and truncated": {func(h *harness) {
			h.write("a.log", "2\n")
			h.copy("a.log", "a.log.1")
			h.truncate("a.log")
			h.write("a.log", "3\n")
		}, []string{"2", "3"}},
		"replaced by its like":   {func(h *harness) { h.rename("a.log", "a.old"); h.write("a.log", "1\nlonger\n") }, []string{"1", "longer"}},
		"compressed":             {func(h *harness) { h.write("a.log", "2\n"); h.gzip("a.log", "a.log.1.gz"); h.write("a.log", "3\n") }, []string{"2", "3"}},
		"another with its inode": {func(h *harness) { require.NoError(h.t, os.Remove(h.path("a.log"))); h.write("b.log", "other\n") }, []string{"other"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, "*.log*", lines)
			h.write("a.log", "1\n")
			h.pass(0)
			h.want("1")
			h.tail.stop(t.Context())
			c.happens(h)
			h.start()
			h.pass(0)
			h.pass(time.Minute)
			h.want(c.want...)
		})
	}
}

func (h *harness) truncate(name string) {
	h.t.Helper()
	require.NoError(h.t, os.Truncate(h.path(name), 0))
}

// TestStop: whole lines that wait for others are handed over at a stop, once; a line without its end is read with it by the next run.
func TestStop(t *testing.T) {
	h := newHarness(t, "*.log", indented)
	h.write("a.log", "one\ntwo\n more\n")
	h.write("b.log", "half")
	h.pass(0)
	h.want("one")
	h.restart()
	h.want("two\n more")
	h.write("a.log", "three\n")
	h.write("b.log", " a line\n")
	h.pass(0)
	h.pass(2 * time.Second)
	h.want("three", "half a line")
	h.restart()
	h.pass(time.Minute)
	h.want()
}

// TestUnlinkedAtStop: what cannot be found again is handed over.
func TestUnlinkedAtStop(t *testing.T) {
	h := newHarness(t, "*.log", indented)
	h.write("a.log", "one\n")
	h.pass(0)
	require.NoError(t, os.Remove(h.path("a.log")))
	h.pass(0)
	h.restart()
	h.want("one")
}

// TestTruncate: a file that is truncated and grows past the old place at once is read from its beginning, and what waited is not lost.
func TestTruncate(t *testing.T) {
	banner := strings.Repeat("=", 1500) + "\n"
	for _, again := range []int{0, 1, 20, 2000} {
		h := newHarness(t, "*.log", indented)
		h.write("a.log", banner+"A0\nA1\n")
		h.pass(0)
		h.want(strings.TrimSpace(banner), "A0")
		h.truncate("a.log")
		want := []string{"A1"}
		if again > 0 {
			h.write("a.log", banner)
			want = append(want, strings.TrimSpace(banner))
		}
		for i := range again {
			h.write("a.log", fmt.Sprintf("B%d\n", i))
			want = append(want, fmt.Sprintf("B%d", i))
		}
		h.pass(0)
		h.pass(2 * time.Second)
		h.pass(2 * time.Second)
		h.want(want...)
	}
}

// TestCopyTruncate: the copy that copytruncate makes is read from where the original had been read to, plain or compressed, and nothing twice.
func TestCopyTruncate(t *testing.T) {
	for _, packed := range []bool{false, true} {
		h := newHarness(t, "*", lines)
		h.write("a.log", "1\n2\n")
		h.pass(0)
		h.want("1", "2")
		h.write("a.log", "3\n")
		h.copy("a.log", "a.log.1")
		h.pass(0) // Between the copy and the truncation.
		h.want("3")
		h.write("a.log", "4\n")
		h.truncate("a.log")
		h.write("a.log", "5\n")
		h.pass(0)
		h.want("5") // 4 was in no file any more.
		h.write("a.log", "6\n")
		if packed {
			h.copy("a.log", "a.log.2")
			h.gzip("a.log.2", "a.log.2.gz")
		} else {
			h.copy("a.log", "a.log-20260102")
		}
		h.truncate("a.log")
		h.pass(0)
		h.pass(time.Minute)
		h.want("6")
	}
}

// TestTwins: files that begin alike are two; one that is named like a rotation of the other is too when it goes its own way.
func TestTwins(t *testing.T) {
	head := strings.Repeat("the same start\n", 100)
	count := func(h *harness, text string) int { return strings.Count(strings.Join(h.got, "\n"), text) }
	for _, names := range [][2]string{{"messages", "syslog"}, {"app.log", "app-1.log"}} {
		h := newHarness(t, "*", lines)
		h.write(names[0], head)
		h.write(names[1], head)
		h.pass(0)
		require.Equal(t, 200, count(h, "the same start"), names)
		h.write(names[0], "only in 0\n")
		h.write(names[1], "only in 1\nand later\n")
		h.pass(0)
		for _, text := range []string{"only in 0", "only in 1", "and later"} {
			require.Equal(t, 1, count(h, text), text)
		}
	}
	h := newHarness(t, "*", lines)
	h.write("app.log", head)
	h.pass(0)
	h.write("app.1.log", head) // Might be a copy …
	h.pass(0)
	require.Equal(t, 100, count(h, "the same start"))
	h.write("app.1.log", "own\n") // … but has what the other has not.
	h.pass(0)
	require.Equal(t, 200, count(h, "the same start"))
	require.Equal(t, 1, count(h, "own"))
}

// TestCompressed: a compressed file is read once, also one that was never followed; what cannot be read makes no records.
func TestCompressed(t *testing.T) {
	h := newHarness(t, "*", lines)
	h.write("old.log", strings.Repeat("before\n", 3))
	h.gzip("old.log", "old.log.1.gz")
	h.write("x.log.zst", "\x28\xb5\x2f\xfdgarbage\n")
	h.write("half.gz", "\x1f\x8b\x08\x00\x00")
	h.write("a.log", "1\n2\n")
	h.pass(0)
	h.want("before", "before", "before", "1", "2")
	h.rename("a.log", "a.log.1")
	h.pass(0)
	h.gzip("a.log.1", "a.log.1.gz")
	h.pass(time.Minute)
	h.pass(time.Minute)
	h.restart()
	h.pass(time.Minute)
	h.want()
}

// TestHole: zeros that a writer leaves who does not append make no records and hide none; zeros up to the end may be written over.
func TestHole(t *testing.T) {
	h := newHarness(t, "*.log", lines)
	w, err := os.Create(h.path("a.log"))
	require.NoError(t, err)
	defer func() { require.NoError(t, w.Close()) }()
	_, err = w.WriteString("before\n")
	require.NoError(t, err)
	h.pass(0)
	h.want("before")
	require.NoError(t, w.Truncate(0)) // The writer's place stays.
	_, err = w.WriteAt([]byte("behind\nand on\n"), 5<<20)
	require.NoError(t, err)
	h.pass(0)
	h.want("behind", "and on")
	require.NoError(t, w.Truncate(6<<20)) // Allocated beforehand.
	h.pass(0)
	h.pass(time.Minute)
	h.want()
	_, err = w.WriteAt([]byte("in place\n"), 5<<20+int64(len("behind\nand on\n")))
	require.NoError(t, err)
	h.pass(0)
	h.want("in place")
	h.write("b.log", "cut"+strings.Repeat("\x00", 100)+"whole\na\x00b\n")
	h.pass(0)
	h.want("cut", "whole", "a\x00b")
}

// TestNoNewline: a last line is sent without its end after a while, and what is added later is a record of its own.
func TestNoNewline(t *testing.T) {
	h := newHarness(t, "*.log", indented)
	h.write("a.log", "one\ntwo")
	h.pass(0)
	h.pass(2 * time.Second)
	h.want("one")
	h.write("a.log", " and a half")
	h.pass(2 * time.Second)
	h.pass(4 * time.Second)
	h.want("two and a half")
	h.write("a.log", " added\n joined to nothing\nthree\n")
	h.pass(0)
	h.pass(2 * time.Second)
	h.want(" added", " joined to nothing", "three")
	h.write("a.log", "four")
	h.pass(0)
	h.pass(4 * time.Second)
	h.want("four")
	h.restart()
	h.write("a.log", "\nfive\n")
	h.pass(0)
	h.pass(2 * time.Second)
	h.want("five")
}

func TestEncodings(t *testing.T) {
	utf16 := func(text string, bom bool) string {
		var b strings.Builder
		if bom {
			b.WriteString("\xff\xfe")
		}
		for _, r := range text {
			b.WriteByte(byte(r))
			b.WriteByte(byte(r >> 8))
		}
		return b.String()
	}
	h := newHarness(t, "*.log", lines)
	h.write("mark.log", utf16("一 one\r\n二 two\r\n", true))
	h.write("none.log", utf16("三 three\n四 four\n", false))
	h.write("gbk.log", "\xb5\xc7\xc2\xbc\xca\xa7\xb0\xdc\n")
	h.write("latin.log", "caf\xe9 cr\xe8me\n")
	h.write("bom.log", "\ufeff{\"a\":1}\n")
	h.write("32le.log", "\xff\xfe\x00\x00"+encoded(t, "utf-32le", "七 seven\r\n🚀\n"))
	h.write("32be.log", "\x00\x00\xfe\xff"+encoded(t, "utf-32be", "八 eight\r\n"))
	h.write("32none.log", encoded(t, "utf-32be", "nine\n"))
	h.pass(0)
	h.want("一 one", "二 two", "三 three", "四 four", "登录失败", "café crème", `{"a":1}`, "七 seven", "🚀", "八 eight", "nine")
	half, quarter := utf16("五\n", false), encoded(t, "utf-32le", "十\n")
	h.write("mark.log", half[:1])
	h.write("32le.log", quarter[:3])
	h.pass(0)
	h.restart()
	h.write("mark.log", half[1:]+utf16("六\n", false))
	h.write("32le.log", quarter[3:])
	h.pass(0)
	h.want("五", "六", "十")
	h.encoding("shift_jis")
	h.write("jp.log", "\x83\x8d\x83\x4f\n")
	h.pass(0)
	h.want("ログ")
}

// TestLong: a line that is longer than a record may be comes in numbered parts that lose nothing, follow each other in the file and fit a server,
// whatever the encoding, and also when the agent starts again within it.
func TestLong(t *testing.T) {
	for name, c := range map[string]struct{ encoding, mark, text string }{
		"between a part and four":    {"", "", strings.Repeat("A", 300_000) + " ENDMARKx"},
		"megabytes":                  {"", "", strings.Repeat("0123456789é", 250_000)},
		"just fits":                  {"", "", strings.Repeat("0123456é\n", 2)[:9] + strings.Repeat("A", MaxRecord-9)},
		"one byte more":              {"", "", strings.Repeat("A", MaxRecord+1)},
		"words":                      {"", "", strings.Repeat("some words, ", 50_000)},
		"gbk, by its name":           {"gbk", "", strings.Repeat("登录失败", 50_000)},
		"gbk, found out":             {"", "gbk", strings.Repeat("登录失败a", 50_000)},
		"latin-1":                    {"iso-8859-1", "", strings.Repeat("é", 600_000)},
		"windows-1252, found out":    {"", "windows-1252", strings.Repeat("a € – é", 100_000)},
		"shift_jis":                  {"shift_jis", "", strings.Repeat("ログイン失敗", 50_000)},
		"iso-2022-jp":                {"iso-2022-jp", "", strings.Repeat("失敗 a ", 60_000)},
		"utf-16":                     {"utf-16le", "", strings.Repeat("登录失败🚀", 50_000)},
		"utf-32":                     {"", "utf-32le", strings.Repeat("a登录🚀", 50_000)},
		"utf-32, ascii":              {"utf-32be", "", strings.Repeat("ascii", 60_000)},
		"utf-8, every third a wrong": {"utf-8", "", strings.Repeat("a\ufffd", 200_000)},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, "*.log", lines)
			h.encoding(c.encoding)
			text := strings.ReplaceAll(c.text, "\n", "")
			raw := encoded(t, cmp.Or(c.encoding, c.mark, "utf-8"), text+"\nnext\n")
			h.write("a.log", raw[:len(raw)/2])
			h.pass(0)
			h.restart()
			h.write("a.log", raw[len(raw)/2:])
			h.pass(0)
			require.Equal(t, "next", h.got[len(h.got)-1])
			require.Equal(t, text, strings.Join(h.got[:len(h.got)-1], ""))
			parts, at := len(h.recs)-1, int64(0)
			for i, r := range h.recs {
				require.LessOrEqual(t, len(r.Text), MaxRecord)
				require.Equal(t, at, r.Offset)
				at = r.End
				switch {
				case i == parts, parts == 1:
					require.Zero(t, r.Part)
				default:
					require.Equal(t, i+1, r.Part)
				}
				require.Equal(t, i < parts-1, r.Continues)
			}
			require.Equal(t, len(text) <= MaxRecord, parts == 1)
		})
	}
}

// encoded writes a text in an encoding. In UTF-8 U+FFFD stands for a byte that is wrong.
func encoded(t *testing.T, name, text string) string {
	t.Helper()
	if name == "utf-8" {
		return strings.ReplaceAll(text, "\ufffd", "\xff")
	}
	if order, ok := map[string]utf32.Endianness{"utf-32le": utf32.LittleEndian, "utf-32be": utf32.BigEndian}[name]; ok {
		out, err := utf32.UTF32(order, utf32.IgnoreBOM).NewEncoder().Bytes([]byte(text))
		require.NoError(t, err)
		return string(out)
	}
	enc, err := htmlindex.Get(name)
	require.NoError(t, err)
	out, err := enc.NewEncoder().String(text)
	require.NoError(t, err)
	return out
}

// TestUpgrade: the places of the file consumer that was used before are taken over, by name where files begin alike, also of a file that was renamed.
func TestUpgrade(t *testing.T) {
	const text = "1\n2\n"
	for _, message := range []bool{false, true} {
		h := newHarness(t, "*", lines)
		known := func(name string, offset uint64) []byte {
			attributes := fmt.Sprintf(`{"log.file.name":%q,"log.file.path":%q}`, name, h.path(name))
			if !message {
				return fmt.Appendf(nil, `{"Fingerprint":{"first_bytes":"MQoyCg=="},"Offset":%d,"RecordNum":2,"FileAttributes":%s,"FlushState":{}}`+"\n", offset, attributes)
			}
			bytesField := func(b []byte, number protowire.Number, value []byte) []byte {
				return protowire.AppendBytes(protowire.AppendTag(b, number, protowire.BytesType), value)
			}
			inner := bytesField(nil, 1, bytesField(nil, 1, []byte(text)))
			inner = protowire.AppendVarint(protowire.AppendTag(inner, 2, protowire.VarintType), offset)
			inner = bytesField(inner, 4, []byte(attributes))
			return bytesField(nil, 1, inner)
		}
		for _, name := range []string{"a.log", "b.log", "c.log"} {
			h.write(name, text)
		}
		all := slices.Concat(known("a.log", 2), known("b.log", 2), known("b.log", 4), known("c.log", 4))
		if !message {
			all = append([]byte("4\n"), all...)
		}
		h.rename("c.log", "c.log.1")
		h.store.values[legacyKey] = all
		h.start()
		h.pass(0)
		h.want("2")
		h.restart()
		h.pass(0)
		h.want()
	}
	h := newHarness(t, "*", lines)
	h.write("a.log", text)
	h.store.values[legacyKey] = []byte("neither")
	h.start()
	h.pass(0)
	h.want("1", "2")
}

// TestFromEnd: what is there at first is passed over, what appears later is not.
func TestFromEnd(t *testing.T) {
	h := newHarness(t, "*.log", lines)
	h.opts.FromEnd = true
	h.start()
	h.write("a.log", "old\n")
	h.pass(0)
	h.write("a.log", "new\n")
	h.write("b.log", "all\n")
	h.pass(0)
	h.want("new", "all")
	h.restart()
	h.write("c.log", "while down\n")
	h.pass(0)
	h.want("while down")
}
