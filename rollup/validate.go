// SPDX-License-Identifier: Apache-2.0

package rollup

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/strata-apm/strata/search"
)

// maxName is the longest name of a rollup or measure, in bytes.
const maxName = 63

// mistakes collects what is wrong with a definition.
type mistakes []error

func (m *mistakes) add(format string, args ...any) { *m = append(*m, fmt.Errorf(format, args...)) }

// Validate reports every mistake of a normalised definition at once, each with what to do about it; nil when there is none.
func (d Definition) Validate() error {
	var bad mistakes
	if !validName(d.Name) {
		bad.add("name %q: a name starts with a letter a-z and goes on with at most 62 of a-z, 0-9 and _; choose another", d.Name)
	}
	switch d.Source {
	case Spans, Logs:
		d.validateFields(&bad)
	case Metrics:
		bad.add("source metrics: rollups of metrics are not supported yet; use spans or logs")
	case "":
		bad.add("source is missing: use spans or logs")
	default:
		bad.add("source %q: there is no such source; use spans or logs", d.Source)
	}
	d.validateMeasures(&bad)
	if !slices.Contains(steps(), time.Duration(d.Step)) {
		bad.add("step %s: use 10s, 1m, 5m or 1h", d.Step)
	}
	if r := time.Duration(d.Retention); r < MinRetention || r > MaxRetention {
		bad.add("retention %s: use one from %s to %s", d.Retention, model.Duration(MinRetention), model.Duration(MaxRetention))
	}
	if n := d.Budget.Values; n < 1 || n > MaxValues {
		bad.add("budget of %d values: use 1 to %d for each dimension; %d is the default", n, MaxValues, DefaultValues)
	}
	if n := d.Budget.Combinations; n < 1 || n > MaxCombinations {
		bad.add("budget of %d combinations: use 1 to %d for each bucket; %d is the default", n, MaxCombinations, DefaultCombinations)
	}
	return errors.Join(bad...)
}

func steps() []time.Duration {
	return []time.Duration{10 * time.Second, time.Minute, 5 * time.Minute, time.Hour}
}

func validName(s string) bool {
	for i, c := range []byte(s) {
		letter := c >= 'a' && c <= 'z'
		if !letter && (i == 0 || c != '_' && (c < '0' || c > '9')) {
			return false
		}
	}
	return s != "" && len(s) <= maxName
}

// validateFields checks what depends on the source: filter, dimensions and the fields of measures.
func (d Definition) validateFields(bad *mistakes) {
	of := d.Source.Signal()
	if _, err := search.Parse(of, d.Filter); err != nil {
		bad.add("filter %q: %w", d.Filter, err)
	}
	if len(d.Dimensions) > MaxDimensions {
		bad.add("%d dimensions: a rollup has at most %d; leave out %s, or make a second rollup", len(d.Dimensions), MaxDimensions,
			strings.Join(d.Dimensions[MaxDimensions:], ", "))
	}
	names := make(map[search.Field]string)
	for _, name := range d.Dimensions {
		field, err := search.ResolveField(of, name)
		if err != nil {
			bad.add("dimension %q: %s", name, messageOf(err))
			continue
		}
		switch first, twice := names[field]; {
		case twice && first == name:
			bad.add("dimension %s is there twice; leave one out", name)
		case twice:
			bad.add("dimensions %s and %s are the same field; leave one out", first, name)
		default:
			names[field] = name
		}
	}
	for i, m := range d.Measures {
		if m.Field == "" || m.Func == FuncCount || !slices.Contains(Funcs(), m.Func) {
			continue
		}
		field, err := search.ResolveField(of, m.Field)
		if err != nil {
			bad.add("measure %d (%s): %s", i+1, m.Name, messageOf(err))
		} else if m.Func != FuncDistinct && !numeric(d.Source, field) {
			bad.add("measure %d (%s): %s needs numbers and %s has none; use distinct, or a field of numbers such as %s", i+1, m.Name, m.Func, m.Field,
				map[Source]string{Spans: "duration", Logs: "attr.size"}[d.Source])
		}
	}
}

// messageOf leaves the position away, which means nothing for a name alone.
func messageOf(err error) string {
	if e, ok := errors.AsType[*search.Error](err); ok {
		return e.Message
	}
	return err.Error()
}

// numeric says whether values of the field can be numbers.
func numeric(of Source, field search.Field) bool {
	if field.Kind != search.FieldBuiltin {
		return true
	}
	return slices.ContainsFunc(search.Fields(of.Signal()), func(f search.FieldInfo) bool {
		return f.Name == field.Name && (f.Type == search.TypeNumber || f.Type == search.TypeDuration)
	})
}

// validateMeasures checks what is true of measures whatever the source.
func (d Definition) validateMeasures(bad *mistakes) {
	if len(d.Measures) == 0 {
		bad.add("there are no measures; add one, for example count")
	}
	if len(d.Measures) > MaxMeasures {
		bad.add("%d measures: a rollup has at most %d; leave some out, or make a second rollup", len(d.Measures), MaxMeasures)
	}
	distincts := 0
	names := make(map[string]int)
	for i, m := range d.Measures {
		if !validName(m.Name) {
			bad.add("measure %d: name %q: a name starts with a letter a-z and goes on with at most 62 of a-z, 0-9 and _; choose another", i+1, m.Name)
		} else if first, twice := names[m.Name]; twice {
			bad.add("measures %d and %d are both named %s; give one another name", first+1, i+1, m.Name)
		} else {
			names[m.Name] = i
		}
		switch {
		case m.Func == "":
			bad.add("measure %d (%s) has no func; use one of %s", i+1, m.Name, funcNames())
		case !slices.Contains(Funcs(), m.Func):
			bad.add("measure %d (%s): there is no func %q; use one of %s", i+1, m.Name, m.Func, funcNames())
		case m.Func == FuncCount && m.Field != "":
			bad.add("measure %d (%s): count counts events and takes no field; leave out %s, or ask for the field in the filter", i+1, m.Name, m.Field)
		case m.Func != FuncCount && m.Func != FuncRate && m.Field == "":
			bad.add("measure %d (%s): %s needs a field; name one", i+1, m.Name, m.Func)
		}
		if m.Func == FuncDistinct {
			distincts++
		}
	}
	if distincts > MaxDistincts {
		bad.add("%d distinct counts: a rollup has at most %d; leave some out, or make a second rollup", distincts, MaxDistincts)
	}
}

func funcNames() string {
	var names []string
	for _, f := range Funcs() {
		names = append(names, string(f))
	}
	return strings.Join(names, ", ")
}
