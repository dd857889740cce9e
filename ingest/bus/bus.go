// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"context"
	"errors"
	"time"

	"github.com/strata-apm/strata/signal"
)

// TopicRemoteWrite carries requests of Prometheus remote write, which have no lossless OTLP form. Each signal has a topic of its own beside it.
const TopicRemoteWrite = "strata.remotewrite"

// Topics returns every topic of the bus: one per signal, plus remote write.
func Topics() []string {
	var out []string
	for _, s := range signal.All() {
		if out = append(out, s.Topic()); s == signal.Metrics {
			out = append(out, TopicRemoteWrite)
		}
	}
	return out
}

// SignalOf is the signal of what a topic carries; remote write carries metrics.
func SignalOf(topic string) signal.Signal {
	if s, ok := signal.OfTopic(topic); ok {
		return s
	}
	return signal.Metrics
}

// Errors of a bus, wrapped; decide with errors.Is.
var (
	// ErrFull says that the byte limit of the bus is reached; it recovers when the writers catch up.
	ErrFull = errors.New("bus is full")
	// ErrUnavailable says that the bus cannot take records now: broker away, disk full, closing.
	ErrUnavailable = errors.New("bus unavailable")
	// ErrFailed says that an fsync failed: what the disk holds is unknown, nothing is acknowledged until a restart.
	ErrFailed = errors.New("bus failed")
	// ErrTooLarge says that one record is larger than the bus can ever hold.
	ErrTooLarge = errors.New("record too large")
	// ErrFenced says that the partition belongs to another consumer by now: what was to be committed was not, and whoever owns the
	// partition goes on from what was committed before. A Consumer takes it as the end of the partition, not as a failure.
	ErrFenced = errors.New("partition taken over")
)

// Header is one name and value carried beside a record.
type Header struct {
	Key   string
	Value string
}

// Record is what a producer hands over: one OTLP export request (protobuf) of one signal.
type Record struct {
	// Key spreads records over partitions: traces by trace id, metrics and logs by resource hash.
	Key []byte
	// Value is the request body, uncompressed; the bus compresses.
	Value []byte
	// Headers carry what the ledger needs to know again at the writer: the source and the number of items.
	Headers []Header
}

// Message is a record as a consumer reads it back.
type Message struct {
	Record
	// Offset counts records of the partition from 0 without gaps in the embedded log; Kafka may leave gaps.
	Offset int64
	// Time is when the bus took the record.
	Time time.Time
}

// Position is how far a consumer group has come in one partition.
type Position struct {
	// Offset is the first offset not yet stored.
	Offset int64
	// Metadata is a short string kept with the offset; it holds the end of the batch being inserted.
	Metadata string
}

// Producer takes records durably. Safe for concurrent use.
type Producer interface {
	// Produce returns nil only when every record is on stable storage. On an error none, some or all of them may have been
	// kept: the caller must not acknowledge. It keeps no reference to recs after it returned.
	Produce(ctx context.Context, topic string, recs ...Record) error
}

// Partition is one partition of one topic, as seen by the consumer that owns it now. Not safe for concurrent use.
type Partition interface {
	// Name is the first half of a batch id: "topic-partition", and behind a dot whatever sets this log apart from an earlier one of
	// the same name, whose offsets may have been used for other records.
	Name() string
	// Position returns the committed position; a partition never committed starts at its first offset.
	Position(ctx context.Context) (Position, error)
	// Fetch returns messages from offset on, at most maxBytes of values but at least one message. It waits until there is
	// one or ctx ends. An offset that was trimmed away is an error in the embedded log, which trims behind the position only; Kafka's
	// retention asks nobody, so there the gap is logged, counted and stepped over.
	Fetch(ctx context.Context, offset int64, maxBytes int) ([]Message, error)
	// Commit stores the position durably. Everything before pos.Offset may be trimmed from then on. After any error the caller must
	// stop with this partition: what is committed now is known only to the next Position of the next owner.
	Commit(ctx context.Context, pos Position) error
}

// Consumer hands out partitions. Safe for concurrent use.
type Consumer interface {
	// Consume calls handle once for every partition this process owns, each in its own goroutine, until ctx ends. The context
	// given to handle ends when the partition is taken away. When handle returns an error Consume stops and returns it, except
	// that over Kafka ErrFenced, ErrUnavailable and the end of handle's context only mean that the partition is handed out anew.
	Consume(ctx context.Context, topic string, handle func(context.Context, Partition) error) error
}

// TopicStats describes one partition for the Data health page.
type TopicStats struct {
	Topic     string
	Partition int
	// First is the oldest offset still held, Next the offset the next record gets, Committed the first one not yet stored.
	First, Next, Committed int64
	// Bytes are on disk now, LimitBytes may be.
	Bytes, LimitBytes int64
	// Oldest is when the oldest record not yet stored was taken; zero when everything is stored.
	Oldest time.Time
}

// Watermark is the time up to which everything the bus took into the partition has been stored, zero when that is not known. now is returned where everything is stored.
func (s TopicStats) Watermark(now time.Time) time.Time {
	if s.Next <= s.Committed {
		return now
	}
	return s.Oldest
}

// Inspector tells how full the bus is.
type Inspector interface {
	// Stats describes every partition that this process knows, in the order of topics.
	Stats() []TopicStats
	// Err is non-nil when the bus takes no records, and says why.
	Err() error
}

// Losing is a bus whose records may be deleted before they are stored.
type Losing interface {
	// Lost counts, by topic, the offsets that were deleted before they were stored.
	Lost() map[string]int64
}
