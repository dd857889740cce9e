// SPDX-License-Identifier: Apache-2.0

package reader

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/apiversions"
	"github.com/segmentio/kafka-go/protocol/describegroups"
	"github.com/segmentio/kafka-go/protocol/findcoordinator"
	"github.com/segmentio/kafka-go/protocol/listgroups"
	"github.com/segmentio/kafka-go/protocol/listoffsets"
	"github.com/segmentio/kafka-go/protocol/metadata"
	"github.com/segmentio/kafka-go/protocol/offsetfetch"
	"github.com/segmentio/kafka-go/protocol/saslauthenticate"
	"github.com/segmentio/kafka-go/protocol/saslhandshake"
	"github.com/stretchr/testify/require"
)

// kafkaCluster is a cluster of one topic "orders" with three partitions, of which the last has no leader, and an internal topic.
type kafkaCluster struct {
	brokers []metadata.ResponseBroker
	// sasl is the error code of a sign-in; wants says that there must be one.
	wants bool
	sasl  int16
	// groups are listed; the group "shop" has committed 30 of partition 0 and 500 of partition 1.
	groups []listgroups.ResponseGroup
	// end says that a request of this kind ends the connection.
	end protocol.ApiKey

	mu     sync.Mutex
	signed []string // user and password of each sign-in by PLAIN; guarded by mu
}

// broker starts a broker of the cluster with an id.
func (k *kafkaCluster) broker(t *testing.T, id int32) *fake {
	t.Helper()
	f := serve(t, func(c net.Conn) {
		for {
			version, correlation, _, req, err := protocol.ReadRequest(c)
			if err != nil || req.ApiKey() == k.end {
				return
			}
			resp := k.answer(id, req)
			if resp == nil || protocol.WriteResponse(c, version, correlation, resp) != nil {
				return
			}
		}
	})
	k.brokers = append(k.brokers, metadata.ResponseBroker{NodeID: id, Host: f.addr.Addr().String(), Port: int32(f.addr.Port())})
	return f
}

func (k *kafkaCluster) answer(id int32, req protocol.Message) protocol.Message {
	switch r := req.(type) {
	case *apiversions.Request:
		out := &apiversions.Response{}
		for _, key := range []protocol.ApiKey{
			protocol.Metadata, protocol.ListOffsets, protocol.ListGroups, protocol.DescribeGroups, protocol.OffsetFetch, protocol.FindCoordinator,
			protocol.SaslHandshake, protocol.SaslAuthenticate, protocol.ApiVersions,
		} {
			out.ApiKeys = append(out.ApiKeys, apiversions.ApiKeyResponse{ApiKey: int16(key), MinVersion: key.MinVersion(), MaxVersion: key.MaxVersion()})
		}
		return out
	case *saslhandshake.Request:
		if r.Mechanism != "PLAIN" {
			return &saslhandshake.Response{ErrorCode: int16(kafkago.UnsupportedSASLMechanism), Mechanisms: []string{"PLAIN"}}
		}
		return &saslhandshake.Response{Mechanisms: []string{"PLAIN"}}
	case *saslauthenticate.Request:
		k.mu.Lock()
		defer k.mu.Unlock()
		k.signed = append(k.signed, string(r.AuthBytes))
		return &saslauthenticate.Response{ErrorCode: k.sasl}
	case *metadata.Request:
		if k.wants && len(k.signed) == 0 {
			return nil
		}
		return k.metadata()
	case *listoffsets.Request:
		return kafkaOffsets(r)
	case *listgroups.Request:
		if id != k.brokers[0].NodeID { // It coordinates none.
			return &listgroups.Response{}
		}
		return &listgroups.Response{Groups: k.groups}
	case *findcoordinator.Request:
		return &findcoordinator.Response{NodeID: k.brokers[0].NodeID, Host: k.brokers[0].Host, Port: k.brokers[0].Port}
	case *describegroups.Request:
		out := &describegroups.Response{}
		for _, g := range r.Groups {
			out.Groups = append(out.Groups, describegroups.ResponseGroup{GroupID: g, GroupState: "Stable", Members: []describegroups.ResponseGroupMember{
				{MemberID: "a", MemberMetadata: kafkaSubscription(), MemberAssignment: kafkaSubscription()},
			}})
		}
		return out
	case *offsetfetch.Request:
		return kafkaCommitted(r.GroupID)
	default:
		return nil
	}
}

// kafkaSubscription is the metadata, and the assignment, of a member: version 0, no topics, no user data.
func kafkaSubscription() []byte { return make([]byte, 10) }

func (k *kafkaCluster) metadata() *metadata.Response {
	last := k.brokers[len(k.brokers)-1].NodeID
	first := k.brokers[0].NodeID
	return &metadata.Response{Brokers: k.brokers, ControllerID: first, Topics: []metadata.ResponseTopic{
		{Name: "orders", Partitions: []metadata.ResponsePartition{
			{PartitionIndex: 0, LeaderID: first, ReplicaNodes: []int32{first, last}, IsrNodes: []int32{first, last}},
			{PartitionIndex: 1, LeaderID: last, ReplicaNodes: []int32{first, last}, IsrNodes: []int32{last}},
			{PartitionIndex: 2, LeaderID: -1, ErrorCode: int16(kafkago.LeaderNotAvailable), ReplicaNodes: []int32{99}},
		}},
		{Name: "__consumer_offsets", IsInternal: true, Partitions: []metadata.ResponsePartition{{LeaderID: first, ReplicaNodes: []int32{first}, IsrNodes: []int32{first}}}},
	}}
}

// kafkaOffsets has records 10 to 100 in partition 0 and 0 to 50 in partition 1.
func kafkaOffsets(r *listoffsets.Request) *listoffsets.Response {
	out := &listoffsets.Response{}
	for _, t := range r.Topics {
		topic := listoffsets.ResponseTopic{Topic: t.Topic}
		for _, p := range t.Partitions {
			offset := map[int32]map[int64]int64{0: {-2: 10, -1: 100}, 1: {-2: 0, -1: 50}}[p.Partition][p.Timestamp]
			topic.Partitions = append(topic.Partitions, listoffsets.ResponsePartition{Partition: p.Partition, Offset: offset, Timestamp: -1})
		}
		out.Topics = append(out.Topics, topic)
	}
	return out
}

func kafkaCommitted(group string) *offsetfetch.Response {
	if group != "shop" {
		return &offsetfetch.Response{}
	}
	return &offsetfetch.Response{Topics: []offsetfetch.ResponseTopic{
		{Name: "orders", Partitions: []offsetfetch.ResponsePartition{
			{PartitionIndex: 0, CommittedOffset: 30}, {PartitionIndex: 1, CommittedOffset: 500}, {PartitionIndex: 2, CommittedOffset: -1},
		}},
		{Name: "deleted", Partitions: []offsetfetch.ResponsePartition{{PartitionIndex: 0, CommittedOffset: 3}}},
	}}
}

func kafkaTarget(f *fake, credential *Credential) Target {
	to := target("kafka", f.addr, credential)
	to.Cmdline = []string{"java", "-cp", "/opt/kafka/libs/kafka_2.13-3.9.0.jar:/opt/kafka/libs/kafka-clients-3.9.0.jar", "kafka.Kafka"}
	return to
}

func TestKafka(t *testing.T) {
	k := &kafkaCluster{groups: []listgroups.ResponseGroup{{GroupID: "shop", ProtocolType: "consumer"}, {GroupID: "idle"}, {GroupID: "connect", ProtocolType: "connect"}}}
	f := k.broker(t, 1)
	k.broker(t, 2)
	r := open(t, kafkaTarget(f, nil))
	for range 2 {
		got, err := read(t, r)
		require.NoError(t, err)
		require.Equal(t, "3.9.0", got.Version)
		require.Empty(t, got.Missing)
		require.Equal(t, map[string]float64{
			"brokers": 2, "leaders": 2, "replicas": 3, "topics": 1, "partitions": 4, "under_replicated": 2, "offline": 1,
			"topic_partitions{topic=orders}": 3, "topic_offset{topic=orders}": 150, "topic_records{topic=orders}": 140,
			"groups": 2, "group_members{group=shop}": 1, "group_members{group=idle}": 1,
			"group_offset{group=shop,topic=orders}": 530, "group_lag{group=shop,topic=orders}": 70,
		}, values(got))
	}
}

// TestKafkaOtherBroker: the broker with the lowest id tells of topics and groups; another one of itself.
func TestKafkaOtherBroker(t *testing.T) {
	k := &kafkaCluster{}
	k.broker(t, 1)
	f := k.broker(t, 2)
	got, err := read(t, open(t, kafkaTarget(f, nil)))
	require.NoError(t, err)
	require.Equal(t, map[string]float64{"brokers": 2, "leaders": 1, "replicas": 2, "topics": 1, "partitions": 4, "under_replicated": 2, "offline": 1}, values(got))
}

// TestKafkaManyGroups: beyond the bound groups are counted and not read.
func TestKafkaManyGroups(t *testing.T) {
	k := &kafkaCluster{}
	for i := range maxGroups + 5 {
		k.groups = append(k.groups, listgroups.ResponseGroup{GroupID: fmt.Sprintf("g%03d", i), ProtocolType: "consumer"})
	}
	got, err := read(t, open(t, kafkaTarget(k.broker(t, 1), nil)))
	require.NoError(t, err)
	require.Len(t, got.Missing, 1)
	require.Equal(t, "5 consumer groups", got.Missing[0].What)
	v := values(got)
	require.InDelta(t, maxGroups+5, v["groups"], 0)
	require.Contains(t, v, "group_members{group=g199}")
	require.NotContains(t, v, "group_members{group=g200}")
}

func TestKafkaSignsIn(t *testing.T) {
	k := &kafkaCluster{wants: true}
	f := k.broker(t, 1)
	got, err := read(t, open(t, kafkaTarget(f, &Credential{Username: "strata", Password: "secret"})))
	require.NoError(t, err)
	require.NotEmpty(t, got.Samples)
	k.mu.Lock()
	defer k.mu.Unlock()
	require.Equal(t, "\x00strata\x00secret", k.signed[0])
}

func TestKafkaRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		cluster    *kafkaCluster
		credential *Credential
		why        string
	}{
		"without a sign-in":   {&kafkaCluster{wants: true}, nil, "the listener ends the connection: it wants SASL or TLS"},
		"a wrong password":    {&kafkaCluster{wants: true, sasl: int16(kafkago.SASLAuthenticationFailed)}, &Credential{Username: "strata", Password: "wrong"}, "SASL Authentication Failed"},
		"before any question": {&kafkaCluster{end: protocol.ApiVersions}, nil, "the listener ends the connection"},
	} {
		f := c.cluster.broker(t, 1)
		_, err := read(t, open(t, kafkaTarget(f, c.credential)))
		var refused *AccessError
		require.ErrorAs(t, err, &refused, name)
		missing := refusal(t, err)
		require.Contains(t, missing.Why, c.why, name)
		require.Contains(t, missing.How, "kafka-acls.sh --bootstrap-server "+f.addr.String())
		require.NotContains(t, missing.How, "wrong")
	}
}

func TestKafkaMechanism(t *testing.T) {
	for name, want := range map[string]string{"": "PLAIN", "plain": "PLAIN", "SCRAM-SHA-256": "SCRAM-SHA-256", "scram-sha-512": "SCRAM-SHA-512"} {
		m, err := newKafka(Target{Credential: &Credential{Username: "u", Password: "p", Mechanism: name}}).mechanism()
		require.NoError(t, err)
		require.Equal(t, want, m.Name())
	}
	m, err := newKafka(Target{Credential: &Credential{Mechanism: "odd"}}).mechanism()
	require.NoError(t, err)
	require.Nil(t, m, "without a user nobody signs in")
	_, err = read(t, open(t, target("kafka", new(kafkaCluster).broker(t, 1).addr, &Credential{Username: "u", Mechanism: "GSSAPI"})))
	unanswered(t, err, `"GSSAPI" is none of PLAIN`)
}

// TestKafkaBroken: a broker that breaks off in the middle of a look is one that does not answer, and the next look connects anew.
func TestKafkaBroken(t *testing.T) {
	for key, want := range map[protocol.ApiKey]string{protocol.ListGroups: "list consumer groups", protocol.DescribeGroups: "describe consumer groups", protocol.OffsetFetch: "read offsets of group shop"} {
		k := &kafkaCluster{groups: []listgroups.ResponseGroup{{GroupID: "shop", ProtocolType: "consumer"}}, end: key}
		r := newKafka(kafkaTarget(k.broker(t, 1), nil))
		_, err := read(t, r)
		unanswered(t, err, want)
		require.Nil(t, r.client)
	}
	garbage := serve(t, func(c net.Conn) {
		_, _ = c.Read(make([]byte, 1))
		_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
	})
	_, err := read(t, open(t, kafkaTarget(garbage, nil)))
	require.ErrorIs(t, err, errNotKafka)
	unanswered(t, hurried(t, open(t, kafkaTarget(serve(t, silent), nil))), "i/o timeout")
	wantsTLS := serve(t, func(c net.Conn) {
		_, _ = c.Read(make([]byte, 1))
		_, _ = io.WriteString(c, "\x15\x03\x03\x00\x02\x02\x46")
	})
	_, err = read(t, open(t, kafkaTarget(wantsTLS, nil)))
	require.Contains(t, refusal(t, err).Why, "SASL or TLS")
}

func TestKafkaSelf(t *testing.T) {
	k := newKafka(Target{Address: netip.MustParseAddrPort("127.0.0.1:9092"), Addresses: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:9093")}})
	for name, c := range map[string]struct {
		brokers      []kafkago.Broker
		self, lowest int
	}{
		"none":                {nil, -1, -1},
		"by the main address": {[]kafkago.Broker{{ID: 3, Host: "localhost", Port: 9092}, {ID: 1, Host: "localhost", Port: 9099}}, 3, 1},
		"by another address":  {[]kafkago.Broker{{ID: 1, Host: "localhost", Port: 9099}, {ID: 2, Host: "127.0.0.1", Port: 9093}}, 2, 1},
		"behind a proxy":      {[]kafkago.Broker{{ID: 5, Host: "localhost", Port: 19092}, {ID: 4, Host: "localhost", Port: 19093}}, 4, 4},
		"of another host":     {[]kafkago.Broker{{ID: 7, Host: "192.0.2.1", Port: 9092}}, 7, 7},
	} {
		self, lowest := k.self(c.brokers)
		require.Equal(t, c.self, self, name)
		require.Equal(t, c.lowest, lowest, name)
	}
	require.False(t, isLocal("192.0.2.1"))
	require.True(t, isLocal("127.9.9.9"))
}

func TestKafkaVersion(t *testing.T) {
	for arg, want := range map[string]string{
		"/opt/kafka/libs/kafka-clients-3.7.1.jar": "3.7.1", "/opt/kafka_2.13-3.9.0/libs/kafka_2.13-3.9.0.jar": "3.9.0", "kafka-streams-3.9.0.jar": "", "": "",
	} {
		require.Equal(t, want, newKafka(Target{Cmdline: []string{"java", arg}}).version(), arg)
	}
}
