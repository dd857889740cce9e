// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"

	"github.com/strata-apm/strata/ingest/bus"
)

const (
	minBackoff = 50 * time.Millisecond
	maxBackoff = 2 * time.Second
	// metadataTTL is how old the client's picture of who leads which partition may be.
	metadataTTL = time.Second
	clientID    = "strata"
)

// Options are what New is given beside the configuration.
type Options struct {
	Logger *slog.Logger
	// Topics the bus has, without Config.TopicPrefix; others are refused.
	Topics []string
	// Instance names this consumer among those of its group. The same name gets the same partitions back after a restart. Default:
	// host name and process id.
	Instance string
}

// Bus is the bus over Kafka. It implements bus.Producer, bus.Consumer and bus.Inspector, and is safe for concurrent use.
type Bus struct {
	cfg       Config
	opts      Options
	client    *kafkago.Client
	transport *kafkago.Transport
	dialer    *kafkago.Dialer
	encoder   *encoder
	conns     connections

	topicsMu chan struct{} // holds one value while topics are made or verified; a mutex that can be waited for with a context
	topics   atomic.Pointer[map[string]topicInfo]

	lanesMu  sync.Mutex
	lanes    map[laneKey]*lane
	closed   bool
	senders  sync.WaitGroup
	buffered atomic.Int64 // bytes that wait for their acknowledgement
	turn     atomic.Uint64

	stats stats
}

var (
	_ bus.Producer  = (*Bus)(nil)
	_ bus.Consumer  = (*Bus)(nil)
	_ bus.Inspector = (*Bus)(nil)
)

// New reads certificates and passwords and returns a bus. It does not connect; Check, Produce and Consume do.
func New(cfg Config, opts Options) (*Bus, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("kafka configuration: %w", err)
	}
	tlsConfig, err := cfg.TLS.config()
	if err != nil {
		return nil, err
	}
	mechanism, err := cfg.SASL.mechanism()
	if err != nil {
		return nil, err
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.Instance == "" {
		host, _ := os.Hostname()
		opts.Instance = host + "-" + strconv.Itoa(os.Getpid())
	}
	full := make([]string, len(opts.Topics))
	for i, t := range opts.Topics {
		full[i] = cfg.full(t)
	}
	opts.Topics = full
	codec, _ := compressionOf(cfg.Compression)
	enc, err := newEncoder(codec)
	if err != nil {
		return nil, err
	}
	b := &Bus{cfg: cfg, opts: opts, encoder: enc, lanes: map[laneKey]*lane{}, topicsMu: make(chan struct{}, 1)}
	b.conns.timeout = min(cfg.Timeout, 3*time.Second)
	b.transport = &kafkago.Transport{
		Dial: b.conns.dial, ClientID: clientID, DialTimeout: min(cfg.Timeout, 3*time.Second), MetadataTTL: metadataTTL, MetadataTopics: opts.Topics,
		TLS: tlsConfig, SASL: mechanism,
	}
	b.client = &kafkago.Client{Addr: kafkago.TCP(cfg.Brokers...), Transport: b.transport}
	b.dialer = newDialer(&cfg, b.transport, mechanism)
	return b, nil
}

// newDialer is for the group membership, which kafka-go keeps on connections of its own.
func newDialer(cfg *Config, t *kafkago.Transport, mechanism sasl.Mechanism) *kafkago.Dialer {
	return &kafkago.Dialer{ClientID: clientID, Timeout: min(cfg.Timeout, 3*time.Second), DualStack: true, TLS: t.TLS, SASLMechanism: mechanism}
}

// Close waits for the batches under way and closes the connections. Consume must have returned. Records produced after it get
// bus.ErrUnavailable.
func (b *Bus) Close() error {
	b.lanesMu.Lock()
	b.closed = true
	b.lanesMu.Unlock()
	b.senders.Wait()
	b.transport.CloseIdleConnections()
	b.conns.closeAll()
	return nil
}

// topicInfo is what Produce needs to know of a topic.
type topicInfo struct {
	partitions int
	// maxBytes is the broker's limit for one batch.
	maxBytes int
}

// Check creates the topics that are missing and verifies the others. It returns an error that wraps bus.ErrUnavailable when the brokers
// do not answer, and one that names topic and setting when a topic does not fit the configuration.
func (b *Bus) Check(ctx context.Context) error {
	_, err := b.topicInfos(ctx)
	return err
}

// topicInfos returns what is known of the topics, asking the brokers the first time.
func (b *Bus) topicInfos(ctx context.Context) (map[string]topicInfo, error) {
	if known := b.topics.Load(); known != nil {
		return *known, nil
	}
	ctx, cancel := context.WithTimeout(ctx, b.cfg.Timeout)
	defer cancel()
	select {
	case b.topicsMu <- struct{}{}:
		defer func() { <-b.topicsMu }()
	case <-ctx.Done():
		return nil, unavailable(fmt.Errorf("verify topics: %w", ctx.Err()))
	}
	if known := b.topics.Load(); known != nil {
		return *known, nil
	}
	infos, err := b.ensureTopics(ctx)
	if err != nil {
		return nil, err
	}
	b.topics.Store(&infos)
	return infos, nil
}

// Partitions is how many partitions the topic has, or 0 when the brokers were not reached yet. It may grow while the process runs.
func (b *Bus) Partitions(topic string) int { return b.partitionsOf(b.cfg.full(topic)) }

func (b *Bus) partitionsOf(full string) int {
	if known := b.topics.Load(); known != nil {
		return (*known)[full].partitions
	}
	return 0
}

// MaxRecordBytes is the size up to which a record, with its key and headers, is certain to fit however badly it compresses. A larger
// one is taken when it fits after compression and gets bus.ErrTooLarge otherwise.
func (b *Bus) MaxRecordBytes() int {
	limit := b.cfg.MaxMessageBytes
	if known := b.topics.Load(); known != nil {
		for _, t := range *known {
			limit = min(limit, t.maxBytes)
		}
	}
	return limit - batchHeaderLen - recordOverhead - 8*headerOverhead - limit/128
}

func (b *Bus) hasTopic(topic string) error {
	if !slices.Contains(b.opts.Topics, topic) {
		return fmt.Errorf("bus has no topic %q", topic)
	}
	return nil
}

var (
	errClosed = errors.New("bus is closed")
	errBehind = errors.New("the brokers do not take what came before")
)
