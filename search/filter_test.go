// SPDX-License-Identifier: Apache-2.0

package search

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPatternMatch(t *testing.T) {
	for _, c := range []struct {
		pattern Pattern
		fits    []string
		not     []string
	}{
		{nil, nil, []string{"", "a"}},
		{Pattern{""}, []string{""}, []string{"a"}},
		{Pattern{"a"}, []string{"a"}, []string{"", "A", "aa"}},
		{Pattern{"", ""}, []string{"", "a", "登录", "\xff"}, nil},
		{Pattern{"a", ""}, []string{"a", "ab", "aa"}, []string{"", "ba"}},
		{Pattern{"", "a"}, []string{"a", "ba", "aa"}, []string{"", "ab"}},
		{Pattern{"a", "a"}, []string{"aa", "aba", "aaa"}, []string{"a", "ab"}}, // Its parts do not overlap.
		{Pattern{"a", "b", "c"}, []string{"abc", "axbxc", "abbc", "abcbc"}, []string{"ac", "acb", "abcd", "bc"}},
		{Pattern{"", "b", ""}, []string{"b", "abc"}, []string{"", "ac"}},
		{Pattern{"", "ab", "ab", ""}, []string{"abab", "xabxabx"}, []string{"ab", "aba"}},
		{Pattern{"", "aab", ""}, []string{"aaab"}, []string{"abab"}},
		{Pattern{"登", "录"}, []string{"登录", "登入录"}, []string{"录登"}},
	} {
		for _, s := range c.fits {
			require.True(t, c.pattern.Match(s), "%q %q", c.pattern, s)
		}
		for _, s := range c.not {
			require.False(t, c.pattern.Match(s), "%q %q", c.pattern, s)
		}
	}
}

func TestPatternMatchLevel(t *testing.T) {
	require.True(t, Pattern{"WARN"}.MatchLevel("warn"))
	require.True(t, Pattern{"w", ""}.MatchLevel("warn"))
	require.False(t, Pattern{"W", ""}.MatchLevel("warn"), "case counts with wildcards, the parser lowers them")
	require.False(t, Pattern{"info"}.MatchLevel("warn"))
	require.False(t, Pattern{}.MatchLevel("warn"))
}

func TestDescribe(t *testing.T) {
	for want, f := range map[string]Filter{
		"everything":                            nil,
		"all()":                                 All{},
		"any()":                                 Any{},
		"all(everything, any())":                All{Of: []Filter{nil, Any{}}},
		"not(everything)":                       Not{},
		`contains "a \"b\" \n"`:                 Contains{Text: "a \"b\" \n"},
		"attr[k] exists":                        Exists{Field: Field{Kind: FieldAttribute, Name: "k"}},
		"resource[k] = ":                        Equals{Field: Field{Kind: FieldResource, Name: "k"}},
		`any[k] = "a"*"b"|"c"`:                  Equals{Field: Field{Kind: FieldAnywhere, Name: "k"}, Values: []Pattern{{"a", "b"}, {"c"}}},
		"duration > 1.5":                        Compare{Field: Field{Name: FieldDuration}, Op: Greater, Value: 1.5},
		"attr[n] < 9007199254740993":            Compare{Field: Field{Kind: FieldAttribute, Name: "n"}, Op: Less, Value: 1 << 53, Integer: "9007199254740993"},
		"x exists":                              Exists{Field: Field{Kind: 9, Name: "x"}},
		"level <= 4":                            Compare{Field: Field{Name: FieldLevel}, Op: LessOrEqual, Value: 4},
		`not(all(contains "a", service = "b"))`: Not{Of: All{Of: []Filter{Contains{Text: "a"}, Equals{Field: Field{Name: FieldService}, Values: []Pattern{{"b"}}}}}},
	} {
		require.Equal(t, want, Describe(f))
	}
}
