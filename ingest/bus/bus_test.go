// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/signal"
)

// TestTopics: every signal has one, remote write's stands beside that of the metrics, and each leads back to its signal.
func TestTopics(t *testing.T) {
	topics := Topics()
	require.Len(t, topics, len(signal.All())+1)
	seen := map[string]bool{}
	for _, topic := range topics {
		require.False(t, seen[topic], topic)
		seen[topic] = true
	}
	for _, s := range signal.All() {
		require.True(t, seen[s.Topic()])
		require.Equal(t, s, SignalOf(s.Topic()))
	}
	require.Equal(t, signal.Metrics, SignalOf(TopicRemoteWrite))
}

// TestWatermark: now where everything is stored; since the oldest that is not; unknown where nobody says since when.
func TestWatermark(t *testing.T) {
	now, oldest := time.Unix(1000, 0), time.Unix(900, 0)
	require.Equal(t, now, TopicStats{Next: 5, Committed: 5, Oldest: oldest}.Watermark(now))
	require.Equal(t, now, TopicStats{Next: 5, Committed: 7}.Watermark(now), "Kafka deleted what was not stored")
	require.Equal(t, oldest, TopicStats{Next: 5, Committed: 4, Oldest: oldest}.Watermark(now))
	require.True(t, TopicStats{Next: 5, Committed: 4}.Watermark(now).IsZero())
}

// inspected is a bus of which only the state is asked.
type inspected struct {
	stats []TopicStats
	err   error
}

func (i inspected) Stats() []TopicStats { return i.stats }
func (i inspected) Err() error          { return i.err }

// losing is one that also loses.
type losing struct {
	inspected
	lost map[string]int64
}

func (l losing) Lost() map[string]int64 { return l.lost }

// TestCollector: lag of every partition, bytes where there is a limit, watermarks where they are known, and what was lost.
func TestCollector(t *testing.T) {
	stats := []TopicStats{
		{Topic: "a", Next: 10, Committed: 4, Oldest: time.Unix(1000, 500e6), Bytes: 77, LimitBytes: 100},
		{Topic: "b", Partition: 1, Next: 10, Committed: 9, Bytes: 5},
	}
	collect := func(b Inspector, want string) {
		t.Helper()
		require.NoError(t, testutil.CollectAndCompare(NewCollector(b), strings.NewReader(want)))
	}
	const lag = `
# HELP strata_bus_bytes Bytes held on disk by the embedded log.
# TYPE strata_bus_bytes gauge
strata_bus_bytes{partition="0",topic="a"} 77
# HELP strata_bus_lag_records Records that are not stored yet.
# TYPE strata_bus_lag_records gauge
strata_bus_lag_records{partition="0",topic="a"} 6
strata_bus_lag_records{partition="1",topic="b"} 1
# HELP strata_bus_watermark_seconds Unix time up to which everything the bus took has been stored.
# TYPE strata_bus_watermark_seconds gauge
strata_bus_watermark_seconds{partition="0",topic="a"} 1000.5
`
	const up = `
# HELP strata_bus_up 1 while the bus takes records.
# TYPE strata_bus_up gauge
strata_bus_up `
	collect(inspected{stats: stats}, lag+up+"1\n")
	collect(inspected{stats: stats, err: ErrFailed}, lag+up+"0\n")
	collect(losing{inspected{}, map[string]int64{"a": 3}}, up+"1\n"+`
# HELP strata_bus_lost_offsets_total Offsets that Kafka deleted before they were stored.
# TYPE strata_bus_lost_offsets_total counter
strata_bus_lost_offsets_total{topic="a"} 3
`)
	require.NoError(t, prometheus.NewPedanticRegistry().Register(NewCollector(losing{inspected{stats: stats}, nil})))

	// A partition whose records are all stored is stored up to now.
	ch := make(chan prometheus.Metric, 10)
	before := time.Now()
	NewCollector(inspected{stats: []TopicStats{{Topic: "a", Next: 4, Committed: 4}}}).Collect(ch)
	close(ch)
	found := false
	for m := range ch {
		if strings.Contains(m.Desc().String(), "strata_bus_watermark_seconds") {
			found = true
			require.GreaterOrEqual(t, testutil.ToFloat64(single{m}), float64(before.UnixMilli())/1000)
		}
	}
	require.True(t, found)
}

// single collects one metric.
type single struct{ prometheus.Metric }

func (s single) Describe(ch chan<- *prometheus.Desc) { ch <- s.Desc() }
func (s single) Collect(ch chan<- prometheus.Metric) { ch <- s.Metric }
