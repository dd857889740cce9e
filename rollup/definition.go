// SPDX-License-Identifier: Apache-2.0

package rollup

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"

	"github.com/strata-apm/strata/signal"
)

// Bounds of a definition.
const (
	MaxMeasures  = 16
	MaxDistincts = 4

	DefaultValues       = 1000
	MaxValues           = 10_000
	DefaultCombinations = 10_000
	MaxCombinations     = 100_000

	MinRetention = time.Hour
	MaxRetention = 5 * 365 * 24 * time.Hour
)

// Source is what a rollup counts.
type Source string

// The sources. Rollups of metrics are refused for now.
const (
	Spans   Source = "spans"
	Logs    Source = "logs"
	Metrics Source = "metrics"
)

// Signal returns the signal that carries the source, or "" for a source that is none.
func (s Source) Signal() signal.Signal {
	switch s {
	case Spans:
		return signal.Traces
	case Logs:
		return signal.Logs
	case Metrics:
		return signal.Metrics
	default:
		return ""
	}
}

// Definition is a calculation over a stream of records. Its texts in JSON and YAML have the same keys; durations are Prometheus durations: "10s", "365d".
type Definition struct {
	// ID and Version are given by the catalog and empty in files.
	ID      string `json:"id,omitempty" yaml:"id,omitempty"`
	Version int    `json:"version,omitempty" yaml:"version,omitempty"`
	// Name matches [a-z][a-z0-9_]{0,62}.
	Name   string `json:"name" yaml:"name"`
	Source Source `json:"source" yaml:"source" enum:"spans,logs"`
	// Filter is a query of the search language; empty holds for every record.
	Filter string `json:"filter,omitempty" yaml:"filter,omitempty"`
	// Dimensions are the names of at most MaxDimensions fields, as in the search language.
	Dimensions []string  `json:"dimensions,omitempty" yaml:"dimensions,omitempty"`
	Measures   []Measure `json:"measures" yaml:"measures"`
	// Step is the width of the finest buckets: 10s, 1m, 5m or 1h. Retention is how long the coarsest are kept.
	Step      model.Duration `json:"step" yaml:"step"`
	Retention model.Duration `json:"retention" yaml:"retention"`
	Budget    Budget         `json:"budget,omitzero" yaml:"budget,omitempty"`
}

// Budget bounds what a rollup stores. Zero fields stand for the default.
type Budget struct {
	// Values is how many values of each dimension are kept apart at a time.
	Values int `json:"values,omitempty" yaml:"values,omitempty"`
	// Combinations is how many combinations of values are kept apart in a bucket of Step.
	Combinations int `json:"combinations,omitempty" yaml:"combinations,omitempty"`
}

// Func is what a measure computes.
type Func string

// The functions of measures. Measures of the field duration of spans are in seconds, whatever the function.
const (
	// FuncCount is the number of events. It takes no field.
	FuncCount Func = "count"
	// FuncSum, FuncAvg, FuncMin and FuncMax are of the numbers of the field.
	FuncSum Func = "sum"
	FuncAvg Func = "avg"
	FuncMin Func = "min"
	FuncMax Func = "max"
	// FuncP50, FuncP90, FuncP95 and FuncP99 are quantiles of the numbers of the field, with a relative error of at most SketchError.
	FuncP50 Func = "p50"
	FuncP90 Func = "p90"
	FuncP95 Func = "p95"
	FuncP99 Func = "p99"
	// FuncRate is the number of events per second, or with a field the sum of its numbers per second.
	FuncRate Func = "rate"
	// FuncDistinct is the number of distinct texts of the field, estimated with a standard error of 0.81 %.
	FuncDistinct Func = "distinct"
	// FuncLast is the number of the newest event.
	FuncLast Func = "last"
)

// Funcs returns the functions, in the order in which they are worth offering.
func Funcs() []Func {
	return []Func{
		FuncCount, FuncRate, FuncSum, FuncAvg, FuncMin, FuncMax, FuncP50, FuncP90, FuncP95, FuncP99, FuncDistinct, FuncLast,
	}
}

// Measure is one number that a rollup computes.
type Measure struct {
	// Name is one of a kind in the rollup and matches [a-z][a-z0-9_]{0,62}. The default is the function or function_field.
	Name string `json:"name,omitempty" yaml:"name,omitempty"`
	Func Func   `json:"func" yaml:"func"`
	// Field is empty for count and may be for rate. Values of attributes that are no finite numbers do not count.
	Field string `json:"field,omitempty" yaml:"field,omitempty"`
}

// ParseJSON reads a definition, fills in the defaults and validates it. A key that is not of the model is an error.
func ParseJSON(text []byte) (Definition, error) {
	var d Definition
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&d); err != nil {
		return Definition{}, fmt.Errorf("read rollup: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Definition{}, errors.New("read rollup: there is more behind it; give one definition")
	}
	return d.checked()
}

// ParseYAML does what ParseJSON does for a YAML document.
func ParseYAML(text []byte) (Definition, error) {
	var d Definition
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(&d); err != nil {
		return Definition{}, fmt.Errorf("read rollup: %w", err)
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return Definition{}, errors.New("read rollup: there is more behind it; give one document")
	}
	return d.checked()
}

func (d Definition) checked() (Definition, error) {
	d = d.Normalise()
	if err := d.Validate(); err != nil {
		return Definition{}, err
	}
	return d, nil
}

// Normalise returns the definition with every default filled in: the budget and the names of measures. It shares no list with d and is the same when applied
// twice.
func (d Definition) Normalise() Definition {
	d.Dimensions = append([]string{}, d.Dimensions...)
	d.Measures = append([]Measure{}, d.Measures...)
	for i, m := range d.Measures {
		if m.Name == "" {
			d.Measures[i].Name = defaultName(m)
		}
	}
	if d.Budget.Values == 0 {
		d.Budget.Values = DefaultValues
	}
	if d.Budget.Combinations == 0 {
		d.Budget.Combinations = DefaultCombinations
	}
	return d
}

// defaultName is func or func_field, in the letters and the length that names may have.
func defaultName(m Measure) string {
	name := string(m.Func)
	if m.Field != "" {
		name += "_" + m.Field
	}
	name = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		default:
			return '_'
		}
	}, name)
	return name[:min(len(name), maxName)]
}
