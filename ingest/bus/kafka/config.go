// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// Config says how to reach Kafka and how the topics are made.
type Config struct {
	// Brokers are host:port addresses to begin with; the cluster tells the others.
	Brokers []string `yaml:"brokers"`
	// TopicPrefix begins the name of every topic, so that installations can share a cluster; empty is none. Groups have it with the topic.
	TopicPrefix string `yaml:"topic_prefix"`
	// Group is the prefix of the consumer groups: the group of a topic is "<group>.<topic>".
	Group string `yaml:"group"`
	// Partitions and ReplicationFactor are for topics that are created; an existing topic must have at least as many of each.
	Partitions        int `yaml:"partitions"`
	ReplicationFactor int `yaml:"replication_factor"`
	// Compression is zstd, lz4, snappy or none.
	Compression string `yaml:"compression"`
	// MaxMessageBytes is the most one batch may have on the wire, and so one record after compression. Created topics get it as
	// max.message.bytes; an existing topic must allow at least as much.
	MaxMessageBytes int `yaml:"max_message_bytes"`
	// BatchBytes is when a batch is sent without waiting, before compression; Linger how long a smaller one waits for more.
	BatchBytes int           `yaml:"batch_bytes"`
	Linger     time.Duration `yaml:"linger"`
	// BufferBytes bounds the records that wait for their acknowledgement, over all partitions. Beyond it the bus is full.
	BufferBytes int64 `yaml:"buffer_bytes"`
	// FetchBytes is how much one partition asks for at once, compressed. A consumer holds up to two such pieces per partition.
	FetchBytes int `yaml:"fetch_bytes"`
	// Timeout is how long a record waits for brokers that do not answer before the bus is unavailable. DeliveryTimeout is how long
	// a record that may have been written already is asked about: long enough for another broker to take over.
	Timeout         time.Duration `yaml:"timeout"`
	DeliveryTimeout time.Duration `yaml:"delivery_timeout"`
	// SessionTimeout is after how long without a sign of life a consumer loses its partitions. RebalanceTimeout is how long the
	// others wait for it to finish the batch under way when partitions are handed out anew.
	SessionTimeout   time.Duration `yaml:"session_timeout"`
	RebalanceTimeout time.Duration `yaml:"rebalance_timeout"`

	TLS  TLS  `yaml:"tls"`
	SASL SASL `yaml:"sasl"`
}

// TLS of the connections to the brokers. Empty files mean the system's authorities and no client certificate.
type TLS struct {
	Enabled  bool   `yaml:"enabled"`
	CAFile   string `yaml:"ca_file"`
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
	// ServerName is checked instead of the broker's host name.
	ServerName string `yaml:"server_name"`
}

// SASL is how this process proves to the brokers who it is. An empty mechanism means not at all.
type SASL struct {
	// Mechanism is plain, scram-sha-256 or scram-sha-512.
	Mechanism string `yaml:"mechanism"`
	Username  string `yaml:"username"`
	Password  string `yaml:"password"`
	// PasswordFile is read when the process starts, without the newline at its end. It excludes Password.
	PasswordFile string `yaml:"password_file"`
}

// The values of SASL.Mechanism.
const (
	saslPlain  = "plain"
	saslSCRAM2 = "scram-sha-256"
	saslSCRAM5 = "scram-sha-512"
)

// minMessageBytes leaves room for the frame of a batch and the smallest useful record.
const minMessageBytes = 1 << 10

// DefaultConfig is for a cluster of three brokers; Brokers has no default.
func DefaultConfig() Config {
	return Config{
		Group: "strata", Partitions: 12, ReplicationFactor: 3, Compression: "zstd",
		// Kafka's own default, so that topics made by others fit.
		MaxMessageBytes: 1 << 20,
		BatchBytes:      1 << 20, Linger: 5 * time.Millisecond, BufferBytes: 128 << 20, FetchBytes: 1 << 20,
		Timeout: 5 * time.Second, DeliveryTimeout: 20 * time.Second,
		SessionTimeout: 30 * time.Second, RebalanceTimeout: 45 * time.Second,
	}
}

// Validate returns every mistake at once.
func (c *Config) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	check(len(c.Brokers) > 0, "brokers: at least one address is needed")
	for _, b := range c.Brokers {
		_, _, err := net.SplitHostPort(b)
		check(err == nil, "brokers: %q is not host:port", b)
	}
	check(c.Group != "", "group: must not be empty")
	check(validPrefix(c.TopicPrefix), "topic_prefix: must be at most %d of a-z, A-Z, 0-9, '.', '_' and '-', not %q", maxPrefix, c.TopicPrefix)
	check(c.Partitions > 0, "partitions: must be at least 1, not %d", c.Partitions)
	check(c.ReplicationFactor > 0, "replication_factor: must be at least 1, not %d", c.ReplicationFactor)
	_, known := compressionOf(c.Compression)
	check(known, "compression: must be zstd, lz4, snappy or none, not %q", c.Compression)
	check(c.MaxMessageBytes >= minMessageBytes, "max_message_bytes: must be at least %d, not %d", minMessageBytes, c.MaxMessageBytes)
	check(c.BatchBytes > 0, "batch_bytes: must be positive, not %d", c.BatchBytes)
	check(c.Linger >= 0 && c.Linger < c.Timeout, "linger: must be from 0 to less than timeout, not %s", c.Linger)
	check(c.BufferBytes >= int64(c.MaxMessageBytes), "buffer_bytes: must be at least max_message_bytes, not %d", c.BufferBytes)
	check(c.FetchBytes > 0, "fetch_bytes: must be positive, not %d", c.FetchBytes)
	check(c.Timeout >= time.Second, "timeout: must be at least 1s, not %s", c.Timeout)
	check(c.DeliveryTimeout >= c.Timeout, "delivery_timeout: must be at least timeout, not %s", c.DeliveryTimeout)
	check(c.SessionTimeout >= time.Second, "session_timeout: must be at least 1s, not %s", c.SessionTimeout)
	check(c.RebalanceTimeout >= c.SessionTimeout, "rebalance_timeout: must be at least session_timeout, not %s", c.RebalanceTimeout)
	check((c.TLS.CertFile == "") == (c.TLS.KeyFile == ""), "tls: cert_file and key_file go together")
	check(c.TLS.Enabled || c.TLS == TLS{}, "tls: files or a server name are given but enabled is false")
	if s := c.SASL; s != (SASL{}) {
		check(slices.Contains([]string{saslPlain, saslSCRAM2, saslSCRAM5}, s.Mechanism),
			"sasl.mechanism: must be plain, scram-sha-256 or scram-sha-512, not %q", s.Mechanism)
		check(s.Username != "", "sasl.username: must not be empty")
		check((s.Password == "") != (s.PasswordFile == ""), "sasl: one of password and password_file is needed")
	}
	return errors.Join(errs...)
}

// compressionOf is the codec of a name in the configuration.
func compressionOf(name string) (kafkago.Compression, bool) {
	switch name {
	case "zstd":
		return kafkago.Zstd, true
	case "lz4":
		return kafkago.Lz4, true
	case "snappy":
		return kafkago.Snappy, true
	default:
		return attrNone, name == "none"
	}
}

// maxPrefix leaves room for the topics' own names in the 249 characters that Kafka allows
// (https://github.com/apache/kafka/blob/4.1/clients/src/main/java/org/apache/kafka/common/internals/Topic.java).
const maxPrefix = 200

func validPrefix(s string) bool {
	return len(s) <= maxPrefix && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '.' && r != '_' && r != '-'
	})
}

// full is the name that a topic of the bus has in the cluster.
func (c *Config) full(topic string) string { return c.TopicPrefix + topic }

// plain is full's reverse.
func (c *Config) plain(full string) string { return strings.TrimPrefix(full, c.TopicPrefix) }

// groupOf is the consumer group of a topic, by its full name.
func (c *Config) groupOf(topic string) string { return c.Group + "." + topic }
