// SPDX-License-Identifier: Apache-2.0

package check

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

// generator makes values up that pass the limits more often than not.
type generator struct {
	*rand.Rand
	limits Limits
}

func (g generator) text() string {
	n := g.IntN(2 * g.limits.AttributeBytes)
	return strings.Repeat([]string{"x", "é", "😀", "\xff", "\xe3\x81"}[g.IntN(5)], 1+n/4)
}

func (g generator) fill(m pcommon.Map, depth int) {
	for i := range g.IntN(2 * g.limits.Attributes) {
		key := strconv.Itoa(i)
		if g.IntN(8) == 0 {
			key += "\xff"
		}
		g.value(m.PutEmpty(key), depth)
	}
}

func (g generator) value(v pcommon.Value, depth int) {
	switch g.IntN(6) {
	case 0:
		v.SetInt(g.Int64())
	case 1:
		v.SetEmptyBytes().FromRaw([]byte(g.text()))
	case 2:
		if depth < 3 {
			g.fill(v.SetEmptyMap(), depth+1)
		}
	case 3:
		if depth < 3 {
			g.value(v.SetEmptySlice().AppendEmpty(), depth+1)
		} else {
			nest(v, 2*MaxDepth)
		}
	default:
		v.SetStr(g.text())
	}
}

// requireLimits says that a value obeys the limits; text is the longest.
func requireLimits(t *testing.T, l Limits, v pcommon.Value, text, depth int) {
	t.Helper()
	switch v.Type() {
	case pcommon.ValueTypeStr:
		require.LessOrEqual(t, len(v.Str()), text)
		require.True(t, utf8.ValidString(v.Str()))
	case pcommon.ValueTypeBytes:
		require.LessOrEqual(t, v.Bytes().Len(), text)
	case pcommon.ValueTypeMap:
		require.Less(t, depth, MaxDepth)
		require.LessOrEqual(t, v.Map().Len(), l.Attributes)
		requireMap(t, l, v.Map(), depth+1)
	case pcommon.ValueTypeSlice:
		require.Less(t, depth, MaxDepth)
		for _, e := range v.Slice().All() {
			requireLimits(t, l, e, text, depth+1)
		}
	default:
	}
}

func requireMap(t *testing.T, l Limits, m pcommon.Map, depth int) {
	t.Helper()
	for k, v := range m.All() {
		require.True(t, utf8.ValidString(k))
		if k != AttrTruncated {
			requireLimits(t, l, v, l.AttributeBytes, depth)
		}
	}
}

// TestWhateverComesObeysTheLimits checks random records: what is left obeys every limit, and a second check finds nothing.
func TestWhateverComesObeysTheLimits(t *testing.T) {
	l := DefaultLimits()
	l.Attributes, l.AttributeBytes, l.LogBodyBytes = 6, 64, 100
	notes := map[string]int{}
	for seed := range uint64(300) {
		g := generator{rand.New(rand.NewPCG(seed, 3)), l}
		ld, recs := records(2)
		for _, r := range recs.All() {
			g.value(r.Body(), 0)
			g.fill(r.Attributes(), 0)
			r.SetSeverityText(g.text())
		}
		g.fill(ld.ResourceLogs().At(0).Resource().Attributes(), 0)
		tally := l.Logs(ld, time.Now())
		for kind, n := range tally.Notes {
			notes[kind] += n
		}
		require.Equal(t, 2, tally.Kept())
		for _, r := range recs.All() {
			requireLimits(t, l, r.Body(), l.LogBodyBytes, 0)
			requireMap(t, l, r.Attributes(), 0)
			require.LessOrEqual(t, r.Attributes().Len(), l.Attributes+1)
			r.Attributes().Remove(AttrTruncated)
		}
		ld.ResourceLogs().At(0).Resource().Attributes().Remove(AttrTruncated)
		require.Equal(t, Tally{Items: 2}, l.Logs(ld, time.Now()), "seed %d", seed)
	}
	require.Subset(t, []string{NoteCut, NoteDropped, NoteDeep, NoteNotUTF8}, keys(notes))
	require.Len(t, notes, 4)
}

func keys(m map[string]int) (out []string) {
	for k := range m {
		out = append(out, k)
	}
	return out
}
