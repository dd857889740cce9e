// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"
)

func TestParseGroupRefuses(t *testing.T) {
	p := parser.NewParser(parser.Options{})
	for _, tc := range []struct {
		name, yaml string
		line       int // of the first mistake
		want       string
	}{
		{"nothing", "", 0, "expected one group, found 0"},
		{"no rules", "name: a\n", 0, "no rules"},
		{"an expression", "name: a\nrules:\n- alert: X\n  expr: sum(\n", 4, "group \"a\", rule 1, \"X\": could not parse expression"},
		{"an unknown key", "name: a\nrules:\n- alert: X\n  expr: up\n  colour: red\n", 5, "field colour not found"},
		{"behind a comment", "# comment\n\nname: a\nrules:\n- record: 'a b{}'\n  expr: up\n", 5, "group \"a\", rule 1"},
		{"no YAML", "name: [", 1, ""},
		{"a template", "name: a\nrules:\n- alert: X\n  expr: up\n  annotations: {s: '{{ .x'}\n", 0, "template"},
		{"two groups", "groups:\n- {name: a, rules: [{alert: X, expr: up}]}\n- {name: b, rules: [{alert: X, expr: up}]}\n", 0, "expected one group, found 2"},
		{"alert and record", "name: a\nrules:\n- alert: X\n  record: y\n  expr: up\n", 4, "only one of"},
		{"too much", "name: " + strings.Repeat("x", maxGroupYAML), 0, "more than"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := ParseGroup(tc.yaml, p)
			var all Errors
			require.ErrorAs(t, err, &all)
			require.NotEmpty(t, all)
			require.Equal(t, tc.line, all[0].Line, "%v", err)
			require.ErrorContains(t, err, tc.want)
		})
	}
}

// TestEveryMistakeOfAGroup: all are told at once, each on a line of its own.
func TestEveryMistakeOfAGroup(t *testing.T) {
	_, err := ParseGroup("name: a\nrules:\n- {alert: X, expr: 'sum('}\n- {alert: Y, expr: 'max('}\n", parser.NewParser(parser.Options{}))
	var all Errors
	require.ErrorAs(t, err, &all)
	require.Len(t, all, 2)
	require.Equal(t, []int{3, 4}, []int{all[0].Line, all[1].Line})
	require.Len(t, strings.Split(err.Error(), "\n"), 2)
}

// TestRenderGroup: what is shown of a group can be read again as the same group.
func TestRenderGroup(t *testing.T) {
	g := rulefmt.RuleGroup{Name: "g", Interval: model.Duration(time.Minute), Rules: []rulefmt.Rule{
		{Alert: "A", Expr: "up == 0", For: model.Duration(90 * time.Second), Labels: map[string]string{"severity": "page"}},
		{Record: "r", Expr: "sum(up)"},
	}}
	again, err := ParseGroup(RenderGroup(g), parser.NewParser(parser.Options{}))
	require.NoError(t, err)
	require.Equal(t, g, again)
}

func TestParseGroupWholeFile(t *testing.T) {
	g, err := ParseGroup("groups:\n- name: a\n  rules: [{alert: X, expr: up}]\n", parser.NewParser(parser.Options{}))
	require.NoError(t, err)
	require.Equal(t, "a", g.Name)
}

func TestRulesWithNamesOutsideASCII(t *testing.T) {
	g, err := ParseGroup(`
name: 订单
rules:
- {record: "订单:总", expr: 'sum by ("地区") (rate({"订单数量", "地区"!=""}[5m]))', labels: {区: 东}}
- {alert: 订单太少, expr: '{"订单:总", "地区"="华东"} < 1', annotations: {summary: '{{ $labels.地区 }}: {{ index $labels "地区" }}'}}
`, parser.NewParser(parser.Options{}))
	require.NoError(t, err)
	require.Equal(t, "订单:总", g.Rules[0].Record)
	require.Equal(t, "东", g.Rules[0].Labels["区"])
	require.Len(t, g.Rules, 2)
}

func FuzzParseGroup(f *testing.F) {
	f.Add(simpleGroup)
	f.Add("groups:\n- name: a\n  rules: [{record: x, expr: up}]\n")
	f.Add("name: a\nrules:\n- expr: |\n    sum(\n")
	p := parser.NewParser(parser.Options{})
	f.Fuzz(func(t *testing.T, text string) {
		g, err := ParseGroup(text, p)
		if err == nil {
			require.NotEmpty(t, g.Rules)
		}
	})
}
