// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"context"
	"errors"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.uber.org/zap"

	"github.com/strata-apm/strata/collector/logs"
	"github.com/strata-apm/strata/collector/queue"
)

// enrichConfig is the configuration of the strata_enrich processor, the one processor of every generated pipeline.
type enrichConfig struct {
	// Attributes are put on every resource.
	Attributes map[string]string `mapstructure:"attributes"`
	// Override replaces values that are there. It is set for what the agent read itself and unset for what programs sent, because
	// they know better what they are.
	Override bool `mapstructure:"override"`
	// ProcessTop caps the processes that are reported; see topProcesses.
	ProcessTop int `mapstructure:"process_top"`
	// DetectSeverity sets the severity of log records that have none from the level word in their text.
	DetectSeverity bool `mapstructure:"detect_severity"`
	// Progress keeps how far each file was queued; see progress.
	Progress bool `mapstructure:"progress"`
	// Gate is for sources that are no files.
	Gate *gateConfig `mapstructure:"gate"`
	// QueueLimit is the most bytes the queue of one signal may hold.
	QueueLimit int64 `mapstructure:"queue_limit"`
}

// gateConfig is logs.GateOptions in a collector's configuration.
type gateConfig struct {
	Kind                string `mapstructure:"kind"`
	Name                string `mapstructure:"name"`
	Drop                bool   `mapstructure:"drop"`
	Mask                bool   `mapstructure:"mask"`
	MaxRecordsPerSecond int    `mapstructure:"max_records_per_second"`
}

// Validate implements confmap.Validator.
func (c *enrichConfig) Validate() error {
	if c.ProcessTop < 0 {
		return errors.New("process_top is negative")
	}
	return nil
}

func newEnrichFactory(v *queue.Volume, state *queue.State, stats *logs.Stats) (processor.Factory, error) {
	typ, err := component.NewType("strata_enrich")
	if err != nil {
		return nil, err
	}
	return processor.NewFactory(
		typ,
		func() component.Config { return &enrichConfig{} },
		processor.WithMetrics(func(_ context.Context, set processor.Settings, cfg component.Config, next consumer.Metrics) (processor.Metrics, error) {
			c, next := cfg.(*enrichConfig), v.CountMetrics(set.ID.Name(), next)
			return &enrichMetrics{enrich: enrich{cfg: *c}, top: topProcesses{limit: c.ProcessTop}, next: next}, nil
		}, component.StabilityLevelStable),
		processor.WithLogs(func(_ context.Context, set processor.Settings, cfg component.Config, next consumer.Logs) (processor.Logs, error) {
			p := newEnrichLogs(*cfg.(*enrichConfig), state, v.CountLogs(set.ID.Name(), next))
			if g := p.cfg.Gate; g != nil {
				p.gate = logs.NewGate(logs.GateOptions(*g), stats)
			}
			if g := p.cfg.Gate; g != nil && g.Kind == logs.KindSyslog {
				p.useGroup(set.Logger)
			}
			return p, nil
		}, component.StabilityLevelStable),
		processor.WithTraces(func(_ context.Context, set processor.Settings, cfg component.Config, next consumer.Traces) (processor.Traces, error) {
			return &enrichTraces{enrich: enrich{cfg: *cfg.(*enrichConfig)}, next: v.CountTraces(set.ID.Name(), next)}, nil
		}, component.StabilityLevelStable),
	), nil
}

// enrich is what the processors of the three signals share.
type enrich struct {
	component.StartFunc
	component.ShutdownFunc
	cfg enrichConfig
}

// Capabilities says that resources are changed in place.
func (*enrich) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{MutatesData: true}
}

func (e *enrich) resource(r pcommon.Resource) {
	attrs := r.Attributes()
	for k, v := range e.cfg.Attributes {
		if !e.cfg.Override {
			if _, ok := attrs.Get(k); ok {
				continue
			}
		}
		attrs.PutStr(k, v)
	}
}

type enrichMetrics struct {
	enrich
	top  topProcesses
	next consumer.Metrics
}

func (p *enrichMetrics) ConsumeMetrics(ctx context.Context, md pmetric.Metrics) error {
	if p.cfg.ProcessTop > 0 {
		p.top.apply(md)
	}
	for _, rm := range md.ResourceMetrics().All() {
		p.resource(rm.Resource())
	}
	return p.next.ConsumeMetrics(ctx, md)
}

type enrichTraces struct {
	enrich
	next consumer.Traces
}

func (p *enrichTraces) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	for _, rs := range td.ResourceSpans().All() {
		p.resource(rs.Resource())
	}
	return p.next.ConsumeTraces(ctx, td)
}

type enrichLogs struct {
	enrich
	progress *queue.Progress // nil: off
	gate     *logs.Gate      // nil: none
	group    *logs.Group     // nil: none
	queue    *queue.State
	next     consumer.Logs
}

func newEnrichLogs(cfg enrichConfig, state *queue.State, next consumer.Logs) *enrichLogs {
	p := &enrichLogs{enrich: enrich{cfg: cfg}, queue: state, next: next}
	if cfg.Progress {
		p.progress = queue.NewProgress(state)
		p.StartFunc = func(ctx context.Context, _ component.Host) error { return p.progress.Prepare(ctx) }
	}
	return p
}

// useGroup gathers records in front of the queue.
func (p *enrichLogs) useGroup(logger *zap.Logger) {
	p.group = logs.NewGroup(p.next, logger)
	p.StartFunc = func(context.Context, component.Host) error { p.group.Start(); return nil } //nolint:contextcheck // The context of a start ends with it.
	p.ShutdownFunc = func(context.Context) error { p.group.Stop(); return nil }
}

// ConsumeLogs passes lines of files on without their context: the receiver cancels it when it stops, takes the error for an answer
// and moves its checkpoint past lines that were never queued. So a line that waits for a full queue waits until the agent is
// stopped for good; its checkpoint is then the one before it.
func (p *enrichLogs) ConsumeLogs(ctx context.Context, ld plog.Logs) error {
	if p.gate != nil && !p.gate.Pass(ctx, ld, p.queue.Full(queue.LogsSignal, p.cfg.QueueLimit)) {
		return nil
	}
	if p.progress != nil {
		ctx = queue.WithMarks(ctx, p.progress.Filter(ctx, ld))
	}
	for _, rl := range ld.ResourceLogs().All() {
		p.resource(rl.Resource())
		if !p.cfg.DetectSeverity {
			continue
		}
		for _, sl := range rl.ScopeLogs().All() {
			for _, lr := range sl.LogRecords().All() {
				setSeverity(lr)
			}
		}
	}
	if p.cfg.Override {
		ctx = context.WithoutCancel(ctx)
	}
	if ld.LogRecordCount() == 0 {
		return nil
	}
	if p.group != nil {
		if n := ld.LogRecordCount(); !p.group.Add(ld, !p.cfg.Gate.Drop) {
			p.gate.Lost(n)
		}
		return nil
	}
	return p.next.ConsumeLogs(ctx, ld)
}
