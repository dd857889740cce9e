// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/strata-apm/strata/backoff"
)

const (
	settingMaxBytes = "max.message.bytes"
	settingCleanup  = "cleanup.policy"
)

// ensureTopics creates what is missing, waits until it is there and verifies everything.
func (b *Bus) ensureTopics(ctx context.Context) (map[string]topicInfo, error) {
	retry := backoff.New(minBackoff, maxBackoff)
	for {
		infos, missing, err := b.describeTopics(ctx)
		if err == nil && len(missing) == 0 {
			return infos, nil
		}
		if err == nil {
			err = b.createTopics(ctx, missing)
		}
		if _, ok := errors.AsType[*mismatchError](err); ok {
			return nil, err
		}
		if retry.Wait(ctx) != nil {
			return nil, unavailable(errors.Join(err, context.Cause(ctx)))
		}
	}
}

// mismatchError says that a topic can never do as it is.
type mismatchError struct{ topic, setting, reason string }

func (e *mismatchError) Error() string {
	return fmt.Sprintf("kafka topic %s: %s: %s", e.topic, e.setting, e.reason)
}

func (b *Bus) createTopics(ctx context.Context, names []string) error {
	req := &kafkago.CreateTopicsRequest{}
	for _, name := range names {
		req.Topics = append(req.Topics, kafkago.TopicConfig{
			Topic: name, NumPartitions: b.cfg.Partitions, ReplicationFactor: b.cfg.ReplicationFactor,
			ConfigEntries: []kafkago.ConfigEntry{
				{ConfigName: settingMaxBytes, ConfigValue: strconv.Itoa(b.cfg.MaxMessageBytes)},
				{ConfigName: settingCleanup, ConfigValue: "delete"},
				// The broker's time, so that retention and "oldest" do not hang on clocks of producers.
				{ConfigName: "message.timestamp.type", ConfigValue: "LogAppendTime"},
			},
		})
	}
	resp, err := b.client.CreateTopics(ctx, req)
	if err != nil {
		return fmt.Errorf("create topics %s: %w", strings.Join(names, ", "), err)
	}
	for name, err := range resp.Errors {
		switch {
		case err == nil:
			b.opts.Logger.Info("kafka topic created", "topic", name, "partitions", b.cfg.Partitions, "replication_factor", b.cfg.ReplicationFactor)
		case isCode(err, kafkago.TopicAlreadyExists): // Another process was faster; it is verified next.
		case isCode(err, kafkago.InvalidReplicationFactor):
			return &mismatchError{name, "replication_factor", err.Error()}
		case isCode(err, kafkago.InvalidConfiguration, kafkago.PolicyViolation, kafkago.InvalidTopic, kafkago.TopicAuthorizationFailed):
			return &mismatchError{name, "create", err.Error()}
		default:
			return fmt.Errorf("create topic %s: %w", name, err)
		}
	}
	return nil
}

// describeTopics returns the topics that exist and fit, and the names of those that do not exist.
func (b *Bus) describeTopics(ctx context.Context) (map[string]topicInfo, []string, error) {
	meta, err := b.client.Metadata(ctx, &kafkago.MetadataRequest{Topics: b.opts.Topics})
	if err != nil {
		return nil, nil, fmt.Errorf("read metadata: %w", err)
	}
	infos, missing := map[string]topicInfo{}, []string{}
	for _, t := range meta.Topics {
		switch {
		case isCode(t.Error, kafkago.UnknownTopicOrPartition):
			missing = append(missing, t.Name)
		case t.Error != nil:
			return nil, nil, fmt.Errorf("read metadata of topic %s: %w", t.Name, t.Error)
		case len(t.Partitions) < b.cfg.Partitions:
			return nil, nil, &mismatchError{t.Name, "partitions", fmt.Sprintf("the topic has %d, the configuration asks for %d", len(t.Partitions), b.cfg.Partitions)}
		case len(t.Partitions[0].Replicas) < b.cfg.ReplicationFactor:
			return nil, nil, &mismatchError{t.Name, "replication_factor", fmt.Sprintf("the topic has %d, the configuration asks for %d",
				len(t.Partitions[0].Replicas), b.cfg.ReplicationFactor)}
		default:
			infos[t.Name] = topicInfo{partitions: len(t.Partitions), maxBytes: b.cfg.MaxMessageBytes}
		}
	}
	if len(infos) == 0 {
		return infos, missing, nil
	}
	return infos, missing, b.verifySettings(ctx, infos)
}

// verifySettings compares the settings of existing topics with ours.
func (b *Bus) verifySettings(ctx context.Context, infos map[string]topicInfo) error {
	req := &kafkago.DescribeConfigsRequest{}
	for name := range infos {
		req.Resources = append(req.Resources, kafkago.DescribeConfigRequestResource{
			ResourceType: kafkago.ResourceTypeTopic, ResourceName: name, ConfigNames: []string{settingMaxBytes, settingCleanup},
		})
	}
	resp, err := b.client.DescribeConfigs(ctx, req)
	if err != nil {
		return fmt.Errorf("read settings of topics: %w", err)
	}
	for _, r := range resp.Resources {
		if r.Error != nil {
			return fmt.Errorf("read settings of topic %s: %w", r.ResourceName, r.Error)
		}
		for _, e := range r.ConfigEntries {
			if reason := b.misfit(e.ConfigName, e.ConfigValue); reason != "" {
				return &mismatchError{topic: r.ResourceName, setting: e.ConfigName, reason: reason}
			}
		}
	}
	return nil
}

// misfit says why a topic with this setting will not do.
func (b *Bus) misfit(setting, value string) string {
	switch setting {
	case settingMaxBytes:
		if n, err := strconv.Atoi(value); err != nil || n < b.cfg.MaxMessageBytes {
			return fmt.Sprintf("the topic allows %s, max_message_bytes is %d", value, b.cfg.MaxMessageBytes)
		}
	case settingCleanup:
		if value != "delete" {
			return fmt.Sprintf("must be delete, not %q: compaction drops records that were not stored yet", value)
		}
	}
	return ""
}

// refreshPartitions takes over partitions that were added to the topics meanwhile.
func (b *Bus) refreshPartitions(meta *kafkago.MetadataResponse) {
	known := b.topics.Load()
	if known == nil {
		return
	}
	infos := make(map[string]topicInfo, len(*known))
	for name, info := range *known {
		for _, t := range meta.Topics {
			if t.Name == name && t.Error == nil {
				info.partitions = max(info.partitions, len(t.Partitions))
			}
		}
		infos[name] = info
	}
	b.topics.Store(&infos)
}

// withTimeout bounds one request.
func (b *Bus) withTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, min(b.cfg.Timeout, 5*time.Second))
}
