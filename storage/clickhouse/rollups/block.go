// SPDX-License-Identifier: Apache-2.0

package rollups

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/strata-apm/strata/rollup"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/native"
)

// maxInputs is how many inputs a key of the maps can tell apart.
const maxInputs = 1 << 8

// rowBlock builds the block of the rows of one batch.
type rowBlock struct {
	native.Block

	tenant, state       native.LowCardinality
	step, time, expires native.Fixed
	values              [rollup.MaxDimensions]native.LowCardinality
	folded, count       native.Fixed
	counts, sums        native.Pairs
	minima, maxima      native.Pairs
	lasts               native.Pairs
	sketches, registers native.Pairs
}

func newRowBlock() *rowBlock {
	b := &rowBlock{}
	b.step.Type, b.time.Type, b.expires.Type, b.folded.Type, b.count.Type = "UInt32", "DateTime", "DateTime", "UInt8", "UInt64"
	b.Add("TenantId", &b.tenant)
	b.Add("State", &b.state)
	b.Add("Step", &b.step)
	for i := range b.values {
		b.Add(valueColumn(i), &b.values[i])
	}
	b.Add("Folded", &b.folded)
	b.Add("Time", &b.time)
	b.Add("Expires", &b.expires)
	b.Add("Count", &b.count)
	for _, m := range []struct {
		name, key, value string
		column           *native.Pairs
	}{
		{"Counts", "UInt8", "UInt64", &b.counts},
		{"Sums", "UInt8", "Float64", &b.sums},
		{"Minima", "UInt8", "Float64", &b.minima},
		{"Maxima", "UInt8", "Float64", &b.maxima},
		{"Lasts", "UInt8", "UInt128", &b.lasts},
		{"Sketches", "Int64", "UInt64", &b.sketches},
		{"Registers", "UInt32", "UInt8", &b.registers},
	} {
		m.column.Keys.Type, m.column.Values.Type = m.key, m.value
		b.Add(m.name, m.column)
	}
	return b
}

// valueColumn is the name of the column of a dimension.
func valueColumn(dimension int) string { return "Value" + strconv.Itoa(dimension) }

// hiddenBlock builds the block of what a batch folded.
type hiddenBlock struct {
	native.Block

	tenant, state            native.LowCardinality
	dimension, time, expires native.Fixed
	registers                native.Pairs
}

func newHiddenBlock() *hiddenBlock {
	b := &hiddenBlock{}
	b.dimension.Type, b.time.Type, b.expires.Type = "UInt8", "DateTime", "DateTime"
	b.registers.Keys.Type, b.registers.Values.Type = "UInt16", "UInt8"
	b.Add("TenantId", &b.tenant)
	b.Add("State", &b.state)
	b.Add("Dimension", &b.dimension)
	b.Add("Time", &b.time)
	b.Add("Expires", &b.expires)
	b.Add("Registers", &b.registers)
	return b
}

var (
	errNobody     = errors.New("it is of no tenant")
	errNameless   = errors.New("it has no name")
	errDimensions = fmt.Errorf("more than %d dimensions", rollup.MaxDimensions)
	errInputs     = fmt.Errorf("more than %d inputs", maxInputs)
)

// fill adds the rows of one rollup, and what it folded. An error says why they can never be stored.
func fill(rows *rowBlock, folded *hiddenBlock, r *storage.RollupRows) error {
	switch {
	case r.Tenant == "":
		return errNobody
	case r.State == "":
		return errNameless
	}
	before := rows.Rows
	for i := range r.Rows {
		if err := rows.row(&r.Rows[i]); err != nil {
			return err // The caller names the rollup.
		}
	}
	rows.tenant.AppendN(string(r.Tenant), rows.Rows-before)
	rows.state.AppendN(r.State, rows.Rows-before)

	before = folded.Rows
	for i := range r.Hidden {
		if err := folded.hour(&r.Hidden[i]); err != nil {
			return err // As above.
		}
	}
	folded.tenant.AppendN(string(r.Tenant), folded.Rows-before)
	folded.state.AppendN(r.State, folded.Rows-before)
	return nil
}

// row adds a row but for its tenant and its state.
func (b *rowBlock) row(r *storage.RollupRow) error {
	step, err := stepSeconds(r.Step)
	if err != nil {
		return err
	}
	at, ok := second(r.Time)
	switch {
	case !ok:
		return fmt.Errorf("a row at %s, which is not between 1970 and 2106", r.Time)
	case at%step != 0 || r.Time.Nanosecond() != 0:
		return fmt.Errorf("a row at %s, where no bucket of %s begins", r.Time, r.Step)
	case len(r.Values) > len(b.values):
		return errDimensions
	case len(r.Inputs) > maxInputs:
		return errInputs
	}
	b.step.Uint32(step)
	b.time.Uint32(at)
	b.expires.Uint32(expiry(r.Expires))
	for i := range b.values {
		value := ""
		if i < len(r.Values) && r.Folded&(1<<i) == 0 {
			value = r.Values[i]
		}
		b.values[i].Append(value)
	}
	b.folded.Uint8(r.Folded & (1<<len(b.values) - 1))
	b.count.Uint64(r.Count)
	b.inputs(r.Inputs)
	b.Rows++
	return nil
}

// inputs adds the states of a row's inputs. What is 0 is left out where the answer is the same without: of counts and sums, and of what has no
// values.
func (b *rowBlock) inputs(inputs []rollup.Input) {
	var counts, sums, extremes, lasts, buckets, registers int
	for i := range inputs {
		in, key := &inputs[i], uint8(i)
		if in.Count != 0 {
			b.counts.Keys.Uint8(key)
			b.counts.Values.Uint64(in.Count)
			b.minima.Keys.Uint8(key)
			b.minima.Values.Float64(in.Min)
			b.maxima.Keys.Uint8(key)
			b.maxima.Values.Float64(in.Max)
			counts, extremes = counts+1, extremes+1
		}
		if in.Sum != 0 {
			b.sums.Keys.Uint8(key)
			b.sums.Values.Float64(in.Sum)
			sums++
		}
		if in.LastAt != 0 || in.Last != 0 {
			b.lasts.Keys.Uint8(key)
			b.lasts.Values.Uint128(ordered(in.LastAt), orderedFloat(in.Last))
			lasts++
		}
		for _, bucket := range in.Sketch {
			b.sketches.Keys.Uint64(uint64(sketchKey(i, bucket.Index))) //nolint:gosec // Its bits.
			b.sketches.Values.Uint64(bucket.Count)
		}
		buckets += len(in.Sketch)
		for _, r := range in.Registers {
			b.registers.Keys.Uint32(registerKey(i, r.Index))
			b.registers.Values.Uint8(r.Rank)
		}
		registers += len(in.Registers)
	}
	b.counts.EndRow(counts)
	b.sums.EndRow(sums)
	b.minima.EndRow(extremes)
	b.maxima.EndRow(extremes)
	b.lasts.EndRow(lasts)
	b.sketches.EndRow(buckets)
	b.registers.EndRow(registers)
}

// hour adds a row for each dimension of which something was folded, but for its tenant and its state.
func (b *hiddenBlock) hour(h *storage.RollupHidden) error {
	at, ok := second(h.Time)
	switch {
	case !ok:
		return fmt.Errorf("folded values at %s, which is not between 1970 and 2106", h.Time)
	case len(h.Dimensions) > rollup.MaxDimensions:
		return errDimensions
	}
	for i, registers := range h.Dimensions {
		if len(registers) == 0 {
			continue
		}
		b.dimension.Uint8(uint8(i))
		b.time.Uint32(at)
		b.expires.Uint32(expiry(h.Expires))
		for _, r := range registers {
			b.registers.Keys.Uint16(r.Index)
			b.registers.Values.Uint8(r.Rank)
		}
		b.registers.EndRow(len(registers))
		b.Rows++
	}
	return nil
}

// second is a time in whole seconds since 1970, cut off; ok is false where a DateTime does not hold it.
func second(t time.Time) (at uint32, ok bool) {
	s := t.Unix()
	return uint32(s), s >= 0 && s <= math.MaxUint32 //nolint:gosec // The caller looks at ok.
}

// expiry is when a row expires in seconds since 1970, rounded up. The zero time, and what is beyond the last second of a DateTime, is that last second.
func expiry(t time.Time) uint32 {
	s := t.Unix()
	if t.Nanosecond() != 0 {
		s++
	}
	if t.IsZero() || s > math.MaxUint32 {
		return math.MaxUint32
	}
	return uint32(max(0, s))
}

// stepSeconds is the width of a bucket in seconds.
func stepSeconds(d time.Duration) (uint32, error) {
	if d < time.Second || d%time.Second != 0 || d/time.Second > math.MaxUint32 {
		return 0, fmt.Errorf("a step of %s, which is not a number of whole seconds", d)
	}
	return uint32(d / time.Second), nil
}
