// SPDX-License-Identifier: Apache-2.0

package rollups

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/strata-apm/strata/rollup"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/client"
	"github.com/strata-apm/strata/storage/clickhouse/timerange"
)

// defaultLimit is the most rows of an answer whose query says nothing.
const defaultLimit = 1_000_000

// check refuses what cannot be meant; the error wraps storage.ErrBadQuery.
func check(q *storage.RollupQuery) error {
	if err := timerange.Check(q.Range); err != nil {
		return err
	}
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: "+format, append([]any{storage.ErrBadQuery}, args...)...)
	}
	if _, err := stepSeconds(q.Step); err != nil {
		return bad("%w", err)
	}
	if q.Every < 0 || q.Every%q.Step != 0 {
		return bad("buckets of %s cannot be made of buckets of %s", q.Every, q.Step)
	}
	if !rising(q.Group, rollup.MaxDimensions) {
		return bad("group by the dimensions %v, which do not rise from 0 to %d", q.Group, rollup.MaxDimensions-1)
	}
	if !rising(q.Inputs, maxInputs) {
		return bad("read the inputs %v, which do not rise from 0 to %d", q.Inputs, maxInputs-1)
	}
	for _, c := range q.Where {
		if c.Dimension < 0 || c.Dimension >= rollup.MaxDimensions {
			return bad("a condition on dimension %d", c.Dimension)
		}
	}
	return nil
}

// rising says whether each number is greater than the one before, and all are from 0 up to end.
func rising(list []int, end int) bool {
	least := 0
	for _, n := range list {
		if n < least || n >= end {
			return false
		}
		least = n + 1
	}
	return true
}

// compile returns the text of a query; its columns are those that answer.scan reads.
func compile(st *client.Statement, q *storage.RollupQuery, limit int) string {
	at := "toInt64(0)"
	if q.Every > 0 {
		every := strconv.FormatInt(int64(q.Every/time.Second), 10)
		at = "toInt64(intDiv(toUInt32(Time), " + every + ")) * " + every
	}
	columns := []string{at + " AS at", "bitAnd(Folded, " + strconv.Itoa(mask(q.Group)) + ") AS folded"}
	keys, order := []string{"at", "folded"}, []string{"at"}
	for _, d := range q.Group {
		column := valueColumn(d)
		columns, keys = append(columns, column), append(keys, column)
		order = append(order, column)
	}
	columns = append(columns, "sum(Count)")
	for _, i := range q.Inputs {
		columns = append(columns, inputColumns(strconv.Itoa(i))...)
	}
	if sketches(q) {
		// Merging the buckets of inputs that nobody wants costs no more than telling them apart before.
		columns = append(columns, "mapKeys(sumMap(Sketches))", "mapValues(sumMap(Sketches))")
	}
	if registers(q) {
		// Registers are many, and each that is merged takes memory.
		wanted := make([]string, len(q.Inputs))
		for n, i := range q.Inputs {
			wanted[n] = strconv.Itoa(i)
		}
		merged := "maxMap(mapFilter((k, v) -> bitAnd(k, 255) IN (" + strings.Join(wanted, ", ") + "), Registers))"
		columns = append(columns, "mapKeys("+merged+")", "mapValues("+merged+")")
	}
	return "SELECT " + strings.Join(columns, ", ") + " FROM {db}." + table + " WHERE " + conditions(st, q) +
		" GROUP BY " + strings.Join(keys, ", ") + " HAVING count() > 0" + // A key that is a constant makes a row of nothing.
		" ORDER BY " + strings.Join(append(order, "folded"), ", ") + " LIMIT " + strconv.Itoa(limit+1)
}

// sketches and registers say whether a query asks for these parts.
func sketches(q *storage.RollupQuery) bool  { return len(q.Inputs) > 0 && !q.NoSketches }
func registers(q *storage.RollupQuery) bool { return len(q.Inputs) > 0 && !q.NoRegisters }

// mask has the bits of dimensions.
func mask(dimensions []int) int {
	m := 0
	for _, d := range dimensions {
		m |= 1 << d
	}
	return m
}

// inputColumns are the expressions of an input's numbers. A map has 0 for a key that it lacks: harmless where that adds up, and below every last value.
func inputColumns(i string) []string {
	return []string{
		"sum(Counts[" + i + "])", "sum(Sums[" + i + "])",
		"minIf(Minima[" + i + "], mapContains(Minima, " + i + "))", "maxIf(Maxima[" + i + "], mapContains(Maxima, " + i + "))",
		"toUInt64(bitShiftRight(max(Lasts[" + i + "]), 64))", "toUInt64(bitAnd(max(Lasts[" + i + "]), toUInt128(18446744073709551615)))",
	}
}

// conditions is the condition of the rows that a query reads.
func conditions(st *client.Statement, q *storage.RollupQuery) string {
	step, _ := stepSeconds(q.Step) // It has been checked.
	all := []string{ofState(st, q.State), "Step = " + strconv.FormatUint(uint64(step), 10), within(q.Range)}
	for _, c := range q.Where {
		all = append(all, condition(st, c))
	}
	return strings.Join(all, " AND ")
}

// ofState is the condition of the rows of a state that have not expired. Those that have are about to be dropped, one part after another: a
// bucket would be read by halves.
func ofState(st *client.Statement, state string) string {
	return st.OfTenant() + " AND State = " + st.Str(state) + " AND Expires > now()"
}

// within is the condition of a range of time: of buckets that begin in it.
func within(r storage.TimeRange) string {
	return "Time >= toDateTime(" + strconv.FormatInt(ceiling(r.Start), 10) + ") AND Time < toDateTime(" + strconv.FormatInt(ceiling(r.End), 10) + ")"
}

// ceiling is the first whole second that is not before t, as far as a DateTime reaches.
func ceiling(t time.Time) int64 {
	s := t.Unix()
	if t.Nanosecond() != 0 {
		s++
	}
	return min(max(0, s), math.MaxUint32)
}

// condition is that of one dimension. Its first part, where there is one, says the same in a way that the sort key understands: folded values are
// stored as "".
func condition(st *client.Statement, c storage.RollupCondition) string {
	column, folded := valueColumn(c.Dimension), "bitTest(Folded, "+strconv.Itoa(c.Dimension)+")"
	one := "0"
	if len(c.Values) > 0 {
		one = column + " IN " + st.Strs(c.Values)
	}
	switch {
	case c.Not && c.Folded:
		return "(" + folded + " OR NOT " + one + ")"
	case c.Not:
		return "NOT " + folded + " AND NOT " + one
	case c.Folded:
		return column + " IN " + st.Strs(append(slices.Clone(c.Values), "")) + " AND (" + folded + " OR " + one + ")"
	default:
		return "NOT " + folded + " AND " + one
	}
}
