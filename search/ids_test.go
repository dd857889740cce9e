// SPDX-License-Identifier: Apache-2.0

package search

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNormalID(t *testing.T) {
	const whole = "0000000000000000463ac35c9f6413ad"
	for _, id := range []string{whole, "463AC35C9F6413AD", "463ac35c9f6413ad", "0x463ac35c9f6413ad", "00000000-0000-0000-463a-c35c9f6413ad", " 463ac35c9f6413ad "} {
		got, ok := NormalID(id, TraceIDDigits)
		require.True(t, ok, id)
		require.Equal(t, whole, got)
	}
	got, ok := NormalID("ABC", SpanIDDigits)
	require.True(t, ok)
	require.Equal(t, "0000000000000abc", got)
	for _, id := range []string{"", "-", "zz", whole + "0", "0x", "é", "' OR 1=1 --"} {
		_, ok := NormalID(id, TraceIDDigits)
		require.False(t, ok, id)
	}
}

// What is no id is handed back as it came, so that it is found nowhere.
func TestNormalIDOfNone(t *testing.T) {
	for _, c := range []struct {
		id     string
		digits int
		want   string
		ok     bool
	}{
		{"not an id", TraceIDDigits, "not an id", false},
		{"0X1F", SpanIDDigits, "000000000000001f", true},
		{"0x0x1f", SpanIDDigits, "0x0x1f", false},
		{"0123456789abcdef", SpanIDDigits, "0123456789abcdef", true},
		{"0123456789abcdef0", SpanIDDigits, "0123456789abcdef0", false},
		{"01-23", SpanIDDigits, "0000000000000123", true},
		{"g", SpanIDDigits, "g", false},
		{"０", SpanIDDigits, "０", false}, // a digit of another script
	} {
		got, ok := NormalID(c.id, c.digits)
		require.Equal(t, c.ok, ok, c.id)
		require.Equal(t, c.want, got, c.id)
	}
}
