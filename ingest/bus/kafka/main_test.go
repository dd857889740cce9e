// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/strata-apm/strata/internal/testutil/kafkatest"
)

// cluster is one broker for all tests of the package: a broker takes seconds to start. Tests that kill brokers start their own.
var cluster *kafkatest.Cluster

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	flag.Parse()
	dir, err := os.MkdirTemp("", "kafka-test-*")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	bench := flag.Lookup("test.bench").Value.String() != ""
	if cluster, err = kafkatest.New(context.Background(), dir, kafkatest.Options{SASL: true, TLS: true, Throughput: bench}); err != nil {
		fmt.Fprintln(os.Stderr, "these tests need Apache Kafka:", err)
		return 1
	}
	defer func() { _ = cluster.Close() }()
	code := m.Run()
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// testConfig suits one broker and a test that does not wait.
func testConfig(brokers ...string) Config {
	c := DefaultConfig()
	c.Brokers, c.Partitions, c.ReplicationFactor = brokers, 1, 1
	c.Linger = time.Millisecond
	c.Timeout, c.DeliveryTimeout = 10*time.Second, 15*time.Second // Other tests want the processors as well.
	c.SessionTimeout, c.RebalanceTimeout = 6*time.Second, 10*time.Second
	return c
}

// open opens a bus that is closed when the test ends, and runs its Run.
func open(tb testing.TB, cfg Config, opts Options) *Bus {
	tb.Helper()
	b, closeBus := openRunning(tb, cfg, opts)
	tb.Cleanup(closeBus)
	return b
}

func openRunning(tb testing.TB, cfg Config, opts Options) (*Bus, func()) {
	tb.Helper()
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.NewTextHandler(testWriter{tb}, &slog.HandlerOptions{Level: slog.LevelInfo}))
	}
	b, err := New(cfg, opts)
	require.NoError(tb, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	return b, func() {
		cancel()
		require.NoError(tb, <-done)
		require.NoError(tb, b.Close())
	}
}

type testWriter struct{ tb testing.TB }

func (w testWriter) Write(p []byte) (int, error) {
	w.tb.Log(string(p[:max(len(p)-1, 0)]))
	return len(p), nil
}
