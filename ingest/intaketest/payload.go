// SPDX-License-Identifier: Apache-2.0

package intaketest

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/ingest/check"
	"github.com/strata-apm/strata/signal"
)

// value is an attribute of a record, "" where there is none.
func (r Record) value(key string) string {
	for _, a := range r.Attributes {
		if a.Key == key {
			return a.Value
		}
	}
	return ""
}

func testManyAttributes(t *testing.T, f *fixture) {
	t.Helper()
	recs := records(2)
	recs[1].Attributes = nil
	for i := range 1000 {
		recs[1].Attributes = append(recs[1].Attributes, Attribute{"key_" + strconv.Itoa(i), "v"})
	}
	a := f.sendRecords(t, recs...)
	if !f.cuts() {
		f.partly(t, a, 1, nil, 1)
		return
	}
	f.wholly(t, a, 2)
	got := f.arrived(t)[recs[1].Name]
	require.Len(t, got.Attributes, f.intake.Limits().Attributes)
	require.Equal(t, "v", got.value("key_0"))
}

func testLongValues(t *testing.T, f *fixture) {
	t.Helper()
	const key = "long"
	limits := f.intake.Limits()
	recs := records(2)
	recs[1].Attributes = []Attribute{{key, "x" + strings.Repeat("é", limits.AttributeBytes)}}
	a := f.sendRecords(t, recs...)
	if !f.cuts() {
		f.partly(t, a, 1, nil, 1)
		return
	}
	f.wholly(t, a, 2)
	got := f.arrived(t)[recs[1].Name]
	require.Equal(t, "x"+strings.Repeat("é", limits.AttributeBytes/2-1), got.value(key), "cut between two characters")
	require.Equal(t, key+"="+strconv.Itoa(1+2*limits.AttributeBytes), got.value(check.AttrTruncated))

	longest := limits.AttributeBytes
	if f.Signal == signal.Logs {
		longest = limits.LogBodyBytes
	}
	f = f.again(t, nil)
	f.wholly(t, f.sendRecords(t, Record{Name: "x" + strings.Repeat("é", longest), Time: time.Now()}), 1)
	require.Contains(t, f.arrived(t), "x"+strings.Repeat("é", longest/2-1))
}

// testNotUTF8: a protocol may refuse the request, the record, or put the text right; what is on the bus is UTF-8.
func testNotUTF8(t *testing.T, f *fixture) {
	t.Helper()
	const place = "@@here@@"
	recs := records(2)
	recs[1].Attributes = []Attribute{{"broken", place}}
	body := bytes.ReplaceAll(f.Encode(t, recs...), []byte(place), []byte("a\xff\xfe\xc3bcde"))
	a := f.send(t, f.request(t, body))
	require.Contains(t, []Verdict{Taken, Refused}, a.Verdict, a.Status)
	require.Zero(t, a.RetryAfter)
	for _, rec := range f.arrived(t) {
		require.True(t, utf8.ValidString(rec.value("broken")))
	}
	f.totals(t)
}

func testOddCharacters(t *testing.T, f *fixture) {
	t.Helper()
	recs := records(1)
	recs[0].Name = "<script>\u202e 😀 e\u0301"
	recs[0].Attributes = []Attribute{{"odd.key-é", "a\x00b \u202e😀 ' \" ` \\ %"}}
	f.wholly(t, f.sendRecords(t, recs...), 1)
	require.Equal(t, recs[0].Attributes, f.arrived(t)[recs[0].Name].Attributes)
}

func testNumbers(t *testing.T, f *fixture) {
	t.Helper()
	values := []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.SmallestNonzeroFloat64, math.MaxFloat64, 0}
	recs := records(len(values))
	for i := range recs {
		recs[i].Value = values[i]
	}
	f.wholly(t, f.sendRecords(t, recs...), len(values))
	if f.Signal != signal.Metrics {
		return
	}
	got := f.arrived(t)
	for i, v := range values {
		g := got[recs[i].Name].Value
		require.True(t, g == v || math.IsNaN(g) && math.IsNaN(v), "%v became %v", v, g)
	}
}

func testTimes(t *testing.T, f *fixture) {
	t.Helper()
	recs := records(8)
	for i, d := range []time.Duration{0, -time.Hour, 9 * time.Minute, 11 * time.Minute, -16 * 24 * time.Hour} {
		recs[i].Time = time.Now().Add(d)
	}
	recs[5].Time = time.Unix(1, 0)
	recs[6].Time = time.Date(2262, 4, 1, 0, 0, 0, 0, time.UTC)
	f.partly(t, f.sendRecords(t, recs...), 4, map[string]int64{check.ReasonTooNew: 2, check.ReasonTooOld: 2}, 4)
	for _, i := range []int{0, 1, 2, 7} {
		require.Contains(t, f.arrived(t), recs[i].Name)
	}
	for _, r := range recs[3:7] { // Each alone, too.
		f := f.again(t, nil)
		f.partly(t, f.sendRecords(t, r), 0, nil, 1)
	}
}

func testNoTime(t *testing.T, f *fixture) {
	t.Helper()
	recs := records(2)
	recs[1].Time = time.Time{}
	a := f.sendRecords(t, recs...)
	if f.Signal != signal.Logs {
		f.partly(t, a, 1, nil, 1)
		return
	}
	f.wholly(t, a, 2)
	require.WithinRange(t, f.arrived(t)[recs[1].Name].Time, f.begin, time.Now(), "the time of receipt")
}

// testNesting: moderate nesting is kept, absurd nesting is refused or cut off and harms nobody.
func testNesting(t *testing.T, f *fixture) {
	t.Helper()
	recs := records(1)
	recs[0].Depth = 8
	f.wholly(t, f.sendRecords(t, recs...), 1)
	if f.Decode(t, f.bus.Records(f.Topic)[0].Value)[0].Depth == 0 {
		return // Without nested attributes.
	}
	require.Equal(t, 8, f.arrived(t)[recs[0].Name].Depth)
	f = f.again(t, nil)
	recs[0].Depth = 10_000
	a := f.sendRecords(t, recs...)
	require.Contains(t, []Verdict{Refused, Taken}, a.Verdict, a.Status)
	require.Zero(t, a.RetryAfter)
	require.LessOrEqual(t, f.arrived(t)[recs[0].Name].Depth, check.MaxDepth)
}

func testTwice(t *testing.T, f *fixture) {
	t.Helper()
	first, other := f.request(t, f.Encode(t, records(3)...)), f.request(t, f.Encode(t, records(4)...))
	for i, step := range []struct {
		request Request
		resent  int64
	}{{first, 0}, {other, 0}, {first, 3}, {other, 7}} {
		require.Equal(t, Taken, f.send(t, step.request).Verdict)
		require.Equal(t, step.resent, f.totals(t).Resent, "request %d", i)
	}
	require.EqualValues(t, 14, f.totals(t).Accepted)
}
