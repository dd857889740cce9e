// SPDX-License-Identifier: Apache-2.0

package rollup

import "math/bits"

// candidates are the values of a dimension that are not admitted, in the Space-Saving summary of A. Metwally, D. Agrawal, A. El Abbadi: Efficient computation
// of frequent and top-k elements in data streams, ICDT 2005. Of a stream of total weight N and with m counters, the count of a value is at most N/m above
// its weight (lemma 3) and never below it; a value that weighs more than N/m has a counter (theorem 2). The guaranteed weight of a counter, its count less
// what it may be over, is what came since the value got the counter.
//
// In front of it stands a table of the hashes that came last, so that only values that come again enter the stream: ones that come once cost nothing but a
// place in that table, however many there are. What the table keeps back is missing from counts, so that these are of N without it; guaranteed weights are never
// above the true ones. Values are known by their hash.
type candidates struct {
	size     int
	index    map[uint64]int32
	counters []counter
	counts   weights
	// floor is the greatest count that was ever taken from a value: one without a counter weighs at most that.
	floor float64
	// total is the N of the bound.
	total float64
	// seen has the upper half of hashes, at the place of their lower bits, those of mask.
	seen []uint32
	mask uint64
}

type counter struct {
	hash       uint64
	guaranteed float64
	// hits are the events since the value got the counter, not decayed.
	hits uint32
}

// newCandidates returns a summary with counters and a table of seen hashes for a budget of admitted values.
func newCandidates(budget int) *candidates {
	seen := uint64(1) << bits.Len(uint(seenHashes*budget-1))
	return &candidates{size: counters * budget, index: make(map[uint64]int32), seen: make([]uint32, seen), mask: seen - 1}
}

// hit counts an event of a value and returns its counter, or -1 when it has none because it was not seen of late.
func (c *candidates) hit(hash uint64, weight float64) int32 {
	id, ok := c.index[hash]
	if !ok {
		place, mark := hash&c.mask, uint32(hash>>32)|1
		if c.seen[place] != mark {
			c.seen[place] = mark
			return -1
		}
		return c.put(hash, weight, 1)
	}
	c.total += weight
	c.counts.weight[id] += weight
	c.counters[id].guaranteed += weight
	c.counters[id].hits++
	return id
}

// put gives a value that has no counter one, if need be that of the least count.
func (c *candidates) put(hash uint64, weight float64, hits uint32) int32 {
	c.total += weight
	fresh := counter{hash: hash, guaranteed: weight, hits: hits}
	var id int32
	if len(c.counters) < c.size {
		id = c.counts.push(weight)
		c.counters = append(c.counters, fresh)
	} else {
		id = c.counts.least()
		c.floor = c.counts.weight[id]
		c.forget(id)
		c.counters[id] = fresh
		c.counts.set(id, c.floor+weight)
	}
	c.index[hash] = id
	return id
}

// take ends the candidacy of a value and returns its guaranteed weight. Its counter is the next to be given away.
func (c *candidates) take(id int32) float64 {
	weight := c.counters[id].guaranteed
	c.forget(id)
	c.counters[id] = counter{}
	c.counts.set(id, c.floor)
	return weight
}

func (c *candidates) forget(id int32) {
	if hash := c.counters[id].hash; c.index[hash] == id {
		delete(c.index, hash)
	}
}

func (c *candidates) scale(by float64) {
	c.counts.scale(by)
	for i := range c.counters {
		c.counters[i].guaranteed *= by
	}
	c.floor *= by
	c.total *= by
}
