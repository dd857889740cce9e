// SPDX-License-Identifier: Apache-2.0

package rollups

import (
	"slices"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/metadata"
	"github.com/prometheus/prometheus/scrape"

	"github.com/strata-apm/strata/rollup"
)

const (
	// namePrefix begins the names of the metrics of rollups: rollup:<rollup>:<measure>.
	namePrefix = "rollup:"
	// otherValue is the value of a label whose dimension is folded. Such series have foldedLabel beside it, which names those labels, so that other is told from
	// a value that reads like it.
	otherValue  = "__other__"
	foldedLabel = "folded"
)

// metric is one measure of a rollup as Prometheus sees it.
type metric struct {
	rollup  Rollup
	measure int
	name    string
}

func metricName(o Rollup, measure int) string {
	return namePrefix + o.Name + ":" + o.Plan.Definition.Measures[measure].Name
}

// isCounter says whether a measure is served as a counter: what only grows with more events.
func isCounter(f rollup.Func) bool { return f == rollup.FuncCount || f == rollup.FuncSum }

// labelNames are the labels of the dimensions, in their order: the field's name without attr. or resource. in front, what a label cannot have made _, and a number
// behind where two would be the same.
func labelNames(o Rollup) []string {
	var out []string
	for _, name := range o.Plan.Definition.Dimensions {
		short := strings.TrimPrefix(strings.TrimPrefix(name, "attr."), "resource.")
		label := strings.Map(func(r rune) rune {
			if r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
				return r
			}
			return '_'
		}, short)
		if label[0] >= '0' && label[0] <= '9' || strings.HasPrefix(label, model.ReservedLabelPrefix) {
			label = "d_" + label
		}
		for slices.Contains(out, label) || label == foldedLabel {
			label += "_2"
		}
		out = append(out, label)
	}
	return out
}

// labelsOf are the labels of the series of a row.
func labelsOf(m metric, names []string, r *rollup.Row) labels.Labels {
	b := labels.NewScratchBuilder(len(names) + 2)
	b.Add(model.MetricNameLabel, m.name)
	var folded []string
	for i, name := range names {
		switch {
		case r.Folded&(1<<i) != 0:
			b.Add(name, otherValue)
			folded = append(folded, name)
		case r.Values[i] != "":
			b.Add(name, r.Values[i])
		}
	}
	if folded != nil {
		b.Add(foldedLabel, strings.Join(folded, ","))
	}
	b.Sort()
	return b.Labels()
}

// metricsOf returns those metrics of rollups that matchers may find: the name is found, and a label that a rollup does not have may be missing.
func metricsOf(all []Rollup, matchers []*labels.Matcher) []metric {
	var out []metric
	for _, o := range all {
		names := labelNames(o)
		possible := true
		for _, m := range matchers {
			if m.Name != model.MetricNameLabel && m.Name != foldedLabel && !slices.Contains(names, m.Name) && !m.Matches("") {
				possible = false
			}
		}
		for i := range o.Plan.Definition.Measures {
			name := metricName(o, i)
			found := possible && !slices.ContainsFunc(matchers, func(m *labels.Matcher) bool { return m.Name == model.MetricNameLabel && !m.Matches(name) })
			if found {
				out = append(out, metric{rollup: o, measure: i, name: name})
			}
		}
	}
	return out
}

// withMetadata adds the metadata of rollups to a store.
type withMetadata struct {
	scrape.MetricMetadataStore
	own []scrape.MetricMetadata
}

// ListMetadata implements scrape.MetricMetadataStore.
func (w withMetadata) ListMetadata() []scrape.MetricMetadata {
	return append(slices.Clip(w.MetricMetadataStore.ListMetadata()), w.own...)
}

// GetMetadata implements scrape.MetricMetadataStore.
func (w withMetadata) GetMetadata(name string) (scrape.MetricMetadata, bool) {
	for _, m := range w.own {
		if m.MetricFamily == name {
			return m, true
		}
	}
	return w.MetricMetadataStore.GetMetadata(name)
}

// LengthMetadata implements scrape.MetricMetadataStore.
func (w withMetadata) LengthMetadata() int {
	return w.MetricMetadataStore.LengthMetadata() + len(w.own)
}

// metadataOf describes the metrics of rollups.
func metadataOf(all []Rollup) []scrape.MetricMetadata {
	var out []scrape.MetricMetadata
	for _, o := range all {
		for i, m := range o.Plan.Definition.Measures {
			md := metadata.Metadata{Type: model.MetricTypeGauge, Help: string(m.Func) + " of the rollup " + o.Name}
			if m.Field != "" {
				md.Help = string(m.Func) + " of " + m.Field + " of the rollup " + o.Name
			}
			if isCounter(m.Func) {
				md.Type = model.MetricTypeCounter
				md.Help += "; begins at 0 every day at 00:00 UTC"
			}
			if in := o.Plan.InputOf(i); in >= 0 && o.Plan.Inputs[in].Duration && m.Func != rollup.FuncDistinct {
				md.Unit = "seconds"
			}
			out = append(out, scrape.MetricMetadata{MetricFamily: metricName(o, i), Type: md.Type, Help: md.Help, Unit: md.Unit})
		}
	}
	return out
}
