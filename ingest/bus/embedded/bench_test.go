// SPDX-License-Identifier: Apache-2.0

package embedded

import (
	"log/slog"
	"sync"
	"testing"

	"github.com/prometheus/prometheus/tsdb/wlog"
	"github.com/prometheus/prometheus/util/compression"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/ingest/bus"
)

// The two benchmarks behind docs/design/0002: records of 64 KiB from eight producers, each acknowledged after an fsync.
const benchProducers, benchSize = 8, 64 << 10

// benchValue compresses about threefold, as OTLP bodies do.
func benchValue() []byte {
	v := randomBytes(benchSize)
	for i := 0; i+48 <= len(v); i += 64 {
		copy(v[i:i+48], "service.name checkout http.request.method POST .")
	}
	return v
}

func produceAll(b *testing.B, produce func() error) {
	b.Helper()
	b.SetBytes(benchSize)
	b.ResetTimer()
	work := make(chan struct{})
	var wg sync.WaitGroup
	for range benchProducers {
		wg.Go(func() {
			for range work {
				if err := produce(); err != nil {
					b.Error(err)
				}
			}
		})
	}
	for range b.N {
		work <- struct{}{}
	}
	close(work)
	wg.Wait()
}

func BenchmarkProduce(b *testing.B) {
	l, err := Open(b.TempDir(), Options{Topics: []string{topic}, LimitBytes: 1 << 40, SegmentBytes: 64 << 20})
	require.NoError(b, err)
	defer func() { _ = l.Close() }()
	v := benchValue()
	produceAll(b, func() error { return l.Produce(b.Context(), topic, bus.Record{Value: v}) })
}

// BenchmarkWlog does the same with Prometheus's write-ahead log, whose Sync covers only the caller's own record.
func BenchmarkWlog(b *testing.B) {
	w, err := wlog.New(slog.New(slog.DiscardHandler), nil, b.TempDir(), compression.Snappy)
	require.NoError(b, err)
	defer func() { _ = w.Close() }()
	v := benchValue()
	var mu sync.Mutex
	produceAll(b, func() error {
		mu.Lock()
		defer mu.Unlock()
		if err := w.Log(v); err != nil {
			return err
		}
		return w.Sync()
	})
}
