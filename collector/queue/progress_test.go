// SPDX-License-Identifier: Apache-2.0

package queue

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/strata-apm/strata/collector/logs"
)

// readAs makes the records a receiver makes of lines that begin at the offset.
func readAs(path string, offset int64, lines ...string) plog.Logs {
	ld := plog.NewLogs()
	records := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for _, l := range lines {
		lr := records.AppendEmpty()
		lr.Body().SetStr(strings.TrimSpace(l))
		lr.Attributes().PutStr(attrFilePath, path)
		lr.Attributes().PutInt(attrFileOffset, offset)
		offset += int64(len(l)) + 1
	}
	return ld
}

func texts(ld plog.Logs) []string {
	out := []string{}
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, lr := range sl.LogRecords().All() {
				out = append(out, lr.Body().Str())
			}
		}
	}
	return out
}

func TestProgress(t *testing.T) {
	const first, second, third = "one", "  two", "three"
	content := strings.Join([]string{first, second, third}, "\n") + "\n"
	thirdAt := int64(len(first) + 1 + len(second) + 1)
	for name, tc := range map[string]struct {
		between func(t *testing.T, path string) // what happens to the file while the agent is down
		offset  int64
		lines   []string
		want    []string
	}{
		"the same again":         {nil, 0, []string{first, second, third}, []string{"three"}},
		"only what is new":       {nil, thirdAt, []string{third}, []string{"three"}},
		"written over in place":  {func(t *testing.T, p string) { t.Helper(); rewrite(t, p, "ONE\nTWO-TWO\nTHREE\n") }, 0, []string{"ONE", "TWO-TWO"}, []string{"ONE", "TWO-TWO"}},
		"truncated":              {func(t *testing.T, p string) { t.Helper(); rewrite(t, p, "x\n") }, 0, []string{"x"}, []string{"x"}},
		"another file":           {func(t *testing.T, p string) { t.Helper(); replace(t, p, content) }, 0, []string{first, second}, []string{"one", "two"}},
		"truncated while read":   {nil, 0, []string{first}, []string{}},
		"gone":                   {func(t *testing.T, p string) { t.Helper(); require.NoError(t, os.Remove(p)) }, 0, []string{first}, []string{"one"}},
		"offset does not matter": {nil, thirdAt + 100, []string{"later"}, []string{"later"}},
	} {
		t.Run(name, func(t *testing.T) {
			queue, path := newTestQueue(t), filepath.Join(t.TempDir(), "a.log")
			require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
			before := NewProgress(queue.state)
			require.NoError(t, before.Prepare(t.Context()))
			queue.put(t, before.Filter(t.Context(), readAs(path, 0, first, second)))
			if tc.between != nil {
				tc.between(t, path)
			}
			after := NewProgress(queue.state)
			ld := readAs(path, tc.offset, tc.lines...)
			after.Filter(t.Context(), ld)
			require.Equal(t, tc.want, texts(ld))
			again := readAs(path, 0, first)
			after.Filter(t.Context(), again)
			if name == "truncated while read" {
				require.Equal(t, []string{"one"}, texts(again), "offsets that do not grow are a new file")
			}
		})
	}
}

func rewrite(t *testing.T, path, content string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	require.NoError(t, err)
	_, err = f.WriteString(content)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

// replace puts another file in the place of path, as a rotation does.
func replace(t *testing.T, path, content string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path+".new", []byte(content), 0o600))
	require.NoError(t, os.Rename(path+".new", path))
}

func TestProgressForgetsOldMarks(t *testing.T) {
	queue := newTestQueue(t)
	queue.put(t, map[string][]byte{
		"old": []byte(fmt.Sprintf(`{"day":%d}`, day(time.Now().Add(-markAge))-1)), "new": []byte(fmt.Sprintf(`{"day":%d}`, day(time.Now()))), "bad": []byte("{"),
	})
	require.NoError(t, NewProgress(queue.state).Prepare(t.Context()))
	require.Nil(t, queue.state.mark(t.Context(), "old"))
	require.Nil(t, queue.state.mark(t.Context(), "bad"))
	require.NotNil(t, queue.state.mark(t.Context(), "new"))
}

// readByOwn makes one record as our own receiver does: with the file's identity, what stands in the file, and where the next record begins.
func readByOwn(path, id string, offset, end int64, raw string) plog.Logs {
	ld := readAs(path, offset, raw)
	attrs := ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Attributes()
	attrs.PutStr(logs.AttrFileID, id)
	attrs.PutInt(logs.AttrFileEnd, end)
	attrs.PutStr(logs.AttrHead, raw)
	return ld
}

// fileID is the identity of a file as our own receiver writes it.
func fileID(t *testing.T, path string) string {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	return fmt.Sprintf("1-%x", inode(info))
}

// TestProgressOfOwnReceiver: files are known by their identity and records by their bytes and their end.
func TestProgressOfOwnReceiver(t *testing.T) {
	const content = "one\ntwo\n  more\n"
	for name, tc := range map[string]struct {
		between     func(t *testing.T, path string)
		offset, end int64
		raw         string
		repeated    bool
	}{
		"the marked record":        {nil, 4, 8, "two", true},
		"one before it":            {nil, 0, 4, "one", true},
		"the same, but it went on": {nil, 4, 15, "two", false},
		"one behind it":            {nil, 8, 15, "more", false},
		"written over":             {func(t *testing.T, p string) { t.Helper(); rewrite(t, p, "one\nTWO\n") }, 4, 8, "TWO", false},
		"cut short":                {func(t *testing.T, p string) { t.Helper(); rewrite(t, p, "one\n") }, 0, 4, "one", false},
		"gone":                     {func(t *testing.T, p string) { t.Helper(); require.NoError(t, os.Remove(p)) }, 4, 8, "two", false},
		"its name has another":     {func(t *testing.T, p string) { t.Helper(); replace(t, p, content) }, 4, 8, "two", false},
	} {
		t.Run(name, func(t *testing.T) {
			queue, path := newTestQueue(t), filepath.Join(t.TempDir(), "a.log")
			require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
			id := fileID(t, path)
			first := readByOwn(path, id, 4, 8, "two")
			marks := NewProgress(queue.state).Filter(t.Context(), first)
			require.Len(t, marks, 1)
			require.Contains(t, marks, id)
			attrs := first.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Attributes().AsRaw()
			require.Equal(t, map[string]any{attrFilePath: path}, attrs, "what the agent needs for itself is not sent")
			queue.put(t, marks)
			if tc.between != nil {
				tc.between(t, path)
			}
			require.Equal(t, tc.repeated, NewProgress(queue.state).Repeats(t.Context(), id, path, tc.offset, tc.end))
			ld := readByOwn(path, id, tc.offset, tc.end, tc.raw)
			NewProgress(queue.state).Filter(t.Context(), ld)
			require.Equal(t, 1, ld.LogRecordCount(), "the receiver has asked already")
		})
	}
}

// TestProgressOfAnEarlierRelease: marks under a file's path are found by a receiver that knows files by their identity.
func TestProgressOfAnEarlierRelease(t *testing.T) {
	queue, path := newTestQueue(t), filepath.Join(t.TempDir(), "a.log")
	require.NoError(t, os.WriteFile(path, []byte("one\ntwo\n"), 0o600))
	queue.put(t, NewProgress(queue.state).Filter(t.Context(), readAs(path, 0, "one")))
	after := NewProgress(queue.state)
	require.True(t, after.Repeats(t.Context(), fileID(t, path), path, 0, 4))
	require.False(t, after.Repeats(t.Context(), fileID(t, path), path, 4, 8))
	next := readByOwn(path, fileID(t, path), 4, 8, "two")
	require.NotEmpty(t, after.Filter(t.Context(), next))
	require.Equal(t, 1, next.LogRecordCount())
}

// TestProgressLeavesOthersAlone: records that come from no file pass, and a file without a place to know it by gets no mark.
func TestProgressLeavesOthersAlone(t *testing.T) {
	queue := newTestQueue(t)
	p := NewProgress(queue.state)
	ld := plog.NewLogs()
	ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body().SetStr("syslog")
	require.Empty(t, p.Filter(t.Context(), ld))
	require.Equal(t, []string{"syslog"}, texts(ld))
	missing := readAs(filepath.Join(t.TempDir(), "none"), 0, "a")
	require.Empty(t, p.Filter(t.Context(), missing), "the file is gone already")
	require.Equal(t, []string{"a"}, texts(missing))
	odd := readByOwn("/none", "1-xyz", 0, 2, "a")
	require.Empty(t, p.Filter(t.Context(), odd), "an identity that is none")
	require.Equal(t, []string{"a"}, texts(odd))
}

// TestProgressDoesNotBelieveABrokenMark: what cannot be read leaves nothing out.
func TestProgressDoesNotBelieveABrokenMark(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.log")
	require.NoError(t, os.WriteFile(path, []byte("one\n"), 0o600))
	for _, mark := range []string{"{", "{}", `{"offset":-1,"head":"one"}`, `{"offset":0,"head":"other"}`, `{"offset":0,"head":"one","inode":1}`, `{"offset":9,"raw":"b25l"}`} {
		queue := newTestQueue(t)
		queue.put(t, map[string][]byte{path: []byte(mark)})
		ld := readAs(path, 0, "one")
		NewProgress(queue.state).Filter(t.Context(), ld)
		require.Equal(t, []string{"one"}, texts(ld), mark)
	}
}
