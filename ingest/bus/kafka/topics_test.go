// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/ingest/bus"
	"github.com/strata-apm/strata/internal/testutil/kafkatest"
)

func topicName(t *testing.T) string {
	t.Helper()
	return strings.NewReplacer("/", ".", " ", "_").Replace(t.Name())
}

// client is another program on the same cluster.
func client(t *testing.T) *kafkago.Client {
	t.Helper()
	transport := &kafkago.Transport{MetadataTTL: time.Second}
	t.Cleanup(transport.CloseIdleConnections)
	return &kafkago.Client{Addr: kafkago.TCP(cluster.Brokers...), Transport: transport, Timeout: 10 * time.Second}
}

func createTopic(t *testing.T, name string, partitions int, settings ...string) {
	t.Helper()
	cfg := kafkago.TopicConfig{Topic: name, NumPartitions: partitions, ReplicationFactor: 1}
	for i := 0; i < len(settings); i += 2 {
		cfg.ConfigEntries = append(cfg.ConfigEntries, kafkago.ConfigEntry{ConfigName: settings[i], ConfigValue: settings[i+1]})
	}
	resp, err := client(t).CreateTopics(t.Context(), &kafkago.CreateTopicsRequest{Topics: []kafkago.TopicConfig{cfg}})
	require.NoError(t, err)
	require.NoError(t, resp.Errors[name])
}

func TestMissingTopicIsCreated(t *testing.T) {
	t.Parallel()
	cfg := testConfig(cluster.Brokers...)
	cfg.Partitions = 5
	b := open(t, cfg, Options{Topics: []string{topicName(t)}})
	require.Zero(t, b.Partitions(topicName(t)))
	require.NoError(t, b.Check(t.Context()))
	require.Equal(t, 5, b.Partitions(topicName(t)))
	require.InDelta(t, 1<<20, b.MaxRecordBytes(), 1<<14)
	require.NoError(t, b.Produce(t.Context(), topicName(t), bus.Record{Key: []byte("k"), Value: []byte("v")}))
}

func TestExistingTopicIsVerified(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		partitions int
		settings   []string
		change     func(*Config)
		say        string
	}{
		"fits":        {partitions: 4},
		"more":        {partitions: 9},
		"fewer":       {partitions: 3, say: "partitions: the topic has 3, the configuration asks for 4"},
		"copies":      {partitions: 4, change: func(c *Config) { c.ReplicationFactor = 3 }, say: "replication_factor: the topic has 1, the configuration asks for 3"},
		"small":       {partitions: 4, settings: []string{settingMaxBytes, "50000"}, say: "max.message.bytes: the topic allows 50000"},
		"compacted":   {partitions: 4, settings: []string{settingCleanup, "compact"}, say: "cleanup.policy: must be delete"},
		"too.copious": {partitions: 0, change: func(c *Config) { c.ReplicationFactor = 3 }, say: "replication_factor: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			topic := topicName(t)
			if c.partitions > 0 {
				createTopic(t, topic, c.partitions, c.settings...)
			}
			cfg := testConfig(cluster.Brokers...)
			cfg.Partitions = 4
			if c.change != nil {
				c.change(&cfg)
			}
			b := open(t, cfg, Options{Topics: []string{topic}})
			err := b.Check(t.Context())
			if c.say == "" {
				require.NoError(t, err)
				require.Equal(t, c.partitions, b.Partitions(topic))
				return
			}
			require.ErrorContains(t, err, topic)
			require.ErrorContains(t, err, c.say)
			require.Error(t, b.Produce(t.Context(), topic, bus.Record{Value: []byte("v")}))
			require.Eventually(t, func() bool { return b.Err() != nil && strings.Contains(b.Err().Error(), c.say) }, 10*time.Second, 10*time.Millisecond)
		})
	}
}

// TestTopicPrefix: two installations on one cluster, whose topics have the same names but for the prefix, see nothing of each other.
func TestTopicPrefix(t *testing.T) {
	t.Parallel()
	topic := topicName(t)
	buses := map[string]*Bus{}
	for _, prefix := range []string{"", "one.", "two-"} {
		cfg := testConfig(cluster.Brokers...)
		cfg.TopicPrefix = prefix
		buses[prefix] = open(t, cfg, Options{Topics: []string{topic}})
		require.NoError(t, buses[prefix].Produce(t.Context(), topic, bus.Record{Value: []byte("of " + prefix)}))
	}
	meta, err := client(t).Metadata(t.Context(), &kafkago.MetadataRequest{})
	require.NoError(t, err)
	var names []string
	for _, m := range meta.Topics {
		if strings.HasSuffix(m.Name, topic) {
			names = append(names, m.Name)
		}
	}
	require.ElementsMatch(t, []string{topic, "one." + topic, "two-" + topic}, names)
	for prefix, b := range buses {
		require.Equal(t, 1, b.Partitions(topic))
		ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
		require.NoError(t, b.Consume(ctx, topic, func(ctx context.Context, p bus.Partition) error {
			defer cancel()
			msgs, err := p.Fetch(ctx, 0, 1<<20)
			require.NoError(t, err)
			require.Len(t, msgs, 1)
			require.Equal(t, "of "+prefix, string(msgs[0].Value))
			return p.Commit(ctx, bus.Position{Offset: 1})
		}))
		require.Eventually(t, func() bool { s := b.Stats(); return len(s) == 1 && s[0].Topic == topic && s[0].Committed == 1 }, 10*time.Second, 10*time.Millisecond)
		b.stats.gap(b.cfg.full(topic), 3)
		require.Equal(t, map[string]int64{topic: 3}, b.Lost())
		require.ErrorContains(t, b.Produce(t.Context(), "other", bus.Record{}), prefix+"other")
		cancel()
	}
}

// Partitions added while the process runs are produced to and consumed.
func TestPartitionsGrow(t *testing.T) {
	t.Parallel()
	topic := topicName(t)
	b := open(t, testConfig(cluster.Brokers...), Options{Topics: []string{topic}})
	require.NoError(t, b.Check(t.Context()))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	var owned atomic.Int32
	go func() {
		done <- b.Consume(ctx, topic, func(ctx context.Context, _ bus.Partition) error {
			owned.Add(1)
			<-ctx.Done()
			owned.Add(-1)
			return nil
		})
	}()
	require.Eventually(t, func() bool { return owned.Load() == 1 }, 20*time.Second, 10*time.Millisecond)
	resp, err := client(t).CreatePartitions(t.Context(), &kafkago.CreatePartitionsRequest{Topics: []kafkago.TopicPartitionsConfig{{Name: topic, Count: 3}}})
	require.NoError(t, err)
	require.NoError(t, resp.Errors[topic])
	require.Eventually(t, func() bool { return owned.Load() == 3 && b.Partitions(topic) == 3 && len(b.Stats()) == 3 }, 20*time.Second, 10*time.Millisecond)
	cancel()
	require.NoError(t, <-done)
}

func TestSecurity(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "password")
	require.NoError(t, os.WriteFile(file, []byte(kafkatest.Password+"\n"), 0o600))
	certs := TLS{
		Enabled: true, CAFile: filepath.Join(cluster.Dir, "tls", "ca.pem"),
		CertFile: filepath.Join(cluster.Dir, "tls", "client.pem"), KeyFile: filepath.Join(cluster.Dir, "tls", "client.key"),
	}
	anonymous, otherName, unknownCA := certs, certs, certs
	anonymous.CertFile, anonymous.KeyFile = "", ""
	otherName.ServerName = "kafka.example.org"
	unknownCA.CAFile = ""
	for name, c := range map[string]struct {
		brokers []string
		tls     TLS
		sasl    SASL
		bad     bool
	}{
		"plain":          {brokers: cluster.SASL, sasl: SASL{Mechanism: "plain", Username: kafkatest.User, Password: kafkatest.Password}},
		"scram-sha-256":  {brokers: cluster.SASL, sasl: SASL{Mechanism: "scram-sha-256", Username: kafkatest.User, PasswordFile: file}},
		"scram-sha-512":  {brokers: cluster.SASL, sasl: SASL{Mechanism: "scram-sha-512", Username: kafkatest.User, Password: kafkatest.Password}},
		"wrong password": {brokers: cluster.SASL, sasl: SASL{Mechanism: "scram-sha-256", Username: kafkatest.User, Password: "x"}, bad: true},
		"no password":    {brokers: cluster.SASL, bad: true},
		"tls":            {brokers: cluster.TLS, tls: certs},
		"no certificate": {brokers: cluster.TLS, tls: anonymous, bad: true},
		"other name":     {brokers: cluster.TLS, tls: otherName, bad: true},
		"unknown ca":     {brokers: cluster.TLS, tls: unknownCA, bad: true},
		"no tls":         {brokers: cluster.TLS, bad: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := testConfig(c.brokers...)
			cfg.TLS, cfg.SASL = c.tls, c.sasl
			if c.bad {
				cfg.Timeout, cfg.DeliveryTimeout = 3*time.Second, 6*time.Second
			}
			topic := topicName(t)
			b := open(t, cfg, Options{Topics: []string{topic}})
			begin := time.Now()
			err := b.Produce(t.Context(), topic, bus.Record{Value: []byte("v")})
			if c.bad {
				require.ErrorIs(t, err, bus.ErrUnavailable)
				require.Less(t, time.Since(begin), cfg.Timeout+2*time.Second)
				require.Eventually(t, func() bool { return b.Err() != nil }, 10*time.Second, 10*time.Millisecond)
				return
			}
			require.NoError(t, err)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			require.NoError(t, b.Consume(ctx, topic, func(ctx context.Context, p bus.Partition) error {
				defer cancel()
				msgs, err := p.Fetch(ctx, 0, 1)
				require.NoError(t, err)
				require.Equal(t, "v", string(msgs[0].Value))
				return p.Commit(ctx, bus.Position{Offset: 1})
			}))
		})
	}
}
