// SPDX-License-Identifier: Apache-2.0

package match

import (
	"math"
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/search"
)

// relations asks all four relations and returns those that hold.
func relations(t *testing.T, value float64, integer string, holds func(b *bound) bool) string {
	t.Helper()
	var out []string
	for _, op := range []search.CompareOp{search.Less, search.LessOrEqual, search.Greater, search.GreaterOrEqual} {
		b, err := newBound(search.Compare{Op: op, Value: value, Integer: integer})
		require.NoError(t, err)
		if holds(&b) {
			out = append(out, string(op))
		}
	}
	return strings.Join(out, " ")
}

const less, equal, greater, neither = "< <=", "<= >=", "> >=", ""

func TestBoundsOfNumbers(t *testing.T) {
	for _, c := range []struct {
		n     uint64
		bound float64
		want  string
	}{
		{5, 5, equal},
		{4, 5, less},
		{6, 5, greater},
		{5, 5.5, less},
		{6, 5.5, greater},
		{0, -1, greater},
		{0, 0, equal},
		{0, math.Copysign(0, -1), equal},
		{math.MaxUint64, 1 << 64, less},
		{math.MaxUint64, 1e300, less},
		{1 << 63, 1 << 63, equal},
		{1<<53 + 1, 1 << 53, greater},
		{5, math.Inf(1), less},
		{5, math.Inf(-1), greater},
		{5, math.NaN(), neither},
	} {
		require.Equal(t, c.want, relations(t, c.bound, "", func(b *bound) bool { return b.holdsNumber(c.n) }), "%d and %g", c.n, c.bound)
	}
}

func TestBoundsOfTexts(t *testing.T) {
	for _, c := range []struct {
		s     string
		bound float64
		want  string
	}{
		{"5", 5, equal},
		{"5.0", 5, equal},
		{"+5", 5, equal},
		{"-5", 5, less},
		{"05", 5, equal},
		{"5e0", 5, equal},
		{"0.5e1", 5, equal},
		{"50E-1", 5, equal},
		{".5", 0.5, equal},
		{"5.", 5, equal},
		{"4.9", 5, less},
		{"5.1", 5, greater},
		{"1e400", 5, greater},
		{"-1e400", 5, less},
		{"1e-400", 0, equal},
		{"inf", 5, greater},
		{"-Infinity", 5, less},
		{"+INF", 5, greater},
		{"inf", math.Inf(1), equal},
		{"", 0, neither},
		{"x", 0, neither},
		{"5x", 5, neither},
		{" 5", 5, neither},
		{"5 ", 5, neither},
		{"0x5", 5, neither},
		{"1_0", 10, neither},
		{"nan", 5, neither},
		{"NaN", 5, neither},
		{".", 0, neither},
		{"-", 0, neither},
		{"e5", 5, neither},
		{"5e", 5, neither},
		{"5e+", 5, neither},
		{"1.2.3", 1, neither},
		{"--5", 5, neither},
		{"infx", 5, neither},
		{"５", 5, neither},
		{"5", math.NaN(), neither},
	} {
		require.Equal(t, c.want, relations(t, c.bound, "", func(b *bound) bool { return b.holdsText(c.s) }), "%q and %g", c.s, c.bound)
	}
}

// A fraction compares as its text does.
func TestBoundsOfFractions(t *testing.T) {
	for _, n := range []float64{0, math.Copysign(0, -1), 5, -5, 5.5, 1e21, 1e-7, math.Pi, math.MaxFloat64, math.SmallestNonzeroFloat64, math.Inf(1), math.Inf(-1), math.NaN()} {
		for _, value := range []float64{0, 5, -5, 5.5, 1e21, math.Pi, math.Inf(1), math.NaN()} {
			v := value
			got := relations(t, v, "", func(b *bound) bool { return b.holdsFloat(n) })
			text := strconv.FormatFloat(n, 'g', -1, 64)
			require.Equal(t, relations(t, v, "", func(b *bound) bool { return b.holdsText(text) }), got, "%g and %g", n, v)
		}
	}
}

func TestBoundsOfWholeNumbers(t *testing.T) {
	const large = "9007199254740993" // 2^53 + 1, which float64 does not have
	for _, c := range []struct {
		s, integer, want string
	}{
		{"9007199254740993", large, equal},
		{"9007199254740992", large, less},
		{"9007199254740994", large, greater},
		{"+009007199254740993", large, equal},
		{"-9007199254740993", large, less},
		{"5", large, less},
		{"99999999999999999999999999999999999999", large, greater},
		{"-9007199254740993", "-" + large, equal},
		{"-9007199254740994", "-" + large, less},
		{"-9007199254740992", "-" + large, greater},
		{"0", "-" + large, greater},
		{"-0", "-" + large, greater},
		{"9007199254740993.0", large, equal}, // no whole number: by float64, which rounds both to the same
		{"x", large, neither},
		{"", large, neither},
		{strings.Repeat("9", 76), large, greater},
		{strings.Repeat("9", 77), large, greater}, // more digits than compare exactly
	} {
		require.Equal(t, c.want, relations(t, magnitudeOf(t, c.integer), c.integer, func(b *bound) bool { return b.holdsText(c.s) }), "%q and %s", c.s, c.integer)
	}
}

func magnitudeOf(t *testing.T, integer string) float64 {
	t.Helper()
	f, err := strconv.ParseFloat(integer, 64)
	require.NoError(t, err)
	return f
}

func TestCompareIntegers(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 8))
	number := func() string {
		b := []byte{"+-0123456789"[rnd.IntN(12)]}
		for range rnd.IntN(30) {
			b = append(b, "0123456789"[rnd.IntN(10)])
		}
		return string(b)
	}
	for range 5000 {
		a, b := number(), number()
		if !isInteger(a) || !isInteger(b) {
			continue
		}
		x, ok := new(big.Int).SetString(strings.TrimPrefix(a, "+"), 10)
		require.True(t, ok, a)
		y, ok := new(big.Int).SetString(strings.TrimPrefix(b, "+"), 10)
		require.True(t, ok, b)
		got := compareIntegers(a, b)
		require.Equal(t, x.Cmp(y), max(min(got, 1), -1), "%s and %s", a, b)
	}
}

func TestIsInteger(t *testing.T) {
	for s, want := range map[string]bool{
		"0": true, "-0": true, "+7": true, strings.Repeat("1", maxDigits): true, "-" + strings.Repeat("1", maxDigits): true, strings.Repeat("1", maxDigits+1): false,
		"": false, "-": false, "+": false, "1.0": false, "1e5": false, "\u00201": false, "+-1": false, "1a": false,
	} {
		require.Equal(t, want, isInteger(s), s)
	}
}

func TestBadBounds(t *testing.T) {
	for _, c := range []search.Compare{{Op: "?"}, {Op: ""}, {Op: "="}, {Op: search.Less, Integer: "x"}, {Op: search.Less, Integer: "1.5"}, {Op: search.Less, Integer: strings.Repeat("1", 77)}} {
		_, err := newBound(c)
		require.ErrorIs(t, err, search.ErrBadQuery, "%v", c)
	}
	require.False(t, (&bound{op: "?"}).ordered(0))
}
