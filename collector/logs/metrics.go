// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/receiver"
	"go.uber.org/zap"
)

const (
	// StatsType is the type of the receiver that tells the counters as metrics.
	StatsType = "strata_log_stats"

	// maxSources bounds the sources that are told by name; what is over is told together as otherSource.
	maxSources  = 100
	otherSource = "other"
)

// StatsConfig says how often.
type StatsConfig struct {
	// Interval is the time between two tellings, above 0.
	Interval time.Duration `mapstructure:"interval"`
}

// NewStatsFactory returns the factory of the receiver that tells stats as metrics.
func NewStatsFactory(stats *Stats) (receiver.Factory, error) {
	typ, err := component.NewType(StatsType)
	if err != nil {
		return nil, fmt.Errorf("receiver type: %w", err)
	}
	return receiver.NewFactory(typ, func() component.Config { return &StatsConfig{Interval: 10 * time.Second} },
		receiver.WithMetrics(func(_ context.Context, set receiver.Settings, cfg component.Config, next consumer.Metrics) (receiver.Metrics, error) {
			return &teller{interval: cfg.(*StatsConfig).Interval, stats: stats, next: next, logger: set.Logger}, nil
		}, component.StabilityLevelStable),
	), nil
}

// teller is one receiver.
type teller struct {
	interval time.Duration
	stats    *Stats
	next     consumer.Metrics
	logger   *zap.Logger
	cancel   context.CancelFunc
	wg       sync.WaitGroup
}

// Start implements component.Component.
func (t *teller) Start(ctx context.Context, _ component.Host) error {
	ctx, t.cancel = context.WithCancel(context.WithoutCancel(ctx))
	t.wg.Go(func() {
		tick := time.NewTicker(t.interval)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case now := <-tick.C:
				if err := t.next.ConsumeMetrics(ctx, metrics(t.stats.Status(), now)); err != nil && ctx.Err() == nil {
					t.logger.Warn("metrics of the log sources not queued", zap.Error(err))
				}
			}
		}
	})
	return nil
}

// Shutdown implements component.Component.
func (t *teller) Shutdown(context.Context) error {
	if t.cancel != nil {
		t.cancel()
	}
	t.wg.Wait()
	return nil
}

// metrics tells the sources with the most records by name and the others together.
func metrics(sources []SourceStatus, now time.Time) pmetric.Metrics {
	if len(sources) > maxSources {
		slices.SortStableFunc(sources, func(a, b SourceStatus) int { return cmp.Compare(b.Records, a.Records) })
		rest := SourceStatus{Source: otherSource}
		for _, s := range sources[maxSources-1:] {
			rest.Records, rest.HeldBack = rest.Records+s.Records, rest.HeldBack+s.HeldBack
			rest.Masked, rest.Dropped = rest.Masked+s.Masked, rest.Dropped+s.Dropped
		}
		sources = append(sources[:maxSources-1:maxSources-1], rest)
	}
	md := pmetric.NewMetrics()
	sm := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty()
	sm.Scope().SetName("github.com/strata-apm/strata/collector/logs")
	for _, m := range []struct {
		name, unit, description string
		value                   func(SourceStatus) int64
	}{
		{"read", "{record}", "Log records that were read from the source.", func(s SourceStatus) int64 { return s.Records }},
		{"held_back", "{record}", "Log records that were read later because of the source's limit.", func(s SourceStatus) int64 { return s.HeldBack }},
		{"masked", "{secret}", "Secrets that were replaced.", func(s SourceStatus) int64 { return s.Masked }},
		{"dropped", "{record}", "Log records that a source which cannot wait has lost.", func(s SourceStatus) int64 { return s.Dropped }},
	} {
		metric := sm.Metrics().AppendEmpty()
		metric.SetName("strata.agent.logs." + m.name)
		metric.SetUnit(m.unit)
		metric.SetDescription(m.description)
		sum := metric.SetEmptySum()
		sum.SetIsMonotonic(true)
		sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		for _, s := range sources {
			dp := sum.DataPoints().AppendEmpty()
			dp.SetTimestamp(pcommon.NewTimestampFromTime(now))
			dp.Attributes().PutStr("source", s.Source)
			dp.SetIntValue(m.value(s))
		}
	}
	return md
}
