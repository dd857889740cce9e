// SPDX-License-Identifier: Apache-2.0

package rollups

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/strata-apm/strata/rollup"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/client"
	"github.com/strata-apm/strata/storage/clickhouse/timerange"
	"github.com/strata-apm/strata/tenant"
)

// RollupRows implements storage.RollupReader.
func (s *Store) RollupRows(ctx context.Context, owner tenant.ID, q storage.RollupQuery) ([]rollup.Row, error) {
	if err := check(&q); err != nil {
		return nil, fmt.Errorf("read a rollup: %w", err)
	}
	limit := q.Limit
	if limit <= 0 {
		limit = defaultLimit
	}
	st := client.For(owner)
	out, a := []rollup.Row{}, newAnswer(&q)
	err := s.client.Each(ctx, "read a rollup", compile(st, &q, limit), st, func(scan func(...any) error) error {
		if len(out) == limit {
			return fmt.Errorf("%w: the answer has more than %d rows; group by fewer dimensions, take wider buckets or a shorter range", storage.ErrLimit, limit)
		}
		if err := scan(a.into...); err != nil {
			return err
		}
		out = append(out, a.row())
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// answer is a row of a result that is being read.
type answer struct {
	q    *storage.RollupQuery
	into []any // the columns, in the order of compile

	at            int64
	folded        uint8
	values        []string // of Group
	count         uint64
	inputs        []inputAnswer // of Inputs
	sketchKeys    []int64
	sketchCounts  []uint64
	registerKeys  []uint32
	registerRanks []uint8
}

// inputAnswer are the numbers of an input.
type inputAnswer struct {
	count         uint64
	sum, min, max float64
	lastAt, last  uint64 // as they are ordered; both 0 where there is none
}

func newAnswer(q *storage.RollupQuery) *answer {
	a := &answer{q: q, values: make([]string, len(q.Group)), inputs: make([]inputAnswer, len(q.Inputs))}
	a.into = []any{&a.at, &a.folded}
	for i := range a.values {
		a.into = append(a.into, &a.values[i])
	}
	a.into = append(a.into, &a.count)
	for i := range a.inputs {
		in := &a.inputs[i]
		a.into = append(a.into, &in.count, &in.sum, &in.min, &in.max, &in.lastAt, &in.last)
	}
	if sketches(q) {
		a.into = append(a.into, &a.sketchKeys, &a.sketchCounts)
	}
	if registers(q) {
		a.into = append(a.into, &a.registerKeys, &a.registerRanks)
	}
	return a
}

// row returns the row that has been read, which keeps nothing of the answer's memory.
func (a *answer) row() rollup.Row {
	r := rollup.Row{
		Step: a.q.Every, Time: time.Unix(a.at, 0).UTC(), Values: make([]string, rollup.MaxDimensions), Folded: a.folded, Count: a.count,
	}
	if a.q.Every == 0 {
		r.Step, r.Time = a.q.Range.End.Sub(a.q.Range.Start), a.q.Range.Start
	}
	for i, d := range a.q.Group {
		r.Values[d] = a.values[i]
	}
	if len(a.inputs) == 0 {
		return r
	}
	r.Inputs = make([]rollup.Input, a.q.Inputs[len(a.q.Inputs)-1]+1)
	for i, n := range a.q.Inputs {
		in := a.inputs[i]
		r.Inputs[n] = rollup.Input{Count: in.count, Sum: in.sum, Min: in.min, Max: in.max}
		if in.lastAt != 0 || in.last != 0 {
			r.Inputs[n].LastAt, r.Inputs[n].Last = ofOrdered(in.lastAt), ofOrderedFloat(in.last)
		}
	}
	a.sketches(r.Inputs)
	a.registers(r.Inputs)
	return r
}

// sketches puts the buckets into the inputs that are wanted. The engine returns the keys of a merged map in their order.
func (a *answer) sketches(inputs []rollup.Input) {
	for i, key := range a.sketchKeys {
		n, index := ofSketchKey(key)
		if slices.Contains(a.q.Inputs, n) {
			inputs[n].Sketch = append(inputs[n].Sketch, rollup.Bucket{Index: index, Count: a.sketchCounts[i]})
		}
	}
}

// registers is sketches for registers, which are those of the inputs that are wanted alone.
func (a *answer) registers(inputs []rollup.Input) {
	for i, key := range a.registerKeys {
		n, index := ofRegisterKey(key)
		inputs[n].Registers = append(inputs[n].Registers, rollup.Register{Index: index, Rank: a.registerRanks[i]})
	}
}

// RollupHidden implements storage.RollupReader.
func (s *Store) RollupHidden(ctx context.Context, owner tenant.ID, state string, r storage.TimeRange) ([]rollup.Hidden, error) {
	if err := timerange.Check(r); err != nil {
		return nil, fmt.Errorf("read what a rollup folded: %w", err)
	}
	st, out := client.For(owner), []rollup.Hidden{}
	query := "SELECT toInt64(toUInt32(Time)) AS at, Dimension, mapKeys(maxMap(Registers)), mapValues(maxMap(Registers)) FROM {db}." + hidden +
		" WHERE " + ofState(st, state) + " AND " + within(r) + " GROUP BY at, Dimension ORDER BY at, Dimension"
	err := s.client.Each(ctx, "read what a rollup folded", query, st, func(scan func(...any) error) error {
		var at int64
		var dimension uint8
		var indexes []uint16
		var ranks []uint8
		if err := scan(&at, &dimension, &indexes, &ranks); err != nil {
			return err
		}
		hour := time.Unix(at, 0).UTC()
		if len(out) == 0 || !out[len(out)-1].Time.Equal(hour) {
			out = append(out, rollup.Hidden{Time: hour, Dimensions: make([][]rollup.Register, rollup.MaxDimensions)})
		}
		registers := make([]rollup.Register, len(indexes))
		for i := range indexes {
			registers[i] = rollup.Register{Index: indexes[i], Rank: ranks[i]}
		}
		out[len(out)-1].Dimensions[dimension] = registers
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
