// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"fmt"
	"log/slog"
	"regexp"
	"strconv"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"
)

const maxGroupYAML = 256 << 10

// Error is a mistake in a group's YAML. Line is 0 when it cannot be told.
type Error struct {
	Line   int    `json:"line"`
	Reason string `json:"reason"`
}

func (e Error) Error() string {
	if e.Line == 0 {
		return e.Reason
	}
	return fmt.Sprintf("line %d: %s", e.Line, e.Reason)
}

// Errors are all mistakes of a group.
type Errors []Error

func (e Errors) Error() string {
	out := make([]string, len(e))
	for i, r := range e {
		out[i] = r.Error()
	}
	return strings.Join(out, "\n")
}

// wrapperLines are the lines that are put in front of a group to make it a rule file.
const wrapperLines = 2

// ParseGroup reads one rule group, as it stands below "groups:" in a rule file. A whole file with one group is taken as well.
// Lines in errors are those of the text.
func ParseGroup(text string, p parser.Parser) (rulefmt.RuleGroup, error) {
	if len(text) > maxGroupYAML {
		return rulefmt.RuleGroup{}, Errors{{Reason: fmt.Sprintf("more than %d bytes", maxGroupYAML)}}
	}
	file, shift := text, 0
	var top map[string]yaml.Node
	if err := yaml.Unmarshal([]byte(text), &top); err != nil {
		return rulefmt.RuleGroup{}, Errors{located(err, 0)}
	}
	if _, whole := top["groups"]; !whole {
		// Indented as the only element of the list; "-" stands alone because the text may begin with a comment.
		file, shift = "groups:\n-\n  "+strings.ReplaceAll(text, "\n", "\n  "), wrapperLines
	}
	groups, errs := rulefmt.Parse([]byte(file), false, model.UTF8Validation, p, slog.New(slog.DiscardHandler))
	if len(errs) > 0 {
		out := make(Errors, len(errs))
		for i, err := range errs {
			out[i] = located(err, shift)
		}
		return rulefmt.RuleGroup{}, out
	}
	switch n := len(groups.Groups); {
	case n != 1:
		return rulefmt.RuleGroup{}, Errors{{Reason: fmt.Sprintf("expected one group, found %d", n)}}
	case len(groups.Groups[0].Rules) == 0:
		return rulefmt.RuleGroup{}, Errors{{Reason: "the group has no rules"}}
	}
	return groups.Groups[0], nil
}

// located finds the line in the text of an error, which is where both the YAML decoder and the rule parser put it, and corrects it
// by what stands in front of the user's text.
func located(err error, shift int) Error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	text = strings.TrimPrefix(text, "unmarshal errors:\n  ")
	for _, re := range []*regexp.Regexp{
		regexp.MustCompile(`^(\d+):\d+: (?:\d+:\d+: )?`),
		regexp.MustCompile(`^line (\d+): `),
	} {
		m := re.FindStringSubmatch(text)
		if m == nil {
			continue
		}
		if line, convErr := strconv.Atoi(m[1]); convErr == nil {
			return Error{Line: max(line-shift, 1), Reason: text[len(m[0]):]}
		}
	}
	return Error{Reason: text}
}

// RenderGroup writes a group back as YAML.
func RenderGroup(g rulefmt.RuleGroup) string {
	b, err := yaml.Marshal(g)
	if err != nil {
		return "" // A group that was parsed can be written.
	}
	return string(b)
}
