// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/ingest/bus"
)

// consumeUntil runs handle over the one partition of a topic.
func consumeUntil(t *testing.T, b *Bus, topic string, handle func(context.Context, bus.Partition)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	ran := false
	require.NoError(t, b.Consume(ctx, topic, func(ctx context.Context, p bus.Partition) error {
		defer cancel()
		ran = true
		handle(ctx, p)
		return nil
	}))
	require.True(t, ran)
}

func fetchAll(ctx context.Context, t *testing.T, p bus.Partition, offset int64, n int) []bus.Message {
	t.Helper()
	var out []bus.Message
	for len(out) < n {
		msgs, err := p.Fetch(ctx, offset, 1<<20)
		require.NoError(t, err)
		out = append(out, msgs...)
		offset = msgs[len(msgs)-1].Offset + 1
	}
	return out
}

// What another program writes, without headers and keys and in any compression, passes.
func TestForeignProducer(t *testing.T) {
	t.Parallel()
	topic := topicName(t)
	b := open(t, testConfig(cluster.Brokers...), Options{Topics: []string{topic}})
	require.NoError(t, b.Check(t.Context()))
	var want []string
	for _, codec := range []kafkago.Compression{attrNone, kafkago.Gzip, kafkago.Snappy, kafkago.Lz4, kafkago.Zstd} {
		w := &kafkago.Writer{
			Addr: kafkago.TCP(cluster.Brokers...), Topic: topic, Compression: codec, RequiredAcks: kafkago.RequireAll,
			BatchTimeout: time.Millisecond, Transport: client(t).Transport,
		}
		var msgs []kafkago.Message
		for i := range 3 {
			want = append(want, fmt.Sprintf("%s %d", codec, i))
			msgs = append(msgs, kafkago.Message{Value: []byte(want[len(want)-1])})
		}
		require.NoError(t, w.WriteMessages(t.Context(), msgs...))
		require.NoError(t, w.Close())
	}
	consumeUntil(t, b, topic, func(ctx context.Context, p bus.Partition) {
		for i, m := range fetchAll(ctx, t, p, 0, len(want)) {
			require.Equal(t, want[i], string(m.Value))
			require.Empty(t, m.Headers)
			require.Empty(t, m.Key)
		}
	})
}

// A transaction leaves a marker that takes up an offset; so does one that stands at the end of the log, alone.
func TestTransactionMarkersAreGaps(t *testing.T) {
	t.Parallel()
	topic := topicName(t)
	b := open(t, testConfig(cluster.Brokers...), Options{Topics: []string{topic}})
	require.NoError(t, b.Check(t.Context()))
	c := client(t)
	transaction := func(value string) {
		id := &kafkago.InitProducerIDRequest{TransactionalID: topic, TransactionTimeoutMs: 10000, ProducerID: -1, ProducerEpoch: -1}
		var session *kafkago.InitProducerIDResponse
		require.Eventually(t, func() bool { // The coordinator's topic is being made.
			var err error
			session, err = c.InitProducerID(t.Context(), id)
			return err == nil && session.Error == nil
		}, 20*time.Second, 50*time.Millisecond)
		pid, epoch := session.Producer.ProducerID, session.Producer.ProducerEpoch
		require.Eventually(t, func() bool {
			added, err := c.AddPartitionsToTxn(t.Context(), &kafkago.AddPartitionsToTxnRequest{
				TransactionalID: topic, ProducerID: pid, ProducerEpoch: epoch, Topics: map[string][]kafkago.AddPartitionToTxn{topic: {{Partition: 0}}},
			})
			return err == nil && added.Topics[topic][0].Error == nil
		}, 20*time.Second, 50*time.Millisecond)
		raw, err := (&encoder{}).batch([]*bus.Record{{Value: []byte(value)}}, time.Now())
		require.NoError(t, err)
		raw[22] |= 0x10 // Transactional.
		stamp(raw, sequence{producerID: int64(pid), epoch: int16(epoch)})
		produced, err := c.RawProduce(t.Context(), &kafkago.RawProduceRequest{
			Topic: topic, TransactionalID: topic, RequiredAcks: kafkago.RequireAll,
			RawRecords: protocol.RawRecordSet{Reader: io.MultiReader(bytes.NewReader(binary.BigEndian.AppendUint32(nil, uint32(len(raw)))), bytes.NewReader(raw))},
		})
		require.NoError(t, err)
		require.NoError(t, produced.Error)
		end, err := c.EndTxn(t.Context(), &kafkago.EndTxnRequest{TransactionalID: topic, ProducerID: pid, ProducerEpoch: epoch, Committed: true})
		require.NoError(t, err)
		require.NoError(t, end.Error)
		require.Eventually(t, func() bool { // The marker is written after the answer.
			got, err := c.ListOffsets(t.Context(), &kafkago.ListOffsetsRequest{Topics: map[string][]kafkago.OffsetRequest{topic: {kafkago.LastOffsetOf(0)}}})
			return err == nil && len(got.Topics[topic]) == 1 && got.Topics[topic][0].LastOffset == produced.BaseOffset+2
		}, 20*time.Second, 10*time.Millisecond)
	}
	transaction("a")
	transaction("b")
	require.NoError(t, b.Produce(t.Context(), topic, bus.Record{Value: []byte("c")}))
	consumeUntil(t, b, topic, func(ctx context.Context, p bus.Partition) {
		msgs := fetchAll(ctx, t, p, 0, 3)
		require.Equal(t, []int64{0, 2, 4}, []int64{msgs[0].Offset, msgs[1].Offset, msgs[2].Offset})
		// From a marker on, and from a marker on that is all there is at first.
		again, err := p.Fetch(ctx, 1, 1<<20)
		require.NoError(t, err)
		require.Equal(t, "b", string(again[0].Value))
		transaction("d")
		require.Equal(t, "d", string(fetchAll(ctx, t, p, 5, 1)[0].Value))
		short, cancel := context.WithTimeout(ctx, 700*time.Millisecond)
		defer cancel()
		_, err = p.Fetch(short, 6, 1<<20)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NoError(t, b.Produce(ctx, topic, bus.Record{Value: []byte("e")}))
		require.Equal(t, "e", string(fetchAll(ctx, t, p, 6, 1)[0].Value))
	})
}

// Retention deletes records that were not stored: that is counted and said, and reading goes on behind the gap.
func TestRetentionGapIsCounted(t *testing.T) {
	t.Parallel()
	topic := topicName(t)
	createTopic(t, topic, 1, "segment.bytes", "1048576", "retention.bytes", "1048576", "file.delete.delay.ms", "0", settingMaxBytes, "1048588")
	cfg := testConfig(cluster.Brokers...)
	cfg.Compression = "none"
	b := open(t, cfg, Options{Topics: []string{topic}})
	value := make([]byte, 300<<10)
	for range 4 {
		require.NoError(t, b.Produce(t.Context(), topic, bus.Record{Value: value}))
	}
	consumeUntil(t, b, topic, func(ctx context.Context, p bus.Partition) {
		require.NoError(t, p.Commit(ctx, bus.Position{Offset: 1, Metadata: "2"}))
	})
	for range 20 {
		require.NoError(t, b.Produce(t.Context(), topic, bus.Record{Value: value}))
	}
	require.Eventually(t, func() bool { s := b.Stats(); return len(s) == 1 && s[0].First > 3 }, 30*time.Second, 20*time.Millisecond)
	first := b.Stats()[0].First
	consumeUntil(t, b, topic, func(ctx context.Context, p bus.Partition) {
		pos, err := p.Position(ctx)
		require.NoError(t, err)
		require.Equal(t, bus.Position{Offset: 1, Metadata: "2"}, pos, "the batch that was decided keeps its name")
		msgs, err := p.Fetch(ctx, pos.Offset, 1)
		require.NoError(t, err)
		require.GreaterOrEqual(t, msgs[0].Offset, first)
		require.Equal(t, msgs[0].Offset-1, b.Lost()[topic])
	})
}

// A topic that is made anew has the same offsets again: its batches must not bear the names of the old ones.
func TestTopicMadeAnewHasAnotherName(t *testing.T) {
	t.Parallel()
	topic := topicName(t)
	b, closeBus := openRunning(t, testConfig(cluster.Brokers...), Options{Topics: []string{topic}})
	require.NoError(t, b.Produce(t.Context(), topic, bus.Record{Value: []byte("old")}))
	var names []string
	for range 2 {
		consumeUntil(t, b, topic, func(ctx context.Context, p bus.Partition) {
			names = append(names, p.Name())
			require.NoError(t, p.Commit(ctx, bus.Position{Offset: 1}))
		})
	}
	require.Equal(t, names[0], names[1])
	closeBus()
	deleted, err := client(t).DeleteTopics(t.Context(), &kafkago.DeleteTopicsRequest{Topics: []string{topic}})
	require.NoError(t, err)
	require.NoError(t, deleted.Errors[topic])
	b = open(t, testConfig(cluster.Brokers...), Options{Topics: []string{topic}})
	require.Eventually(t, func() bool { return b.Produce(t.Context(), topic, bus.Record{Value: []byte("new")}) == nil }, 20*time.Second, 50*time.Millisecond)
	consumeUntil(t, b, topic, func(ctx context.Context, p bus.Partition) {
		pos, err := p.Position(ctx)
		require.NoError(t, err)
		require.Equal(t, bus.Position{}, pos)
		require.NotEqual(t, names[0], p.Name())
		require.Equal(t, "new", string(fetchAll(ctx, t, p, 0, 1)[0].Value))
	})
}
