// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"cmp"
	"hash/fnv"
	"slices"
	"strconv"

	kafkago "github.com/segmentio/kafka-go"
)

// balancer hands out partitions by rendezvous hashing of instance name and partition number, with the counts kept even. It depends on
// nothing but the names of the members, so that a restarted instance gets its partitions back, one that leaves or joins moves few of
// the others', and topics with the same number of partitions are handed out alike: the writer of partition 3 of one metrics topic is
// the writer of partition 3 of the other, though each topic has a group of its own. For a tsdb that means few new series after a
// rebalance.
type balancer struct{ instance string }

var _ kafkago.GroupBalancer = balancer{}

// ProtocolName implements kafka.GroupBalancer. Members that speak other protocols are refused by the broker.
func (balancer) ProtocolName() string { return "strata-rendezvous" }

// UserData implements kafka.GroupBalancer: the name of the instance.
func (b balancer) UserData() ([]byte, error) { return []byte(b.instance), nil }

// AssignGroups implements kafka.GroupBalancer.
func (balancer) AssignGroups(members []kafkago.GroupMember, partitions []kafkago.Partition) kafkago.GroupMemberAssignments {
	out := kafkago.GroupMemberAssignments{}
	byTopic := map[string][]int{}
	for _, p := range partitions {
		byTopic[p.Topic] = append(byTopic[p.Topic], p.ID)
	}
	for _, m := range members {
		out[m.ID] = map[string][]int{}
	}
	for topic, ids := range byTopic {
		var of []kafkago.GroupMember
		for _, m := range members {
			if slices.Contains(m.Topics, topic) {
				of = append(of, m)
			}
		}
		slices.SortFunc(of, func(a, b kafkago.GroupMember) int {
			return cmp.Or(cmp.Compare(string(a.UserData), string(b.UserData)), cmp.Compare(a.ID, b.ID))
		})
		slices.Sort(ids)
		for member, owned := range spread(of, ids) {
			out[member][topic] = owned
		}
	}
	return out
}

// spread gives each partition to the member with the highest score that has room. floor partitions go to everyone, one more to as many
// as it takes.
func spread(members []kafkago.GroupMember, ids []int) map[string][]int {
	out := map[string][]int{}
	if len(members) == 0 {
		return out
	}
	floor, above := len(ids)/len(members), len(ids)%len(members)
	for _, id := range ids {
		best, bestScore := "", uint64(0)
		for _, m := range members {
			n := len(out[m.ID])
			if n > floor || n == floor && above == 0 {
				continue
			}
			if s := score(m.UserData, id); best == "" || s > bestScore {
				best, bestScore = m.ID, s
			}
		}
		if len(out[best]) == floor {
			above--
		}
		out[best] = append(out[best], id)
	}
	return out
}

func score(instance []byte, partition int) uint64 {
	h := fnv.New64a()
	_, _ = h.Write(instance)
	_, _ = h.Write([]byte{0})
	_, _ = h.Write(strconv.AppendInt(nil, int64(partition), 10))
	// FNV leaves neighbouring numbers close together; this is the finaliser of MurmurHash3.
	x := h.Sum64()
	x = (x ^ x>>33) * 0xff51afd7ed558ccd
	x = (x ^ x>>33) * 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}
