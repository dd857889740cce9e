// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var (
	identifier = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)
	variable   = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9]{0,62}$`)
	// reference is a variable in a query. A dollar before anything else, as at the end of a regular expression, is itself.
	reference = regexp.MustCompile(`\$([a-zA-Z][a-zA-Z0-9]*)`)
)

// Validate reports every mistake of the dashboard at once, each with the part it is in. It does not parse PromQL.
func (d Dashboard) Validate() error {
	var p problems
	if !identifier.MatchString(d.Name) {
		p.add("name %q: lower-case letters, digits and dashes are allowed, a letter first", d.Name)
	}
	if d.Title == "" {
		p.add("the title is missing")
	}
	if len(d.Panels) == 0 {
		p.add("there is no panel")
	}
	declared := p.variables(d.Variables)
	for _, f := range d.Figures {
		p.figure(f)
	}
	used := make(map[string]bool)
	seen := make(map[string]bool)
	for _, panel := range d.Panels {
		where := fmt.Sprintf("panel %q", panel.ID)
		if seen[panel.ID] {
			p.add("%s: there are two of this id", where)
		}
		seen[panel.ID] = true
		p.panel(where, panel)
		for _, q := range panel.Queries {
			for _, name := range q.Variables() {
				used[name] = true
				if !declared[name] {
					p.add("%s: the variable $%s is not declared", where, name)
				}
			}
		}
	}
	for _, v := range d.Variables {
		if !used[v.Name] {
			p.add("variable %q: no query has it", v.Name)
		}
	}
	if err := errors.Join(p...); err != nil {
		return fmt.Errorf("dashboard %q: %w", d.Name, err)
	}
	return nil
}

// Variables are the names of the variables in the query, in order, each once.
func (q Query) Variables() []string {
	var out []string
	for _, text := range []string{q.Expr, q.Service, q.Legend} {
		for _, m := range reference.FindAllStringSubmatch(text, -1) {
			if !slices.Contains(out, m[1]) {
				out = append(out, m[1])
			}
		}
	}
	return out
}

// problems are the mistakes found so far.
type problems []error

func (p *problems) add(format string, args ...any) { *p = append(*p, fmt.Errorf(format, args...)) }

// oneOf reports a value that is none of the words.
func (p *problems) oneOf(where, what, value string, words ...string) {
	if !slices.Contains(words, value) {
		p.add("%s: %s %q is none of %s", where, what, value, strings.Join(words, ", "))
	}
}

func (p *problems) unit(where, unit string) {
	p.oneOf(where, "unit", unit, UnitNumber, UnitPercent, UnitBytes, UnitBytesPerSecond, UnitRate, UnitSeconds)
}

// variables returns the names that are declared.
func (p *problems) variables(all []Variable) map[string]bool {
	declared := make(map[string]bool, len(all))
	for _, v := range all {
		where := fmt.Sprintf("variable %q", v.Name)
		switch {
		case !variable.MatchString(v.Name):
			p.add("%s: letters and digits are allowed, a letter first", where)
		case declared[v.Name]:
			p.add("%s: there are two of this name", where)
		}
		declared[v.Name] = true
		p.oneOf(where, "kind", v.Kind, VariableText, VariableWindow)
	}
	return declared
}

func (p *problems) figure(f Figure) {
	where := fmt.Sprintf("figure %q", f.Title)
	if f.Title == "" || f.Expr == "" {
		p.add("%s: title and expr are needed", where)
	}
	if reference.MatchString(f.Expr) {
		p.add("%s: the expression has a variable", where)
	}
	p.unit(where, f.Unit)
}

func (p *problems) panel(where string, panel Panel) {
	if !identifier.MatchString(panel.ID) {
		p.add("%s: the id may have lower-case letters, digits and dashes, a letter first", where)
	}
	if panel.Title == "" {
		p.add("%s: the title is missing", where)
	}
	p.oneOf(where, "kind", panel.Kind, KindLine, KindArea, KindStack)
	p.unit(where, panel.Unit)
	if len(panel.Queries) == 0 {
		p.add("%s: there is no query", where)
	}
	for i, q := range panel.Queries {
		p.query(fmt.Sprintf("%s: query %d", where, i+1), q)
		if (q.Source == SourceService) != (panel.Queries[0].Source == SourceService) {
			p.add("%s: its queries have different sources", where) // Their points lie at different times.
		}
	}
}

func (p *problems) query(where string, q Query) {
	p.oneOf(where, "color", q.Color, "", ColorError)
	switch q.Source {
	case "", SourcePromQL:
		if q.Expr == "" {
			p.add("%s: expr is missing", where)
		}
		if q.Service != "" {
			p.add("%s: service is for queries of the source service", where)
		}
	case SourceService:
		p.oneOf(where, "expr", q.Expr, FigureRequests, FigureErrors, FigureP50, FigureP95, FigureP99)
		if q.Service == "" {
			p.add("%s: service is missing", where)
		}
	default:
		p.oneOf(where, "source", q.Source, SourcePromQL, SourceService)
	}
}
