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
