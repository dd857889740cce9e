// SPDX-License-Identifier: Apache-2.0

package tail

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

// TestBatches: records come in batches of no more than was asked for, each with the beginning of its last one.
func TestBatches(t *testing.T) {
	for asked, want := range map[int][]int{0: {1000, 1000, 500}, 5000: {1000, 1000, 500}, 900: {900, 900, 700}} {
		h, sizes, heads := newHarness(t, "*.log", lines), []int{}, []string{}
		h.opts.Batch = asked
		h.opts.Emit = func(_ context.Context, b Batch) {
			sizes, heads = append(sizes, len(b.Records)), append(heads, string(b.Head))
			require.Equal(t, b.Records[len(b.Records)-1].Text+"\n", string(b.Head))
		}
		h.start()
		var text strings.Builder
		for i := range 2500 {
			fmt.Fprintf(&text, "line %d\n", i)
		}
		h.write("a.log", text.String())
		h.pass(0)
		require.Equal(t, want, sizes, asked)
		require.Equal(t, "line 2499\n", heads[len(heads)-1])
	}
}

// TestLittleIsReadAtATime: the records of a growing file do not depend on how much of it is read at a time.
func TestLittleIsReadAtATime(t *testing.T) {
	h := newHarness(t, "*.log", lines)
	for _, n := range []int{1, leastBytes - 2, leastBytes - 1, leastBytes, leastBytes + 1, 3 * leastBytes, chunkBytes - 1, chunkBytes, chunkBytes + 1} {
		h.write("a.log", strings.Repeat("x", n)+"\n")
		h.pass(time.Second)
		require.Len(t, strings.Join(h.got, ""), n)
		h.got = nil
	}
}

// BenchmarkConsume reads a file of 1000 lines from its beginning.
func BenchmarkConsume(b *testing.B) {
	path := filepath.Join(b.TempDir(), "a.log")
	text := strings.Repeat("2026-11-21T08:00:00.123Z INFO checkout order 0000abcd of customer 000123 placed in 17 ms\n", 1000)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	t, err := New(Options{Include: []string{path}, Split: lines, Emit: func(context.Context, Batch) {}, Logger: zap.NewNop()})
	if err != nil {
		b.Fatal(err)
	}
	h, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = h.Close() }()
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		f := &file{place: place{Path: path}, handle: h}
		t.read(b.Context(), f, time.Now(), false)
		if f.Offset != int64(len(text)) {
			b.Fatal(f.Offset)
		}
	}
}
