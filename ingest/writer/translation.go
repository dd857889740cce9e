// SPDX-License-Identifier: Apache-2.0

package writer

import (
	"fmt"
	"time"

	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/labels"
	promstorage "github.com/prometheus/prometheus/storage"
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

// Strategy is how names become names of Prometheus: one of its own otlp.translation_strategy, or the default.
type Strategy string

const (
	// UTF8LettersWithSuffixes makes "_" of ASCII punctuation, as UnderscoreEscapingWithSuffixes does, and keeps everything outside ASCII.
	UTF8LettersWithSuffixes Strategy = "UTF8LettersWithSuffixes"
	// UnderscoreEscapingWithSuffixes makes "_" of all but ASCII letters and digits: names of other scripts become one.
	UnderscoreEscapingWithSuffixes Strategy = "UnderscoreEscapingWithSuffixes"
	// UnderscoreEscapingWithoutSuffixes does that without the suffixes of unit and type.
	UnderscoreEscapingWithoutSuffixes Strategy = "UnderscoreEscapingWithoutSuffixes"
	// NoUTF8EscapingWithSuffixes keeps names as they are, dots included, and adds the suffixes.
	NoUTF8EscapingWithSuffixes Strategy = "NoUTF8EscapingWithSuffixes"
	// NoTranslation keeps names as they are.
	NoTranslation Strategy = "NoTranslation"
)

func (s Strategy) escapes() bool {
	return s != NoUTF8EscapingWithSuffixes && s != NoTranslation
}

func (s Strategy) suffixes() bool {
	return s != UnderscoreEscapingWithoutSuffixes && s != NoTranslation
}

func (s Strategy) keepsLetters() bool { return s == "" || s == UTF8LettersWithSuffixes }

// Translation is how OTLP metrics become series. The zero value is the default.
type Translation struct {
	// ScopeLabels puts the instrumentation scope on series: auto, always or never.
	ScopeLabels ScopeLabels `yaml:"scope_labels"`
	// Strategy is how names are written.
	Strategy Strategy `yaml:"translation_strategy"`
	// Lookback is the query engine's; it decides how often target_info is repeated.
	Lookback time.Duration `yaml:"-"`
}

// DefaultTranslation keeps everything apart.
func DefaultTranslation() Translation {
	return Translation{ScopeLabels: ScopeLabelsAuto, Strategy: UTF8LettersWithSuffixes}
}

// WithLookback returns a copy of t with the query engine's lookback.
func (t Translation) WithLookback(d time.Duration) Translation {
	t.Lookback = d
	return t
}

// Validate says what is wrong with t.
func (t Translation) Validate() error {
	switch t.ScopeLabels {
	case "", ScopeLabelsAuto, ScopeLabelsAlways, ScopeLabelsNever:
	default:
		return fmt.Errorf("scope_labels is %q, must be auto, always or never", t.ScopeLabels)
	}
	switch t.Strategy {
	case "", UTF8LettersWithSuffixes, UnderscoreEscapingWithSuffixes, UnderscoreEscapingWithoutSuffixes, NoUTF8EscapingWithSuffixes, NoTranslation:
		return nil
	default:
		return fmt.Errorf("translation_strategy is %q, must be %s or one of Prometheus's", t.Strategy, UTF8LettersWithSuffixes)
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
	names    names
}

func newRewriter(t Translation) rewriter {
	return rewriter{
		identity: newIdentity(t.ScopeLabels),
		names:    names{letters: t.Strategy.keepsLetters(), escapes: t.Strategy.escapes()},
		settings: prometheusremotewrite.Settings{
			AddMetricSuffixes:    t.Strategy.suffixes(),
			AllowUTF8:            !t.Strategy.escapes(),
			PromoteScopeMetadata: t.ScopeLabels != ScopeLabelsNever,
			PromoteResourceAttributes: prometheusremotewrite.NewPromoteResourceAttributes(
				config.OTLPConfig{PromoteResourceAttributes: promotedAttributes()}),
			LookbackDelta: t.Lookback,
		},
	}
}

// rewrite changes md in place and returns the appender that the translation of md has to write to, for app.
func (r rewriter) rewrite(md pmetric.Metrics, app promstorage.AppenderV2) promstorage.AppenderV2 {
	r.identity.keep(md)
	r.names.request(md)
	if !r.names.hidden {
		return app
	}
	return &showingAppender{AppenderV2: app, builder: labels.NewScratchBuilder(16)}
}
