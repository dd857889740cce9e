// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Kinds of a panel.
const (
	KindLine = "line"
	KindArea = "area"
	// KindStack draws the lines on top of each other.
	KindStack = "stack"
)

// Units of values, by which the page writes them.
const (
	UnitNumber = "number"
	// UnitPercent is a ratio, 0 to 1.
	UnitPercent        = "percent"
	UnitBytes          = "bytes"
	UnitBytesPerSecond = "bytes/s"
	// UnitRate is per second.
	UnitRate = "rate"
	// UnitSeconds is a duration.
	UnitSeconds = "s"
)

// Sources of a query.
const (
	// SourcePromQL evaluates Expr. It is the source of a query that names none.
	SourcePromQL = "promql"
	// SourceService reads the figure Expr of the service Service, which is made of its spans.
	SourceService = "service"
)

// Figures of a service, the expressions of SourceService.
const (
	// FigureRequests and FigureErrors are per second.
	FigureRequests = "requests"
	FigureErrors   = "errors"
	// FigureP50, FigureP95 and FigureP99 are quantiles of the durations of requests, in seconds.
	FigureP50 = "p50"
	FigureP95 = "p95"
	FigureP99 = "p99"
)

// Kinds of a variable.
const (
	// VariableText is given by the page: the host, the instance or the service that it is about.
	VariableText = "text"
	// VariableWindow is the range that rates are taken over. The page derives it from the distance of its points.
	VariableWindow = "window"
)

// ColorError is the colour of failures.
const ColorError = "error"

// Dashboard is what a page shows of one thing: a host, a service, an instance of middleware.
type Dashboard struct {
	// Name identifies the dashboard: lower-case letters, digits, dashes.
	Name  string `json:"name"`
	Title string `json:"title"`
	// Variables are those that the queries of the panels contain, written $name.
	Variables []Variable `json:"variables"`
	// Figures are shown in a list of many such things. Their expressions have no variable and give one series for each of them.
	Figures []Figure `json:"figures"`
	Panels  []Panel  `json:"panels"`
}

// Variable is a name in queries that the page replaces.
type Variable struct {
	// Name begins with a letter; letters and digits follow.
	Name string `json:"name"`
	Kind string `json:"kind" enum:"text,window"`
}

// Figure is one number.
type Figure struct {
	Title string `json:"title"`
	Unit  string `json:"unit" enum:"number,percent,bytes,bytes/s,rate,s"`
	// Expr is PromQL.
	Expr string `json:"expr"`
}

// Panel is one chart.
type Panel struct {
	// ID identifies the panel within its dashboard: lower-case letters, digits, dashes.
	ID      string  `json:"id"`
	Title   string  `json:"title"`
	Unit    string  `json:"unit" enum:"number,percent,bytes,bytes/s,rate,s"`
	Kind    string  `json:"kind" enum:"line,area,stack"`
	Queries []Query `json:"queries"`
	// Needs names what must have happened or be granted before there are values; empty when an idle instance has them.
	Needs string `json:"needs,omitempty"`
}

// Query is what a panel draws: one line, or one for each series of the result.
type Query struct {
	// Source is SourcePromQL when empty.
	Source string `json:"source,omitempty" enum:"promql,service"`
	// Expr is PromQL, or the name of a figure of a service.
	Expr string `json:"expr"`
	// Service is the name of the service, for SourceService only. It may be a variable.
	Service string `json:"service,omitempty"`
	// Legend names the line; empty means the values of the labels that differ between the series.
	Legend string `json:"legend,omitempty"`
	// Color is empty for the next one of the page's colours.
	Color string `json:"color,omitempty" enum:"error"`
}

// Parse reads a dashboard from JSON and validates it. A field that is not of the model is an error. No list of the result is nil.
func Parse(text []byte) (Dashboard, error) {
	var d Dashboard
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&d); err != nil {
		return Dashboard{}, fmt.Errorf("read dashboard: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Dashboard{}, errors.New("read dashboard: there is more behind it")
	}
	if d.Variables == nil {
		d.Variables = []Variable{}
	}
	if d.Figures == nil {
		d.Figures = []Figure{}
	}
	if err := d.Validate(); err != nil {
		return Dashboard{}, err
	}
	return d, nil
}
