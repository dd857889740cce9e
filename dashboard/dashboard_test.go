// SPDX-License-Identifier: Apache-2.0

package dashboard_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/dashboard"
)

// valid is a dashboard of every part of the model.
func valid() dashboard.Dashboard {
	return dashboard.Dashboard{
		Name: "web-1", Title: "Web", Variables: []dashboard.Variable{{Name: "instance", Kind: "text"}, {Name: "window", Kind: "window"}},
		Figures: []dashboard.Figure{{Title: "Requests", Unit: "rate", Expr: `sum by (instance) (rate(a{b=~"x$"}[2m]))`}},
		Panels: []dashboard.Panel{
			{ID: "requests", Title: "Requests", Unit: "rate", Kind: "area", Queries: []dashboard.Query{
				{Expr: `rate(a{instance="$instance",b=~"x$"}[$window])`, Legend: "requests"},
				{Source: "promql", Expr: "b", Color: "error"},
			}},
			{ID: "latency", Title: "Latency", Unit: "s", Kind: "line", Needs: "spans", Queries: []dashboard.Query{{Source: "service", Expr: "p95", Service: "$instance"}}},
		},
	}
}

func TestJSON(t *testing.T) {
	text, err := json.Marshal(valid())
	require.NoError(t, err)
	got, err := dashboard.Parse(text)
	require.NoError(t, err)
	require.Equal(t, valid(), got)
}

func TestParseLeavesNoListNil(t *testing.T) {
	got, err := dashboard.Parse([]byte(`{"name":"a","title":"A","panels":[{"id":"p","title":"P","unit":"s","kind":"line","queries":[{"expr":"up"}]}]}`))
	require.NoError(t, err)
	require.NotNil(t, got.Variables)
	require.NotNil(t, got.Figures)
}

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		`{"name":"a","colour":"red"}`: "colour",
		`{`:                           "read dashboard",
		`{"name":"a","title":"A","panels":[{"id":"p","title":"P","unit":"s","kind":"line","queries":[{"expr":"up"}]}]} {}`: "more behind it",
		`{"name":"a","title":"A"}`: `dashboard "a": there is no panel`,
	} {
		_, err := dashboard.Parse([]byte(text))
		require.ErrorContains(t, err, want, text)
	}
}

func TestValidate(t *testing.T) {
	require.NoError(t, valid().Validate())
	for want, change := range map[string]func(*dashboard.Dashboard){
		`name "Web 1"`:         func(d *dashboard.Dashboard) { d.Name = "Web 1" },
		"the title is missing": func(d *dashboard.Dashboard) { d.Title = "" },
		"there is no panel":    func(d *dashboard.Dashboard) { d.Panels, d.Variables = nil, nil },
		`panel "latency": the variable $instance is not declared`: func(d *dashboard.Dashboard) { d.Variables = d.Variables[1:] },
		`variable "zone": no query has it`: func(d *dashboard.Dashboard) {
			d.Variables = append(d.Variables, dashboard.Variable{Name: "zone", Kind: "text"})
		},
		`variable "window": there are two of this name`:                      func(d *dashboard.Dashboard) { d.Variables = append(d.Variables, d.Variables[1]) },
		`variable "window": kind "list" is none of text, window`:             func(d *dashboard.Dashboard) { d.Variables[1].Kind = "list" },
		`variable "a b": letters and digits`:                                 func(d *dashboard.Dashboard) { d.Variables[0].Name = "a b" },
		`figure "": title and expr are needed`:                               func(d *dashboard.Dashboard) { d.Figures[0].Title = "" },
		`figure "Requests": unit "ms" is none of`:                            func(d *dashboard.Dashboard) { d.Figures[0].Unit = "ms" },
		`figure "Requests": the expression has a variable`:                   func(d *dashboard.Dashboard) { d.Figures[0].Expr = "rate(a[$window])" },
		`panel "latency": there are two of this id`:                          func(d *dashboard.Dashboard) { d.Panels[0].ID = "latency" },
		`panel "A": the id may have`:                                         func(d *dashboard.Dashboard) { d.Panels[0].ID = "A" },
		`panel "requests": the title is missing`:                             func(d *dashboard.Dashboard) { d.Panels[0].Title = "" },
		`panel "requests": kind "pie" is none of line, area, stack`:          func(d *dashboard.Dashboard) { d.Panels[0].Kind = "pie" },
		`panel "requests": unit "" is none of`:                               func(d *dashboard.Dashboard) { d.Panels[0].Unit = "" },
		`panel "latency": there is no query`:                                 func(d *dashboard.Dashboard) { d.Panels[1].Queries = nil },
		`panel "requests": query 2: expr is missing`:                         func(d *dashboard.Dashboard) { d.Panels[0].Queries[1].Expr = "" },
		`panel "requests": query 2: service is for queries`:                  func(d *dashboard.Dashboard) { d.Panels[0].Queries[1].Service = "cart" },
		`panel "requests": query 2: color "red" is none of`:                  func(d *dashboard.Dashboard) { d.Panels[0].Queries[1].Color = "red" },
		`panel "requests": query 2: source "sql" is none of promql, service`: func(d *dashboard.Dashboard) { d.Panels[0].Queries[1].Source = "sql" },
		`panel "latency": query 1: expr "p42" is none of`:                    func(d *dashboard.Dashboard) { d.Panels[1].Queries[0].Expr = "p42" },
		`panel "requests": its queries have different sources`: func(d *dashboard.Dashboard) {
			d.Panels[0].Queries[1] = dashboard.Query{Source: "service", Expr: "p95", Service: "cart"}
		},
		`panel "latency": query 1: service is missing`: func(d *dashboard.Dashboard) { d.Panels[1].Queries[0].Service = "" },
	} {
		d := valid()
		change(&d)
		require.ErrorContains(t, d.Validate(), want)
	}
}

func TestValidateNamesEveryMistake(t *testing.T) {
	d := valid()
	d.Title, d.Panels[0].Kind, d.Panels[1].Unit = "", "pie", "ms"
	err := d.Validate()
	for _, want := range []string{`dashboard "web-1"`, "title", "pie", "ms"} {
		require.ErrorContains(t, err, want)
	}
}

func TestVariables(t *testing.T) {
	q := dashboard.Query{Expr: `rate(a{b="$host",c=~"x$",d="$1"}[$window])`, Service: "$host", Legend: "$zone"}
	require.Equal(t, []string{"host", "window", "zone"}, q.Variables())
}

func TestNames(t *testing.T) {
	long := strings.Repeat("a", 63)
	for name, fits := range map[string]bool{"a": true, "host": true, "web-1": true, long: true, long + "a": false, "": false, "1a": false, "-a": false, "A": false, "a_b": false, "a b": false, "ä": false, "a/b": false} {
		d := valid()
		d.Name = name
		require.Equal(t, fits, d.Validate() == nil, "name %q", name)
		d = valid()
		d.Panels[0].ID = name
		require.Equal(t, fits, d.Validate() == nil, "id %q", name)
	}
	for name, fits := range map[string]bool{"zone": true, "Zone2": true, "": false, "2zone": false, "my-zone": false, "my_zone": false} {
		d := valid()
		d.Variables = append(d.Variables, dashboard.Variable{Name: name, Kind: "text"})
		d.Panels[0].Queries[0].Legend = "$" + name
		require.Equal(t, fits, d.Validate() == nil, "variable %q", name)
	}
}

// TestUnitsAndKinds: what the model names is valid, each for itself.
func TestUnitsAndKinds(t *testing.T) {
	for _, unit := range []string{dashboard.UnitNumber, dashboard.UnitPercent, dashboard.UnitBytes, dashboard.UnitBytesPerSecond, dashboard.UnitRate, dashboard.UnitSeconds} {
		d := valid()
		d.Panels[0].Unit, d.Figures[0].Unit = unit, unit
		require.NoError(t, d.Validate(), unit)
	}
	for _, kind := range []string{dashboard.KindLine, dashboard.KindArea, dashboard.KindStack} {
		d := valid()
		d.Panels[0].Kind = kind
		require.NoError(t, d.Validate(), kind)
	}
	for _, figure := range []string{dashboard.FigureRequests, dashboard.FigureErrors, dashboard.FigureP50, dashboard.FigureP95, dashboard.FigureP99} {
		d := valid()
		d.Panels[1].Queries[0].Expr = figure
		require.NoError(t, d.Validate(), figure)
	}
}

// TestVariablesOutsideExpressions: a legend and a service may have variables too, and an undeclared one is found there.
func TestVariablesOutsideExpressions(t *testing.T) {
	d := valid()
	d.Panels[0].Queries[0].Legend = "of $zone"
	require.ErrorContains(t, d.Validate(), "the variable $zone is not declared")
	d = valid()
	d.Panels[1].Queries[0].Service = "$zone"
	require.ErrorContains(t, d.Validate(), "the variable $zone is not declared")
	d.Variables = append(d.Variables, dashboard.Variable{Name: "zone", Kind: "text"})
	require.NoError(t, d.Validate())
}
