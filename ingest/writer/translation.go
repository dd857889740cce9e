// SPDX-License-Identifier: Apache-2.0

package writer

import (
	"fmt"
	"time"

	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/storage/remote/otlptranslator/prometheusremotewrite"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// ScopeLabels says which series carry otel_scope_name and its companions.
type ScopeLabels string

const (
	// ScopeLabelsAuto is all of them but those that a collector's receiver or the agent read: the scope is then a detail of the reader.
	ScopeLabelsAuto ScopeLabels = "auto"
	// ScopeLabelsAlways is all of them.
	ScopeLabelsAlways ScopeLabels = "always"
	// ScopeLabelsNever is none: one metric of two scopes becomes one series.
	ScopeLabelsNever ScopeLabels = "never"
)

// Translation is how OTLP metrics become series. The zero value is the default.
type Translation struct {
	// ScopeLabels puts the instrumentation scope on series: auto, always or never.
	ScopeLabels ScopeLabels `yaml:"scope_labels"`
	// Lookback is the query engine's; it decides how often target_info is repeated.
	Lookback time.Duration `yaml:"-"`
}

// DefaultTranslation keeps everything apart.
func DefaultTranslation() Translation { return Translation{ScopeLabels: ScopeLabelsAuto} }

// WithLookback returns a copy of t with the query engine's lookback.
func (t Translation) WithLookback(d time.Duration) Translation {
	t.Lookback = d
	return t
}

// Validate says what is wrong with t.
func (t Translation) Validate() error {
	switch t.ScopeLabels {
	case "", ScopeLabelsAuto, ScopeLabelsAlways, ScopeLabelsNever:
		return nil
	default:
		return fmt.Errorf("scope_labels is %q, must be auto, always or never", t.ScopeLabels)
	}
}

// promotedAttributes become labels of every series of a resource; Prometheus's documentation recommends most of them.
func promotedAttributes() []string {
	return []string{
		"service.name", "service.namespace", "service.instance.id", "service.version", "host.name", "deployment.environment.name",
		"deployment.environment", "k8s.cluster.name", "k8s.namespace.name", "k8s.pod.name", "k8s.container.name", "k8s.node.name",
		"k8s.deployment.name", "k8s.statefulset.name", "k8s.daemonset.name", "k8s.replicaset.name", "k8s.job.name", "k8s.cronjob.name",
		"container.name", "cloud.region", "cloud.availability_zone",
	}
}

// rewriter prepares a request for Prometheus's translation.
type rewriter struct {
	settings prometheusremotewrite.Settings
	identity identity
}

func newRewriter(t Translation) rewriter {
	return rewriter{
		identity: newIdentity(t.ScopeLabels),
		settings: prometheusremotewrite.Settings{
			AddMetricSuffixes:    true,
			PromoteScopeMetadata: t.ScopeLabels != ScopeLabelsNever,
			PromoteResourceAttributes: prometheusremotewrite.NewPromoteResourceAttributes(
				config.OTLPConfig{PromoteResourceAttributes: promotedAttributes()}),
			LookbackDelta: t.Lookback,
		},
	}
}

// rewrite changes md in place.
func (r rewriter) rewrite(md pmetric.Metrics) { r.identity.keep(md) }
