// SPDX-License-Identifier: Apache-2.0

package writer

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// This file does what docs/design/0016-identity-and-names-of-metrics.md decides.

const (
	attrServiceName = "service.name"
	attrInstanceID  = "service.instance.id"
	attrHostName    = "host.name"
	attrHostID      = "host.id"
	attrPID         = "process.pid"

	// unnamedScope stands for a scope that has no name but something else that tells it apart.
	unnamedScope = "unnamed"
	// exported goes before a point's attribute whose label is taken, as in Prometheus's scrapes.
	exported = "exported_"
	// maxInstance bounds a derived instance; what is longer is cut and ends in a hash of the whole.
	maxInstance = 160
)

// identity rewrites requests so that Prometheus's translation cannot make one series of two.
type identity struct {
	promoted map[string]bool
	scopes   ScopeLabels
}

func newIdentity(scopes ScopeLabels) identity {
	id := identity{promoted: map[string]bool{}, scopes: scopes}
	for _, key := range promotedAttributes() {
		id.promoted[key] = true
	}
	return id
}

// keep rewrites md in place.
func (id identity) keep(md pmetric.Metrics) {
	for _, rm := range md.ResourceMetrics().All() {
		attrs := rm.Resource().Attributes()
		if instance := id.instance(attrs); instance != "" {
			attrs.PutStr(attrInstanceID, instance)
		}
		taken := map[string]bool{"__name__": true}
		taken["job"], taken["instance"] = has(attrs, attrServiceName), has(attrs, attrInstanceID)
		setAside(attrs, taken)
		promoted := id.promotedOf(attrs)
		for _, sm := range rm.ScopeMetrics().All() {
			id.scope(sm.Scope())
			labelled := sm.Scope().Name() != ""
			for _, label := range []string{"otel_scope_name", "otel_scope_version", "otel_scope_schema_url", "otel.scope.name", "otel.scope.version", "otel.scope.schema_url"} {
				taken[label] = labelled
			}
			for _, m := range sm.Metrics().All() {
				taken["le"], taken["quantile"] = m.Type() == pmetric.MetricTypeHistogram, m.Type() == pmetric.MetricTypeSummary
				eachPoint(m, func(point pcommon.Map) {
					setAside(point, taken)
					keepPromoted(point, promoted)
				})
			}
		}
	}
}

func has(attrs pcommon.Map, key string) bool {
	v, ok := attrs.Get(key)
	return ok && v.AsString() != ""
}

// scope names what must be told apart and takes the name of what must not be.
func (id identity) scope(s pcommon.InstrumentationScope) {
	switch {
	case id.scopes == ScopeLabelsNever, id.scopes != ScopeLabelsAlways && isReader(s.Name()):
		s.SetName("") // The translation labels only scopes with a name.
	case s.Name() == "" && (s.Version() != "" || s.Attributes().Len() > 0):
		s.SetName(unnamedScope)
	}
	if s.Attributes().Len() > 0 {
		setAside(s.Attributes(), map[string]bool{"name": true, "version": true, "schema_url": true, "schema.url": true})
	}
}

// isReader says whether a scope is the place where somebody else's metrics were read: a receiver of a collector, or a part of the
// agent. Each of them owns the names of its metrics, and formulas combine metrics of several (load average by number of CPUs).
func isReader(scope string) bool {
	return strings.HasPrefix(scope, "github.com/open-telemetry/opentelemetry-collector-contrib/receiver/") ||
		strings.HasPrefix(scope, "otelcol/") && strings.Contains(scope, "receiver") || // The contrib name of older releases.
		strings.HasPrefix(scope, "github.com/strata-apm/strata/")
}

// setAside renames the attributes whose label the translation would overwrite.
func setAside(attrs pcommon.Map, taken map[string]bool) {
	var found []string
	for key := range attrs.All() {
		if taken[key] {
			found = append(found, key)
		}
	}
	for _, key := range found {
		v, _ := attrs.Get(key)
		text := v.AsString()
		attrs.Remove(key)
		attrs.PutStr(free(attrs, exported+strings.Trim(key, "_")), text)
	}
}

// promotedOf returns the promoted attributes of a resource, by each spelling that becomes their label.
func (id identity) promotedOf(attrs pcommon.Map) map[string]string {
	out := map[string]string{}
	for key, v := range attrs.All() {
		if id.promoted[key] {
			out[key], out[strings.ReplaceAll(key, ".", "_")] = v.AsString(), v.AsString()
		}
	}
	return out
}

// keepPromoted keeps the resource's value beside that of a point which has the attribute itself: the point's wins the label.
func keepPromoted(point pcommon.Map, promoted map[string]string) {
	var hidden []string
	for key, v := range point.All() {
		if value, ok := promoted[key]; ok && value != v.AsString() {
			hidden = append(hidden, key)
		}
	}
	for _, key := range hidden {
		point.PutStr(free(point, "resource_"+strings.ReplaceAll(key, ".", "_")), promoted[key])
	}
}

// free returns key with as many prefixes as it takes for attrs not to have it.
func free(attrs pcommon.Map, key string) string {
	for {
		if _, ok := attrs.Get(key); !ok {
			return key
		}
		key = exported + key
	}
}

// instance derives what stands in for a missing service.instance.id: the attributes that tell the resource apart and are no label
// themselves, "" where there are none. It depends on nothing but the resource.
func (id identity) instance(attrs pcommon.Map) string {
	if has(attrs, attrInstanceID) {
		return ""
	}
	var parts []string
	for key, v := range attrs.All() {
		if key != attrInstanceID && !id.promoted[key] && !describes(key, attrs) {
			parts = append(parts, escaped(key)+"="+escaped(v.AsString()))
		}
	}
	slices.Sort(parts)
	return shorten(strings.Join(parts, ","))
}

func shorten(s string) string {
	if len(s) <= maxInstance {
		return s
	}
	sum := sha256.Sum256([]byte(s))
	cut := maxInstance
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…" + hex.EncodeToString(sum[:8])
}

// describes says whether an attribute only describes what others identify, or changes while what it describes stays the same.
func describes(key string, attrs pcommon.Map) bool {
	for _, prefix := range []string{"telemetry.", "os.", "process.runtime.", "container.image.", "host.image.", "host.cpu."} {
		if strings.HasPrefix(key, prefix) {
			return true
		}
	}
	switch key {
	case "host.arch", "host.type", "cloud.provider", "cloud.platform", "container.runtime", "process.parent_pid", "process.creation.time",
		"k8s.pod.ip", "k8s.pod.start_time", "k8s.container.restart_count":
		return true
	}
	_, named := attrs.Get(attrHostName)
	_, numbered := attrs.Get(attrHostID)
	_, pid := attrs.Get(attrPID)
	switch base, last := cutLast(key); {
	case last == "id" || last == "uid": // host.id beside host.name, k8s.pod.uid beside k8s.pod.name.
		_, ok := attrs.Get(base + ".name")
		return ok
	case key == "host.ip" || key == "host.mac":
		return named || numbered
	case strings.HasPrefix(key, "process."): // A pid says it all, and a process may change its title.
		return pid && key != attrPID && key != "process.executable.name"
	case strings.HasPrefix(key, "cloud."):
		return named
	case strings.HasPrefix(key, "k8s."):
		return strings.Contains(key, ".label") || strings.Contains(key, ".annotation")
	default:
		return false
	}
}

func cutLast(key string) (before, last string) {
	i := strings.LastIndexByte(key, '.')
	return key[:max(i, 0)], key[i+1:]
}

// eachPoint calls do with the attributes of each data point of m.
func eachPoint(m pmetric.Metric, do func(pcommon.Map)) {
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		for _, p := range m.Gauge().DataPoints().All() {
			do(p.Attributes())
		}
	case pmetric.MetricTypeSum:
		for _, p := range m.Sum().DataPoints().All() {
			do(p.Attributes())
		}
	case pmetric.MetricTypeHistogram:
		for _, p := range m.Histogram().DataPoints().All() {
			do(p.Attributes())
		}
	case pmetric.MetricTypeExponentialHistogram:
		for _, p := range m.ExponentialHistogram().DataPoints().All() {
			do(p.Attributes())
		}
	case pmetric.MetricTypeSummary:
		for _, p := range m.Summary().DataPoints().All() {
			do(p.Attributes())
		}
	case pmetric.MetricTypeEmpty:
	}
}

// escaped keeps two different resources from being written alike.
func escaped(s string) string {
	if !strings.ContainsAny(s, `\,=`) {
		return s
	}
	return strings.NewReplacer(`\`, `\\`, `,`, `\,`, `=`, `\=`).Replace(s)
}
