// SPDX-License-Identifier: Apache-2.0

package reader

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
)

// maxGroups bounds the consumer groups that are asked for at each look.
const maxGroups = 200

type kafka struct {
	t         Target
	transport *kafkago.Transport
	client    *kafkago.Client
}

func newKafka(t Target) *kafka { return &kafka{t: t} }

// Close implements Reader.
func (k *kafka) Close() error {
	if k.transport != nil {
		k.transport.CloseIdleConnections()
		k.transport, k.client = nil, nil
	}
	return nil
}

func (k *kafka) open() error {
	if k.client != nil {
		return nil
	}
	mechanism, err := k.mechanism()
	if err != nil {
		return err
	}
	k.transport = &kafkago.Transport{
		ClientID: "strata-agent", SASL: mechanism, DialTimeout: 3 * time.Second, IdleTimeout: time.Minute, MetadataTTL: time.Minute,
	}
	k.transport.TLS = k.tls()
	k.client = &kafkago.Client{Addr: net.TCPAddrFromAddrPort(k.t.Address), Transport: k.transport}
	return nil
}

// tls is how the connection is encrypted, nil for not at all.
func (k *kafka) tls() *tls.Config {
	if c := k.t.Credential; c == nil || !c.TLS {
		return nil
	}
	//nolint:gosec // Only loopback is not checked: the name in the certificate is never that of loopback.
	return &tls.Config{InsecureSkipVerify: k.t.Address.Addr().IsLoopback()}
}

func (k *kafka) mechanism() (sasl.Mechanism, error) {
	c := k.t.Credential
	if c == nil || c.Username == "" {
		return nil, nil // No sign-in is one of the answers.
	}
	switch strings.ToUpper(c.Mechanism) {
	case "", "PLAIN":
		return plain.Mechanism{Username: c.Username, Password: c.Password}, nil
	case "SCRAM-SHA-256":
		return scram.Mechanism(scram.SHA256, c.Username, c.Password) // Says what it is.
	case "SCRAM-SHA-512":
		return scram.Mechanism(scram.SHA512, c.Username, c.Password) // Says what it is.
	default:
		return nil, fmt.Errorf("mechanism %q is none of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512", c.Mechanism)
	}
}

// Read implements Reader.
func (k *kafka) Read(ctx context.Context) (Reading, error) {
	// Before the client, whose errors do not tell a broker that is gone from one that refuses us.
	if err := k.greet(ctx); err != nil {
		_ = k.Close()
		return Reading{}, err
	}
	if err := k.open(); err != nil {
		return Reading{}, err
	}
	meta, err := k.client.Metadata(ctx, &kafkago.MetadataRequest{})
	if err != nil {
		_ = k.Close()
		return Reading{}, k.refused(ctx, err)
	}
	r := Reading{Version: k.version()}
	self, first := k.self(meta.Brokers)
	k.cluster(&r, meta, self)
	if self != first {
		return r, nil // The broker with the lowest id tells of topics and groups, so that they are counted once.
	}
	newest, err := k.topics(ctx, &r, meta)
	if err != nil {
		_ = k.Close()
		return Reading{}, err
	}
	if err := k.groups(ctx, &r, newest); err != nil {
		_ = k.Close()
		return Reading{}, err
	}
	return r, nil
}

// refused decides whether an error is about access: a listener with SASL or TLS ends the connection of a client without.
func (k *kafka) refused(ctx context.Context, err error) error {
	code, isCode := errors.AsType[kafkago.Error](err)
	switch {
	case isCode && (code == kafkago.SASLAuthenticationFailed || code == kafkago.TopicAuthorizationFailed || code == kafkago.ClusterAuthorizationFailed):
	case ctx.Err() == nil && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || strings.Contains(err.Error(), "connection reset")):
		err = errors.New("the listener ends the connection: it wants SASL or TLS")
	default:
		return fmt.Errorf("read metadata: %w", err)
	}
	return &AccessError{Err: err, Missing: Missing{
		What: "everything: brokers, topics, under-replicated partitions, lag of consumer groups",
		Why:  err.Error(),
		How: "# with authorisation on, give the user Describe on the cluster, all topics and all groups:\n" +
			"kafka-acls.sh --bootstrap-server " + k.t.Address.String() + " --add --allow-principal User:strata --operation Describe --cluster --topic '*' --group '*'\n" +
			credentialLine(k.t, "username", "strata", "password", "THE-PASSWORD", "mechanism", "SCRAM-SHA-512"),
	}}
}

// version is in the names of the jars on the command line.
func (k *kafka) version() string {
	re := regexp.MustCompile(`kafka(?:-clients|_2\.\d+)-(\d+\.\d+\.\d+)\.jar`)
	for _, arg := range k.t.Cmdline {
		if m := re.FindStringSubmatch(arg); m != nil {
			return m[1]
		}
	}
	return ""
}

// self finds this broker among those of the cluster by its port, and the one with the lowest id. A broker that cannot be told (behind
// a proxy, in a container with other ports) counts as the lowest.
func (k *kafka) self(brokers []kafkago.Broker) (self, lowest int) {
	lowest, self = -1, -1
	for _, b := range brokers {
		if lowest < 0 || b.ID < lowest {
			lowest = b.ID
		}
		for _, a := range k.t.ordered() {
			if b.Port == int(a.Port()) && isLocal(b.Host) {
				self = b.ID
			}
		}
	}
	if self < 0 {
		self = lowest
	}
	return self, lowest
}

// isLocal says whether a name or address is of this host.
func isLocal(host string) bool {
	if host == "localhost" {
		return true
	}
	ips, err := net.LookupIP(host) //nolint:noctx // A name of this host is in its hosts file.
	own, addrErr := net.InterfaceAddrs()
	if err != nil || addrErr != nil {
		return false
	}
	for _, ip := range ips {
		if ip.IsLoopback() {
			return true
		}
		for _, a := range own {
			if n, ok := a.(*net.IPNet); ok && n.IP.Equal(ip) {
				return true
			}
		}
	}
	return false
}

func (k *kafka) cluster(r *Reading, meta *kafkago.MetadataResponse, self int) {
	var topics, partitions, under, offline, leads, has float64
	for _, t := range meta.Topics {
		if !t.Internal {
			topics++
		}
		for _, p := range t.Partitions {
			partitions++
			switch {
			case p.Leader.Host == "":
				offline++
			case p.Leader.ID == self:
				leads++
			}
			if len(p.Isr) < len(p.Replicas) {
				under++
			}
			for _, b := range p.Replicas {
				if b.ID == self {
					has++
				}
			}
		}
	}
	r.add("brokers", float64(len(meta.Brokers)))
	r.add("leaders", leads)
	r.add("replicas", has)
	r.add("topics", topics)
	r.add("partitions", partitions)
	r.add("under_replicated", under)
	r.add("offline", offline)
}

// topics reads the offsets of all partitions that have a leader and returns the newest ones.
func (k *kafka) topics(ctx context.Context, r *Reading, meta *kafkago.MetadataResponse) (map[string]map[int]int64, error) {
	ask := make(map[string][]kafkago.OffsetRequest)
	for _, t := range meta.Topics {
		if t.Internal || t.Error != nil {
			continue
		}
		r.add("topic_partitions", float64(len(t.Partitions)), "topic", t.Name)
		for _, p := range t.Partitions {
			if p.Leader.Host != "" {
				ask[t.Name] = append(ask[t.Name], kafkago.FirstOffsetOf(p.ID), kafkago.LastOffsetOf(p.ID))
			}
		}
	}
	newest := make(map[string]map[int]int64, len(ask))
	if len(ask) == 0 {
		return newest, nil
	}
	answer, err := k.client.ListOffsets(ctx, &kafkago.ListOffsetsRequest{Topics: ask})
	if err != nil {
		return nil, fmt.Errorf("list offsets: %w", err)
	}
	for topic, partitions := range answer.Topics {
		newest[topic] = make(map[int]int64, len(partitions))
		var sum, kept int64
		for _, p := range partitions {
			if p.Error != nil {
				continue
			}
			newest[topic][p.Partition] = p.LastOffset
			sum += p.LastOffset
			kept += p.LastOffset - p.FirstOffset
		}
		r.add("topic_offset", float64(sum), "topic", topic)
		r.add("topic_records", float64(kept), "topic", topic)
	}
	return newest, nil
}

func (k *kafka) groups(ctx context.Context, r *Reading, newest map[string]map[int]int64) error {
	list, err := k.client.ListGroups(ctx, &kafkago.ListGroupsRequest{})
	if err != nil {
		return fmt.Errorf("list consumer groups: %w", err)
	}
	var ids []string
	for _, g := range list.Groups {
		if g.ProtocolType == "consumer" || g.ProtocolType == "" {
			ids = append(ids, g.GroupID)
		}
	}
	r.add("groups", float64(len(ids)))
	if len(ids) > maxGroups {
		r.Missing = append(r.Missing, Missing{
			What: strconv.Itoa(len(ids)-maxGroups) + " consumer groups", Why: fmt.Sprintf("only %d are read of one cluster", maxGroups),
			How: "# nothing to add: delete groups that are used no more by kafka-consumer-groups.sh --delete --group NAME",
		})
		ids = ids[:maxGroups]
	}
	if len(ids) == 0 {
		return nil
	}
	described, err := k.client.DescribeGroups(ctx, &kafkago.DescribeGroupsRequest{GroupIDs: ids})
	if err != nil {
		return fmt.Errorf("describe consumer groups: %w", err)
	}
	for _, g := range described.Groups {
		if g.Error == nil {
			r.add("group_members", float64(len(g.Members)), "group", g.GroupID)
		}
	}
	for _, id := range ids {
		if err := k.lag(ctx, r, id, newest); err != nil {
			return err
		}
	}
	return nil
}

func (k *kafka) lag(ctx context.Context, r *Reading, group string, newest map[string]map[int]int64) error {
	answer, err := k.client.OffsetFetch(ctx, &kafkago.OffsetFetchRequest{GroupID: group})
	if err != nil {
		return fmt.Errorf("read offsets of group %s: %w", group, err)
	}
	for topic, list := range answer.Topics {
		var committed, lag int64
		some := false
		for _, p := range list {
			end, known := newest[topic][p.Partition]
			if p.Error != nil || p.CommittedOffset < 0 || !known {
				continue
			}
			some = true
			committed += p.CommittedOffset
			// The group may have committed since the newest offsets were read.
			lag += max(0, end-p.CommittedOffset)
		}
		if some {
			r.add("group_offset", float64(committed), "group", group, "topic", topic)
			r.add("group_lag", float64(lag), "group", group, "topic", topic)
		}
	}
	return nil
}
