// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver"
	"go.uber.org/zap"

	"github.com/strata-apm/strata/collector/logs/parse"
	"github.com/strata-apm/strata/collector/logs/tail"
)

// store is a storage extension that keeps values in memory; it fails with err.
type store struct {
	component.StartFunc
	component.ShutdownFunc
	storage.Client
	err error

	mu     sync.Mutex
	values map[string][]byte // guarded by mu
}

func (s *store) GetClient(context.Context, component.Kind, component.ID, string) (storage.Client, error) {
	return s, s.err
}

func (s *store) Get(_ context.Context, key string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.values[key], nil
}

func (s *store) Set(_ context.Context, key string, value []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values[key] = value
	return nil
}

func (s *store) Close(context.Context) error { return nil }

// host has one extension.
type host struct {
	extension component.Component
	id        component.ID
}

func (h host) GetExtensions() map[component.ID]component.Component {
	return map[component.ID]component.Component{h.id: h.extension}
}

func storeID() component.ID { return component.MustNewID("store") }

func newReceiver(t *testing.T, stats *Stats, next consumer.Logs, change func(*Config)) (receiver.Logs, error) {
	t.Helper()
	factory, err := NewFactory(stats, nil)
	require.NoError(t, err)
	cfg := factory.CreateDefaultConfig().(*Config)
	cfg.Storage = storeID()
	change(cfg)
	set := receiver.Settings{ID: component.NewID(factory.Type()), TelemetrySettings: component.TelemetrySettings{Logger: zap.NewNop()}}
	return factory.CreateLogs(t.Context(), set, cfg, next) // The test looks at it.
}

func texts(sink *consumertest.LogsSink) []string {
	var out []string
	for _, ld := range sink.AllLogs() {
		for _, lr := range allRecords(ld) {
			out = append(out, lr.Body().Str())
		}
	}
	return out
}

// TestReceiver: the lines of a file become records that are joined, masked, taken apart and counted, and a second run goes on where the first one ended.
func TestReceiver(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "app.log")
	require.NoError(t, os.WriteFile(path, []byte("2026-01-02 10:00:00 ERROR failed password=hunter2\njava.lang.Error: x\n\tat a.b(c.java:1)\n{\"msg\":\"json\",\"level\":\"warn\"}\n"), 0o600))
	kept := &store{values: map[string][]byte{}}
	run := func(stats *Stats, sink *consumertest.LogsSink, want int) {
		r, err := newReceiver(t, stats, sink, func(c *Config) {
			c.Include, c.StartAt = []string{filepath.Join(dir, "*.log")}, "beginning"
			c.Resource, c.Attributes = map[string]string{"service.name": "shop"}, map[string]string{"team": "a"}
		})
		require.NoError(t, err)
		require.NoError(t, r.Start(t.Context(), host{kept, storeID()}))
		require.Eventually(t, func() bool { return sink.LogRecordCount() >= want }, 10*time.Second, 5*time.Millisecond)
		require.NoError(t, r.Shutdown(t.Context()))
		require.Equal(t, want, sink.LogRecordCount())
	}
	stats, sink := NewStats(), new(consumertest.LogsSink)
	run(stats, sink, 2)
	require.Equal(t, []string{"2026-01-02 10:00:00 ERROR failed password=***\njava.lang.Error: x\n\tat a.b(c.java:1)", "json"}, texts(sink))
	ld := sink.AllLogs()[0]
	require.Equal(t, map[string]any{"service.name": "shop"}, ld.ResourceLogs().At(0).Resource().Attributes().AsRaw())
	first := allRecords(ld)[0]
	require.Equal(t, plog.SeverityNumberError, first.SeverityNumber())
	a := first.Attributes().AsRaw()
	require.Equal(t, path, a[AttrFilePath])
	require.Equal(t, "a", a["team"])
	require.Equal(t, int64(0), a[AttrFileOffset])
	require.Positive(t, a[AttrFileEnd])
	require.NotEmpty(t, a[AttrFileID])
	st := stats.Status()
	require.Equal(t, int64(2), st[0].Records)
	require.Equal(t, int64(1), st[0].Masked)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, info.Size(), st[0].Bytes)

	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	_, err = f.WriteString("more\n")
	require.NoError(t, err)
	require.NoError(t, f.Close())
	again := new(consumertest.LogsSink)
	run(NewStats(), again, 1)
	require.Equal(t, []string{"more"}, texts(again))
}

// TestReceiverConfig: a mistake in a configuration is an error before anything is read.
func TestReceiverConfig(t *testing.T) {
	ok := func(c *Config) { c.Include = []string{"/nonexistent/*.log"} }
	for name, change := range map[string]func(*Config){
		"timezone": func(c *Config) { c.Timezone = "Mars/Olympus" }, "encoding": func(c *Config) { c.Encoding = "klingon" },
		"multiline_start": func(c *Config) { c.MultilineStart = "(" }, "follow files": func(c *Config) { c.Include = []string{"[a"} },
	} {
		_, err := newReceiver(t, NewStats(), consumertest.NewNop(), func(c *Config) { ok(c); change(c) })
		require.ErrorContains(t, err, name)
	}
	valid := Config{Include: []string{"a"}, Format: parse.Auto}
	require.NoError(t, valid.Validate())
	for want, change := range map[string]func(*Config){
		"include names no files": func(c *Config) { c.Include = nil }, `format "odd" is none of`: func(c *Config) { c.Format = "odd" },
		"max_records_per_second is negative": func(c *Config) { c.MaxRecordsPerSecond = -1 },
	} {
		c := valid
		change(&c)
		require.ErrorContains(t, c.Validate(), want)
	}
}

// TestReceiverSplits: records by a pattern, and each line for itself.
func TestReceiverSplits(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Config)
		want   []string
	}{
		"by a pattern": {func(c *Config) { c.MultilineStart = "^START" }, []string{"START a\n b\nc", "START d"}},
		"line by line": {func(c *Config) { c.Multiline = false }, []string{"START a", " b", "c", "START d"}},
		"as they are":  {func(*Config) {}, []string{"START a\n b", "c", "START d"}},
	} {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "a.log"), []byte("START a\n b\nc\nSTART d\n"), 0o600))
		var sink consumertest.LogsSink
		r, err := newReceiver(t, NewStats(), &sink, func(cfg *Config) {
			cfg.Include, cfg.StartAt, cfg.Mask = []string{filepath.Join(dir, "*.log")}, "beginning", false
			c.change(cfg)
		})
		require.NoError(t, err)
		require.NoError(t, r.Start(t.Context(), host{&store{values: map[string][]byte{}}, storeID()}))
		require.Eventually(t, func() bool { return sink.LogRecordCount() == len(c.want) }, 10*time.Second, 5*time.Millisecond, name)
		require.NoError(t, r.Shutdown(t.Context()))
		require.Equal(t, c.want, texts(&sink), name)
	}
}

func TestReceiverStorage(t *testing.T) {
	r, err := newReceiver(t, NewStats(), consumertest.NewNop(), func(c *Config) { c.Include = []string{"/nonexistent/*.log"} })
	require.NoError(t, err)
	require.NoError(t, r.Shutdown(t.Context()), "never started")
	require.ErrorContains(t, r.Start(t.Context(), componenttest.NewNopHost()), "storage store is not there")
	type other struct {
		component.StartFunc
		component.ShutdownFunc
	}
	require.ErrorContains(t, r.Start(t.Context(), host{other{}, storeID()}), "store is no storage")
	require.ErrorContains(t, r.Start(t.Context(), host{&store{err: errors.New("locked")}, storeID()}), "open checkpoints: locked")
	require.NoError(t, r.Shutdown(t.Context()))

	r, err = newReceiver(t, NewStats(), consumertest.NewNop(), func(c *Config) { c.Include = []string{"/nonexistent/*.log"} })
	require.NoError(t, err)
	require.NoError(t, r.Start(t.Context(), host{&store{values: map[string][]byte{"files": []byte("{broken")}}, storeID()}))
	require.ErrorContains(t, r.Shutdown(t.Context()), "read places of files")
}

// TestEmitAgain: records that the queue does not take are handed over again, whole, after pauses that grow; a stop does not lose them.
func TestEmitAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at []time.Duration
		begin := time.Now()
		var got []string
		next, err := consumer.NewLogs(func(_ context.Context, ld plog.Logs) error {
			at = append(at, time.Since(begin))
			lr := allRecords(ld)[0]
			got = append(got, lr.Body().Str())
			lr.Body().SetStr("changed by the queue")
			if len(at) < 9 {
				return errors.New("disk full")
			}
			return nil
		})
		require.NoError(t, err)
		f := newTestFiles(t, parse.None)
		f.next = next
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		f.emit(ctx, tail.Batch{Path: "a.log", Records: []tail.Record{{Text: "x", End: 2}}})
		require.Len(t, at, 9)
		for i, want := range []time.Duration{1, 2, 4, 8, 16, 30, 30, 30} {
			require.InDelta(t, float64(want*time.Second), float64(at[i+1]-at[i]), float64(want*time.Second)/5)
		}
		for _, text := range got {
			require.Equal(t, "x", text)
		}
		require.Equal(t, int64(1), f.counters.Records.Load())
		require.Equal(t, int64(2), f.counters.Bytes.Load())
	})
}

// TestEmitLimited: a source that writes too much is read more slowly, and counted.
func TestEmitLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sink consumertest.LogsSink
		f := newTestFiles(t, parse.None)
		f.next, f.limit = &sink, newLimiter(2, time.Now())
		begin := time.Now()
		for range 6 {
			f.emit(t.Context(), tail.Batch{Path: "a.log", Records: []tail.Record{{Text: "x"}}})
		}
		require.Equal(t, 2*time.Second, time.Since(begin), "two at once, then two in a second")
		require.Equal(t, int64(4), f.counters.HeldBack.Load())
		require.Equal(t, int64(2000), f.counters.HeldBackMillis.Load())
		require.Equal(t, 6, sink.LogRecordCount())
	})
}

func TestHead(t *testing.T) {
	for text, want := range map[string]string{
		"one\ntwo": "one", "\n \t one\r\ntwo": "one", "": "", "\n\n": "",
	} {
		require.Equal(t, want, Head(text), text)
	}
	long := strings.Repeat("é", headBytes)
	require.Equal(t, long[:headBytes], Head(long))
	require.Len(t, Head("x"+long), headBytes-1, "no half of a character")
}
