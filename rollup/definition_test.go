// SPDX-License-Identifier: Apache-2.0

package rollup_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/strata-apm/strata/rollup"
	"github.com/strata-apm/strata/search"
	"github.com/strata-apm/strata/signal"
)

const goodYAML = `
name: checkout
source: spans
filter: service:shop status:error
dimensions: [route, attr.customer]
measures:
  - func: count
  - func: p95
    field: duration
  - {name: buyers, func: distinct, field: attr.User.ID}
step: 10s
retention: 365d
budget: {values: 500}
`

func TestDefinitionIsRead(t *testing.T) {
	t.Parallel()
	want := rollup.Definition{
		Name: "checkout", Source: rollup.Spans, Filter: "service:shop status:error", Dimensions: []string{"route", "attr.customer"},
		Measures: []rollup.Measure{
			{Name: "count", Func: rollup.FuncCount},
			{Name: "p95_duration", Func: rollup.FuncP95, Field: "duration"},
			{Name: "buyers", Func: rollup.FuncDistinct, Field: "attr.User.ID"},
		},
		Step: model.Duration(10 * time.Second), Retention: model.Duration(365 * 24 * time.Hour),
		Budget: rollup.Budget{Values: 500, Combinations: 10_000},
	}
	fromYAML, err := rollup.ParseYAML([]byte(goodYAML))
	require.NoError(t, err)
	assert.Equal(t, want, fromYAML)

	text, err := json.Marshal(want)
	require.NoError(t, err)
	assert.Contains(t, string(text), `"source":"spans"`)
	assert.Contains(t, string(text), `"step":"10s"`)
	fromJSON, err := rollup.ParseJSON(text)
	require.NoError(t, err)
	assert.Equal(t, want, fromJSON)

	text, err = yaml.Marshal(want)
	require.NoError(t, err)
	again, err := rollup.ParseYAML(text)
	require.NoError(t, err, string(text))
	assert.Equal(t, want, again)
}

func TestNormaliseSharesNothing(t *testing.T) {
	t.Parallel()
	d := rollup.Definition{Dimensions: []string{"route"}, Measures: []rollup.Measure{{Func: rollup.FuncMax, Field: "attr.A-b"}}}
	n := d.Normalise()
	assert.Empty(t, d.Measures[0].Name)
	assert.Equal(t, "max_attr_a_b", n.Measures[0].Name)
	n.Dimensions[0] = "x"
	assert.Equal(t, "route", d.Dimensions[0])
	assert.Equal(t, n, n.Normalise())
	long := rollup.Definition{Measures: []rollup.Measure{{Func: rollup.FuncMax, Field: "attr." + strings.Repeat("x", 100)}}}.Normalise()
	assert.Len(t, long.Measures[0].Name, 63)
}

func TestUnreadable(t *testing.T) {
	t.Parallel()
	good, err := rollup.ParseYAML([]byte(goodYAML))
	require.NoError(t, err)
	text, err := json.Marshal(good)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		yaml bool
		text string
		want string
	}{
		"unknown key":             {false, strings.Replace(string(text), `"name"`, `"nome":"x","name"`, 1), `unknown field "nome"`},
		"unknown key of measure":  {false, strings.Replace(string(text), `"func"`, `"function":"x","func"`, 1), `unknown field "function"`},
		"unknown key of budget":   {false, strings.Replace(string(text), `"values":500`, `"value":500`, 1), `unknown field "value"`},
		"more behind":             {false, string(text) + "{}", "more behind"},
		"no duration":             {false, strings.Replace(string(text), `"10s"`, `"10 seconds"`, 1), "10 seconds"},
		"number as duration":      {false, strings.Replace(string(text), `"10s"`, `10`, 1), "cannot unmarshal number"},
		"no JSON":                 {false, "name: x", "invalid character"},
		"unknown key in YAML":     {true, goodYAML + "nome: x", "nome"},
		"second document":         {true, goodYAML + "---\n" + goodYAML, "more behind"},
		"no duration in YAML":     {true, strings.Replace(goodYAML, "365d", "long", 1), "long"},
		"empty YAML":              {true, "", "EOF"},
		"unknown key of measure2": {true, strings.Replace(goodYAML, "func: count", "fun: count", 1), "fun"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			parse := rollup.ParseJSON
			if c.yaml {
				parse = rollup.ParseYAML
			}
			d, err := parse([]byte(c.text))
			require.ErrorContains(t, err, c.want)
			assert.Equal(t, rollup.Definition{}, d)
		})
	}
}

func measure(f rollup.Func, field string) rollup.Measure {
	return rollup.Measure{Func: f, Field: field}
}

func logsOf(m ...rollup.Measure) rollup.Definition {
	return rollup.Definition{Name: "x", Source: rollup.Logs, Measures: m, Step: model.Duration(time.Minute), Retention: model.Duration(time.Hour)}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	type d = rollup.Definition
	count := measure(rollup.FuncCount, "")
	for name, c := range map[string]struct {
		change func(*d)
		want   []string // one for each mistake
	}{
		"no name":          {func(d *d) { d.Name = "" }, []string{`name ""`}},
		"capital":          {func(d *d) { d.Name = "Checkout" }, []string{`name "Checkout"`}},
		"digit first":      {func(d *d) { d.Name = "1a" }, []string{`name "1a"`}},
		"underscore first": {func(d *d) { d.Name = "_a" }, []string{`name "_a"`}},
		"dash":             {func(d *d) { d.Name = "a-b" }, []string{`name "a-b"`}},
		"64 letters":       {func(d *d) { d.Name = strings.Repeat("a", 64) }, []string{"at most 62 of"}},
		"no source":        {func(d *d) { d.Source = "" }, []string{"source is missing: use spans or logs"}},
		"metrics":          {func(d *d) { d.Source = rollup.Metrics }, []string{"not supported yet; use spans or logs"}},
		"other source":     {func(d *d) { d.Source = "traces" }, []string{`no such source; use spans or logs`}},
		"filter":           {func(d *d) { d.Filter = "(status:error" }, []string{`filter "(status:error": `}},
		"field of filter":  {func(d *d) { d.Filter = "rout:x" }, []string{`no field "rout"`}},
		"six dimensions": {
			func(d *d) { d.Dimensions = []string{"name", "kind", "service", "env", "route", "method"} },
			[]string{"6 dimensions: a rollup has at most 5; leave out method"},
		},
		"dimension twice":             {func(d *d) { d.Dimensions = []string{"route", "route"} }, []string{"dimension route is there twice"}},
		"dimension twice, other name": {func(d *d) { d.Dimensions = []string{"service", "service.name"} }, []string{"service and service.name are the same field"}},
		"unknown dimension":           {func(d *d) { d.Dimensions = []string{"rout"} }, []string{`dimension "rout": there is no field "rout"`}},
		"dimension of logs":           {func(d *d) { d.Dimensions = []string{"level"} }, []string{"level is a field of logs, not of traces"}},
		"dimension without name":      {func(d *d) { d.Dimensions = []string{""} }, []string{`dimension "": `}},
		"no measures":                 {func(d *d) { d.Measures = nil }, []string{"there are no measures"}},
		"unknown func":                {func(d *d) { d.Measures = []rollup.Measure{measure("median", "duration")} }, []string{`no func "median"; use one of count, rate,`}},
		"no func":                     {func(d *d) { d.Measures = []rollup.Measure{{Name: "x"}} }, []string{"measure 1 (x) has no func"}},
		"count of a field":            {func(d *d) { d.Measures = []rollup.Measure{measure("count", "route")} }, []string{"takes no field; leave out route"}},
		"sum of nothing":              {func(d *d) { d.Measures = []rollup.Measure{measure("sum", "")} }, []string{"sum needs a field"}},
		"distinct of nothing":         {func(d *d) { d.Measures = []rollup.Measure{measure("distinct", "")} }, []string{"distinct needs a field"}},
		"p95 of a text":               {func(d *d) { d.Measures = []rollup.Measure{measure("p95", "service")} }, []string{"p95 needs numbers and service has none; use distinct, or"}},
		"rate of a text":              {func(d *d) { d.Measures = []rollup.Measure{measure("rate", "service.name")} }, []string{"rate needs numbers"}},
		"sum of a level":              {func(d *d) { *d = logsOf(measure("sum", "level")) }, []string{"sum needs numbers and level has none; use distinct, or a field of numbers such as attr.size"}},
		"unknown field of a measure":  {func(d *d) { d.Measures = []rollup.Measure{measure("sum", "size")} }, []string{`no field "size"`}},
		"measures of one name":        {func(d *d) { d.Measures = []rollup.Measure{count, count} }, []string{"measures 1 and 2 are both named count"}},
		"name of a measure":           {func(d *d) { d.Measures = []rollup.Measure{{Name: "A", Func: "count"}} }, []string{`measure 1: name "A"`}},
		"17 measures": {func(d *d) {
			d.Measures = nil
			for i := range 17 {
				d.Measures = append(d.Measures, rollup.Measure{Name: fmt.Sprint("m", i), Func: rollup.FuncCount})
			}
		}, []string{"17 measures: a rollup has at most 16"}},
		"5 distinct counts": {func(d *d) {
			d.Measures = nil
			for i := range 5 {
				d.Measures = append(d.Measures, measure("distinct", fmt.Sprint("attr.", i)))
			}
		}, []string{"5 distinct counts: a rollup has at most 4"}},
		"step":                   {func(d *d) { d.Step = model.Duration(30 * time.Second) }, []string{"step 30s: use 10s, 1m, 5m or 1h"}},
		"no step":                {func(d *d) { d.Step = 0 }, []string{"step 0s"}},
		"short retention":        {func(d *d) { d.Retention = model.Duration(time.Hour - 1) }, []string{"retention"}},
		"long retention":         {func(d *d) { d.Retention = model.Duration(rollup.MaxRetention + 1) }, []string{"from 1h to 5y"}},
		"values below":           {func(d *d) { d.Budget.Values = -1 }, []string{"budget of -1 values"}},
		"values above":           {func(d *d) { d.Budget.Values = 10_001 }, []string{"budget of 10001 values: use 1 to 10000"}},
		"combinations below":     {func(d *d) { d.Budget.Combinations = -1 }, []string{"budget of -1 combinations"}},
		"combinations above":     {func(d *d) { d.Budget.Combinations = 100_001 }, []string{"budget of 100001 combinations: use 1 to 100000"}},
		"many mistakes together": {func(d *d) { *d = rollup.Definition{Source: rollup.Logs, Filter: ")", Dimensions: []string{"route"}} }, []string{"name", "filter", "route", "measures", "step", "retention"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := rollup.ParseYAML([]byte(goodYAML))
			require.NoError(t, err)
			c.change(&d)
			err = d.Normalise().Validate()
			require.Error(t, err)
			joined, ok := err.(interface{ Unwrap() []error })
			require.True(t, ok)
			mistakes := joined.Unwrap()
			require.Len(t, mistakes, len(c.want), "%v", err)
			for i, m := range mistakes {
				assert.ErrorContains(t, m, c.want[i])
			}
			_, compileErr := rollup.Compile(d)
			require.EqualError(t, compileErr, err.Error())
		})
	}
}

func TestAllowed(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*rollup.Definition){
		"no dimensions": func(d *rollup.Definition) { d.Dimensions = nil },
		"63 letters":    func(d *rollup.Definition) { d.Name = "a" + strings.Repeat("_", 62) },
		"five years":    func(d *rollup.Definition) { d.Retention = model.Duration(rollup.MaxRetention) },
		"an hour":       func(d *rollup.Definition) { d.Retention = model.Duration(time.Hour) },
		"numbers of an attr": func(d *rollup.Definition) {
			d.Measures = []rollup.Measure{measure("p50", "attr.x"), measure("sum", "a.b")}
		},
		"rate without a field": func(d *rollup.Definition) { d.Measures = []rollup.Measure{measure("rate", "")} },
		"rate of numbers":      func(d *rollup.Definition) { d.Measures = []rollup.Measure{measure("rate", "http_status")} },
		"distinct of a text":   func(d *rollup.Definition) { d.Measures = []rollup.Measure{measure("distinct", "service")} },
		"budget of 1":          func(d *rollup.Definition) { d.Budget = rollup.Budget{Values: 1, Combinations: 1} },
		"logs": func(d *rollup.Definition) {
			d.Source, d.Filter, d.Dimensions, d.Measures = rollup.Logs, "level>=warn", []string{"level", "body"}, d.Measures[:1]
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := rollup.ParseYAML([]byte(goodYAML))
			require.NoError(t, err)
			change(&d)
			_, err = rollup.Compile(d)
			require.NoError(t, err)
		})
	}
}

func TestPlanInputs(t *testing.T) {
	t.Parallel()
	p, err := rollup.Compile(rollup.Definition{
		Name: "x", Source: rollup.Spans, Step: model.Duration(time.Minute), Retention: model.Duration(time.Hour), Filter: "status:error",
		Dimensions: []string{"service.name", "attr.a"},
		Measures: []rollup.Measure{
			measure("count", ""), measure("p50", "duration"), measure("distinct", "attr.a"), measure("max", "duration"), measure("p99", "duration"),
			measure("last", "attr.a"), measure("rate", ""), measure("rate", "attr.b"),
		},
	})
	require.NoError(t, err)
	assert.Equal(t, signal.Traces, p.Signal)
	assert.NotNil(t, p.Filter)
	assert.Equal(t, []search.Field{{Name: "service"}, {Kind: search.FieldAttribute, Name: "a"}}, p.Dimensions)
	assert.Equal(t, []rollup.PlanInput{
		{Field: search.Field{Name: "duration"}, Need: rollup.NeedSketch | rollup.NeedNumber, Duration: true},
		{Field: search.Field{Kind: search.FieldAttribute, Name: "a"}, Need: rollup.NeedRegisters | rollup.NeedLast},
		{Field: search.Field{Kind: search.FieldAttribute, Name: "b"}, Need: rollup.NeedNumber},
	}, p.Inputs)
	var inputs []int
	for i := range p.Definition.Measures {
		inputs = append(inputs, p.InputOf(i))
	}
	assert.Equal(t, []int{-1, 0, 1, 0, 0, 1, -1, 2}, inputs)
}

func TestSteps(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for _, c := range []struct {
		step, retention time.Duration
		want            []rollup.StepKeep
	}{
		{10 * time.Second, 365 * day, []rollup.StepKeep{{10 * time.Second, 7 * day}, {time.Minute, 60 * day}, {time.Hour, 365 * day}}},
		{time.Minute, 365 * day, []rollup.StepKeep{{time.Minute, 60 * day}, {time.Hour, 365 * day}}},
		{5 * time.Minute, 365 * day, []rollup.StepKeep{{5 * time.Minute, 60 * day}, {time.Hour, 365 * day}}},
		{time.Hour, 365 * day, []rollup.StepKeep{{time.Hour, 365 * day}}},
		{10 * time.Second, 30 * day, []rollup.StepKeep{{10 * time.Second, 7 * day}, {time.Minute, 30 * day}, {time.Hour, 30 * day}}},
		{10 * time.Second, time.Hour, []rollup.StepKeep{{10 * time.Second, time.Hour}, {time.Minute, time.Hour}, {time.Hour, time.Hour}}},
	} {
		p, err := rollup.Compile(rollup.Definition{
			Name: "x", Source: rollup.Logs, Measures: []rollup.Measure{measure("count", "")}, Step: model.Duration(c.step), Retention: model.Duration(c.retention),
		})
		require.NoError(t, err)
		assert.Equal(t, c.want, p.Steps())
	}
}

func TestStepFor(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	p := planOf(t, rollup.Budget{}, nil)
	for name, c := range map[string]struct{ age, most, want time.Duration }{
		"narrow":                     {time.Hour, 30 * time.Second, 10 * time.Second},
		"narrower than there is":     {time.Hour, time.Second, 10 * time.Second},
		"as wide as allowed":         {time.Hour, time.Minute, time.Minute},
		"wider than there is":        {time.Hour, day, time.Hour},
		"10 s are gone":              {8 * day, 10 * time.Second, time.Minute},
		"only hours are left":        {61 * day, 10 * time.Second, time.Hour},
		"nothing is kept that long":  {400 * day, 10 * time.Second, time.Hour},
		"at the end of what is kept": {7 * day, 10 * time.Second, 10 * time.Second},
	} {
		assert.Equal(t, c.want, p.StepFor(c.age, c.most), name)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(goodYAML))
	f.Add([]byte(`{"name":"a","source":"logs","measures":[{"func":"count"}],"step":"1m","retention":"30d"}`))
	f.Add([]byte(`{"name":"a","source":"spans","dimensions":["a.b","a.b"],"measures":[{"func":"p95","field":"attr."}],"step":"1m","retention":"-1d"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, parse := range []func([]byte) (rollup.Definition, error){rollup.ParseJSON, rollup.ParseYAML} {
			d, err := parse(text)
			if err != nil {
				continue
			}
			p, err := rollup.Compile(d)
			require.NoError(t, err)
			require.Equal(t, d, p.Definition)
			require.LessOrEqual(t, len(p.Inputs), len(d.Measures))
			out, err := json.Marshal(d)
			require.NoError(t, err)
			again, err := rollup.ParseJSON(out)
			require.NoError(t, err)
			require.Equal(t, slices.Clone(d.Measures), again.Measures)
			require.Equal(t, d.Retention, again.Retention)
		}
	})
}
