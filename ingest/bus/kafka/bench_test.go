// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/ingest/bus"
)

// The benchmarks behind docs/design/0008: records of 100 kB, acks=all, one broker.
const benchSize = 100_000

// benchValue compresses about threefold, as OTLP bodies do.
func benchValue() []byte {
	v := make([]byte, benchSize)
	_, _ = rand.Read(v)
	for i := 0; i+48 <= len(v); i += 64 {
		copy(v[i:i+48], "service.name checkout http.request.method POST .")
	}
	return v
}

func BenchmarkProduce(b *testing.B) {
	for _, codec := range []string{"zstd", "lz4", "none"} {
		for _, producers := range []int{1, 32} {
			b.Run(fmt.Sprintf("%s/producers=%d", codec, producers), func(b *testing.B) {
				cfg := testConfig(cluster.Brokers...)
				cfg.Partitions, cfg.Compression, cfg.Linger = 12, codec, DefaultConfig().Linger
				topic := fmt.Sprintf("bench.%s.%d.%d", codec, producers, time.Now().UnixNano())
				bus12 := open(b, cfg, Options{Topics: []string{topic}, Logger: slog.New(slog.DiscardHandler)})
				value := benchValue()
				produce := func(n int) time.Duration {
					begin := time.Now()
					if err := bus12.Produce(b.Context(), topic, bus.Record{Key: fmt.Append(nil, n), Value: value}); err != nil {
						b.Error(err)
					}
					return time.Since(begin)
				}
				for n := range 100 { // Warm the connections and the broker's code.
					produce(n)
				}
				b.SetBytes(benchSize)
				b.ResetTimer()
				work := make(chan int)
				var mu sync.Mutex
				var took []time.Duration
				var wg sync.WaitGroup
				for range producers {
					wg.Go(func() {
						for n := range work {
							d := produce(n)
							mu.Lock()
							took = append(took, d)
							mu.Unlock()
						}
					})
				}
				for n := range b.N {
					work <- n
				}
				close(work)
				wg.Wait()
				b.StopTimer()
				slices.Sort(took)
				b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
				b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
			})
		}
	}
}

func BenchmarkConsume(b *testing.B) {
	cfg := testConfig(cluster.Brokers...)
	cfg.Partitions = 4
	topic := fmt.Sprintf("bench.consume.%d", time.Now().UnixNano())
	over := open(b, cfg, Options{Topics: []string{topic}, Logger: slog.New(slog.DiscardHandler)})
	value := benchValue()
	var wg sync.WaitGroup
	work := make(chan int)
	for range 16 {
		wg.Go(func() {
			for n := range work {
				if err := over.Produce(b.Context(), topic, bus.Record{Key: fmt.Append(nil, n), Value: value}); err != nil {
					b.Error(err)
				}
			}
		})
	}
	for n := range b.N {
		work <- n
	}
	close(work)
	wg.Wait()
	b.SetBytes(benchSize)
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	var mu sync.Mutex
	got := 0
	var once sync.Once
	require.NoError(b, over.Consume(ctx, topic, func(ctx context.Context, p bus.Partition) error {
		once.Do(b.ResetTimer)
		for offset := int64(0); ; {
			msgs, err := p.Fetch(ctx, offset, 24<<20)
			if err != nil {
				return err
			}
			offset = msgs[len(msgs)-1].Offset + 1
			mu.Lock()
			if got += len(msgs); got == b.N {
				b.StopTimer()
				cancel()
			}
			mu.Unlock()
		}
	}))
}
