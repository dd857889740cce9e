// SPDX-License-Identifier: Apache-2.0

package rollup

const (
	// keptBuckets is of how many buckets the combinations are known at most, and keptFull of how many where all are full.
	keptBuckets, keptFull = 1024, 16
	// keptCounts is of how many other buckets their number is known.
	keptCounts = 4096
)

// combination has for each dimension the serial of the admitted value, 0 where it is folded.
type combination [MaxDimensions]uint32

// combinations bounds how many of them a bucket has. The combinations themselves are remembered of the buckets that were used last; of others only how
// many there were, so that late events use up what is left of the bound: one for each combination, also one that was there, whenever the bucket was forgotten.
type combinations struct {
	// most is the bound, and mostWhole that of combinations of which nothing is folded: an eighth is left for those that are folded in part.
	most, mostWhole int
	step            int64 // nanoseconds
	buckets         map[int64]*bucketCombinations
	counts          map[int64]int32
	last            *bucketCombinations
	clock           uint64
	// total is how many combinations are known.
	total int
}

type bucketCombinations struct {
	time  int64
	known map[combination]struct{}
	count int
	used  uint64
}

func newCombinations(most int, step int64) *combinations {
	return &combinations{
		most: most, mostWhole: most - most/8, step: step,
		buckets: make(map[int64]*bucketCombinations), counts: make(map[int64]int32),
	}
}

// of returns what is known of the bucket of a time.
func (c *combinations) of(at int64) *bucketCombinations {
	time := floor(at, c.step)
	if c.last != nil && c.last.time == time {
		return c.last
	}
	c.clock++
	b := c.buckets[time]
	if b == nil {
		b = c.start(time)
	}
	b.used = c.clock
	c.last = b
	return b
}

// start begins to know a bucket, and forgets others when there are too many.
func (c *combinations) start(time int64) *bucketCombinations {
	b := &bucketCombinations{}
	for len(c.buckets) >= keptBuckets || len(c.buckets) > 0 && c.total >= keptFull*c.most {
		b = c.forget()
	}
	if b.known == nil {
		b.known = make(map[combination]struct{})
	}
	b.time, b.count = time, int(c.counts[time])
	delete(c.counts, time)
	c.buckets[time] = b
	return b
}

// forget forgets the combinations of the bucket that was not used for the longest, and returns it emptied.
func (c *combinations) forget() *bucketCombinations {
	var b *bucketCombinations
	for _, other := range c.buckets {
		if b == nil || other.used < b.used {
			b = other
		}
	}
	delete(c.buckets, b.time)
	if len(c.counts) >= keptCounts {
		clear(c.counts)
	}
	c.counts[b.time] = int32(b.count) //nolint:gosec // at most MaxCombinations
	c.total -= len(b.known)
	clear(b.known)
	return b
}

// admit says whether the bucket has the combination or has room for it.
func (c *combinations) admit(b *bucketCombinations, key *combination, folded uint8) bool {
	if _, ok := b.known[*key]; ok {
		return true
	}
	most := c.most
	if folded == 0 {
		most = c.mostWhole
	}
	if b.count >= most {
		return false
	}
	b.known[*key] = struct{}{}
	b.count++
	c.total++
	return true
}

// floor is the start of the bucket of a time, also for times before 1970.
func floor(at, step int64) int64 {
	rest := at % step
	if rest < 0 {
		rest += step
	}
	return at - rest
}
