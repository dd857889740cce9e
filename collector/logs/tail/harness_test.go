// SPDX-License-Identifier: Apache-2.0

package tail

import (
	"bytes"
	"compress/gzip"
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"

	"github.com/strata-apm/strata/collector/logs/charset"
)

// memory is a store that lives as long as the test.
type memory struct {
	storage.Client
	values map[string][]byte
}

func (m *memory) Get(_ context.Context, key string) ([]byte, error) { return m.values[key], nil }

func (m *memory) Set(_ context.Context, key string, value []byte) error {
	m.values[key] = value
	return nil
}

// harness follows files round by round, at times of the test's own.
type harness struct {
	t     *testing.T
	dir   string
	store *memory
	opts  Options
	now   time.Time
	tail  *Follower

	mu   sync.Mutex
	got  []string // guarded by mu
	recs []Record // guarded by mu
}

// lines is a Split for one record per line.
func lines(data []byte, final bool) (int, []byte) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i]
	}
	if final {
		return len(data), data
	}
	return 0, nil
}

// indented joins indented lines to the one before.
func indented(data []byte, final bool) (int, []byte) {
	for end := 0; ; {
		i := bytes.IndexByte(data[end:], '\n')
		switch {
		case i < 0 && final:
			return len(data), bytes.TrimRight(data, "\n")
		case i < 0:
			return 0, nil
		}
		end += i + 1
		if end < len(data) && data[end] != ' ' {
			return end, data[:end-1]
		}
	}
}

func newHarness(t *testing.T, pattern string, split Split) *harness {
	t.Helper()
	h := &harness{t: t, dir: t.TempDir(), store: &memory{values: map[string][]byte{}}, now: time.Now()}
	h.opts = Options{
		Include: []string{filepath.Join(h.dir, pattern)}, Split: split, FlushRecord: time.Second, FlushLine: 3 * time.Second, RotateWait: time.Minute, Logger: zap.NewNop(),
		Emit: func(_ context.Context, b Batch) {
			h.mu.Lock()
			defer h.mu.Unlock()
			for _, r := range b.Records {
				h.got, h.recs = append(h.got, r.Text), append(h.recs, r)
			}
		},
	}
	h.start()
	return h
}

// start makes a follower as a start of the agent does.
func (h *harness) start() {
	h.t.Helper()
	var err error
	h.tail, err = New(h.opts)
	require.NoError(h.t, err)
	h.tail.store = h.store
	require.NoError(h.t, h.tail.load(h.t.Context()))
	h.t.Cleanup(h.kill)
}

// kill closes what the process would lose.
func (h *harness) kill() {
	for _, f := range h.tail.files {
		f.close()
	}
}

func (h *harness) restart() {
	h.t.Helper()
	h.tail.stop(h.t.Context())
	h.start()
}

// pass lets time go by with a round at its end.
func (h *harness) pass(d time.Duration) {
	h.now = h.now.Add(d)
	h.tail.round(h.t.Context(), h.now)
}

// want compares the records since the last call.
func (h *harness) want(texts ...string) {
	h.t.Helper()
	if len(texts) == 0 {
		require.Empty(h.t, h.got)
		return
	}
	require.ElementsMatch(h.t, texts, h.got)
	h.got = nil
}

func (h *harness) path(name string) string { return filepath.Join(h.dir, name) }

func (h *harness) write(name, text string) {
	h.t.Helper()
	f, err := os.OpenFile(h.path(name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(h.t, err)
	_, err = f.WriteString(text)
	require.NoError(h.t, err)
	require.NoError(h.t, f.Close())
}

func (h *harness) rename(from, to string) {
	h.t.Helper()
	require.NoError(h.t, os.Rename(h.path(from), h.path(to)))
}

func (h *harness) copy(from, to string) {
	h.t.Helper()
	b, err := os.ReadFile(h.path(from))
	require.NoError(h.t, err)
	h.write(to, string(b))
}

func (h *harness) gzip(from, to string) {
	h.t.Helper()
	b, err := os.ReadFile(h.path(from))
	require.NoError(h.t, err)
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err = w.Write(b)
	require.NoError(h.t, err)
	require.NoError(h.t, w.Close())
	h.write(to, out.String())
	old := h.now.Add(-time.Hour)
	require.NoError(h.t, os.Chtimes(h.path(to), old, old))
	require.NoError(h.t, os.Remove(h.path(from)))
}

func (h *harness) encoding(name string) {
	h.t.Helper()
	var err error
	h.opts.Encoding, err = charset.Lookup(name)
	require.NoError(h.t, err)
	h.start()
}
