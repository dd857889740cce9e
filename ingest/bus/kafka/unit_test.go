// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/ingest/bus"
)

// kafka-go's own decoder is the oracle of our encoder.
func TestBatchDecodes(t *testing.T) {
	recs := []*bus.Record{
		{Key: []byte("k"), Value: bytes.Repeat([]byte("checkout "), 5000), Headers: []bus.Header{{Key: "a", Value: "1"}, {Key: "", Value: ""}}},
		{Value: []byte{}},
		{Key: []byte{}},
		{Key: []byte{0}, Value: []byte("last")},
	}
	now := time.Now().Truncate(time.Millisecond)
	for _, codec := range []kafkago.Compression{attrNone, kafkago.Zstd, kafkago.Lz4, kafkago.Snappy} {
		t.Run(codec.String(), func(t *testing.T) {
			enc, err := newEncoder(codec)
			require.NoError(t, err)
			raw, err := enc.batch(recs, now)
			require.NoError(t, err)
			stamp(raw, sequence{producerID: 1<<40 + 7, epoch: 3, first: 42})
			var set protocol.RecordSet
			_, err = set.ReadFrom(bytes.NewReader(append(binary.BigEndian.AppendUint32(nil, uint32(len(raw))), raw...)))
			require.NoError(t, err)
			batch := set.Records.(*protocol.RecordStream).Records[0].(*protocol.RecordBatch)
			require.Equal(t, [3]int64{1<<40 + 7, 3, 42}, [3]int64{batch.ProducerID, int64(batch.ProducerEpoch), int64(batch.BaseSequence)})
			got, err := read(set.Records, 0)
			require.NoError(t, err)
			require.Equal(t, int64(len(recs)), got.next)
			for i, m := range got.msgs {
				require.Equal(t, *recs[i], m.Record)
				require.Equal(t, now.UnixMilli(), m.Time.UnixMilli())
			}
		})
	}
}

func TestBatchFitsItsEstimate(t *testing.T) {
	for n := range 200 {
		rec := bus.Record{Key: make([]byte, n), Value: make([]byte, n*n), Headers: []bus.Header{{Key: strings.Repeat("k", n), Value: strings.Repeat("v", n)}}}
		require.LessOrEqual(t, len(appendRecord(nil, &rec, n)), recordSize(&rec))
	}
}

func TestSequenceWraps(t *testing.T) {
	require.Equal(t, sequence{first: 1}, sequence{first: 1<<31 - 1}.next(2))
}

// The Java client's partitioner, by kafka-go's port of it.
func TestPartitionOf(t *testing.T) {
	for n := range 300 {
		key := make([]byte, n%37)
		for i := range key {
			key[i] = byte(rand.IntN(256))
		}
		partitions := make([]int, 1+n%24)
		for i := range partitions {
			partitions[i] = i
		}
		require.Equal(t, kafkago.Murmur2Balancer{}.Balance(kafkago.Message{Key: key}, partitions...), PartitionOf(key, len(partitions)))
	}
	require.Zero(t, PartitionOf([]byte("k"), 0))
}

func TestBalancer(t *testing.T) {
	assign := func(partitions int, instances ...string) map[int]string {
		var members []kafkago.GroupMember
		var parts []kafkago.Partition
		for i, name := range instances {
			members = append(members, kafkago.GroupMember{ID: fmt.Sprintf("%d-%d", rand.Uint64(), i), Topics: []string{"a", "b"}, UserData: []byte(name)})
		}
		for i := range partitions {
			parts = append(parts, kafkago.Partition{Topic: "a", ID: i}, kafkago.Partition{Topic: "b", ID: i})
		}
		owner := map[int]string{}
		for id, topics := range (balancer{}).AssignGroups(members, parts) {
			require.Equal(t, topics["a"], topics["b"], "topics alike are handed out alike")
			for _, m := range members {
				if m.ID == id {
					require.InDelta(t, float64(partitions)/float64(len(members)), len(topics["a"]), 0.999)
					for _, p := range topics["a"] {
						require.Empty(t, owner[p])
						owner[p] = string(m.UserData)
					}
				}
			}
		}
		require.Len(t, owner, partitions)
		return owner
	}
	for _, partitions := range []int{1, 3, 12, 50} {
		three := assign(partitions, "w1", "w2", "w3")
		require.Equal(t, three, assign(partitions, "w3", "w1", "w2"), "a restart changes nothing")
		two, moved := assign(partitions, "w1", "w3"), 0
		for p, owner := range three {
			if owner != "w2" && two[p] != owner {
				moved++
			}
		}
		require.LessOrEqual(t, moved, partitions/3, "of %d", partitions)
		assign(partitions, "same", "same", "same", "other")
	}
}

func TestMetadata(t *testing.T) {
	epoch := newEpoch()
	for _, c := range []struct{ in, epoch, metadata string }{
		{encodeMetadata(epoch, ""), epoch, ""},
		{encodeMetadata(epoch, "17"), epoch, "17"},
		{encodeMetadata(epoch, "a b"), epoch, "a b"},
		{"", "", ""},
		{"17", "", ""},
		{"set by hand", "", ""},
		{"0123456 7", "", ""},
	} {
		gotEpoch, gotMetadata := decodeMetadata(c.in)
		require.Equal(t, [2]string{c.epoch, c.metadata}, [2]string{gotEpoch, gotMetadata}, "%q", c.in)
	}
}

func TestValidate(t *testing.T) {
	good := testConfig("127.0.0.1:9092")
	require.NoError(t, good.Validate())
	for _, c := range []struct {
		change func(*Config)
		say    string
	}{
		{func(c *Config) { c.Brokers = nil }, "brokers"},
		{func(c *Config) { c.Brokers = []string{"kafka"} }, "host:port"},
		{func(c *Config) { c.Group = "" }, "group"},
		{func(c *Config) { c.TopicPrefix = "a b" }, "topic_prefix"},
		{func(c *Config) { c.TopicPrefix = strings.Repeat("a", 201) }, "topic_prefix"},
		{func(c *Config) { c.Partitions = 0 }, "partitions"},
		{func(c *Config) { c.ReplicationFactor = -1 }, "replication_factor"},
		{func(c *Config) { c.Compression = "gzip" }, "compression"},
		{func(c *Config) { c.MaxMessageBytes = 10 }, "max_message_bytes"},
		{func(c *Config) { c.BatchBytes = 0 }, "batch_bytes"},
		{func(c *Config) { c.Linger = time.Hour }, "linger"},
		{func(c *Config) { c.BufferBytes = 1 }, "buffer_bytes"},
		{func(c *Config) { c.FetchBytes = 0 }, "fetch_bytes"},
		{func(c *Config) { c.Timeout = 0 }, "timeout"},
		{func(c *Config) { c.DeliveryTimeout = time.Second }, "delivery_timeout"},
		{func(c *Config) { c.SessionTimeout = 0 }, "session_timeout"},
		{func(c *Config) { c.RebalanceTimeout = time.Second }, "rebalance_timeout"},
		{func(c *Config) { c.TLS.CAFile = "ca.pem" }, "tls"},
		{func(c *Config) { c.TLS = TLS{Enabled: true, CertFile: "c.pem"} }, "key_file"},
		{func(c *Config) { c.SASL = SASL{Mechanism: "gssapi", Username: "u", Password: "p"} }, "sasl.mechanism"},
		{func(c *Config) { c.SASL = SASL{Username: "u", Password: "p"} }, "sasl.mechanism"},
		{func(c *Config) { c.SASL = SASL{Mechanism: "plain", Password: "p"} }, "sasl.username"},
		{func(c *Config) { c.SASL = SASL{Mechanism: "plain", Username: "u", Password: "p", PasswordFile: "f"} }, "password_file"},
	} {
		bad := good
		c.change(&bad)
		require.ErrorContains(t, bad.Validate(), c.say)
	}
	missing := good
	missing.TLS = TLS{Enabled: true, CAFile: "/does/not/exist"}
	_, err := New(missing, Options{})
	require.ErrorContains(t, err, "ca_file")
	missing = good
	missing.SASL = SASL{Mechanism: "plain", Username: "u", PasswordFile: "/does/not/exist"}
	_, err = New(missing, Options{})
	require.ErrorContains(t, err, "password_file")
}
