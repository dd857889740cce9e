// SPDX-License-Identifier: Apache-2.0

package enrich

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
	"github.com/strata-apm/strata/collector/logs/levels"
	"github.com/strata-apm/strata/collector/queue"
)

// TypeName is the type of the processor in the collector's configuration.
const TypeName = "strata_enrich"

// config is the configuration of the processor.
type config struct {
	// Attributes are put on every resource.
	Attributes map[string]string `mapstructure:"attributes"`
	// Override replaces values that are there. It is set for what the agent read itself and unset for what programs sent, because
	// they know better what they are.
	Override bool `mapstructure:"override"`
	// ProcessTop caps the processes that are reported; see topProcesses.
	ProcessTop int `mapstructure:"process_top"`
	// DetectSeverity sets the severity of log records that have none from the level word in their text.
	DetectSeverity bool `mapstructure:"detect_severity"`
	// Progress keeps how far each file was queued; see queue.Progress.
	Progress bool `mapstructure:"progress"`
	// Stream is for sources that are no files.
	Stream *streamConfig `mapstructure:"stream"`
	// QueueLimit is the most bytes the queue of one signal may hold.
	QueueLimit int64 `mapstructure:"queue_limit"`
}

// streamConfig is logs.StreamOptions in a collector's configuration.
type streamConfig struct {
	Kind                string `mapstructure:"kind"`
	Name                string `mapstructure:"name"`
	Drop                bool   `mapstructure:"drop"`
	Mask                bool   `mapstructure:"mask"`
	MaxRecordsPerSecond int    `mapstructure:"max_records_per_second"`
}

// Validate implements confmap.Validator.
func (c *config) Validate() error {
	if c.ProcessTop < 0 {
		return errors.New("process_top is negative")
	}
	return nil
}

// NewFactory returns the factory of the processor. Records that it passes on are counted in v, records that the queue may not take are held
// back by what state says, and what becomes of log records is counted in stats.
func NewFactory(v *queue.Volume, state *queue.State, stats *logs.Stats) (processor.Factory, error) {
	typ, err := component.NewType(TypeName)
	if err != nil {
		return nil, err
	}
	return processor.NewFactory(
		typ,
		func() component.Config { return &config{} },
		processor.WithMetrics(func(_ context.Context, set processor.Settings, cfg component.Config, next consumer.Metrics) (processor.Metrics, error) {
			c, next := cfg.(*config), v.CountMetrics(set.ID.Name(), next)
			return &metricsProcessor{base: base{cfg: *c}, top: topProcesses{limit: c.ProcessTop}, next: next}, nil
		}, component.StabilityLevelStable),
		processor.WithLogs(func(_ context.Context, set processor.Settings, cfg component.Config, next consumer.Logs) (processor.Logs, error) {
			p := newLogsProcessor(*cfg.(*config), state, v.CountLogs(set.ID.Name(), next))
			if g := p.cfg.Stream; g != nil {
				p.stream = logs.NewStream(logs.StreamOptions(*g), stats)
			}
			if g := p.cfg.Stream; g != nil && g.Kind == logs.KindSyslog {
				p.useGroup(set.Logger)
			}
			return p, nil
		}, component.StabilityLevelStable),
		processor.WithTraces(func(_ context.Context, set processor.Settings, cfg component.Config, next consumer.Traces) (processor.Traces, error) {
			return &tracesProcessor{base: base{cfg: *cfg.(*config)}, next: v.CountTraces(set.ID.Name(), next)}, nil
		}, component.StabilityLevelStable),
	), nil
}

// base is what the processors of the three signals share.
type base struct {
	component.StartFunc
	component.ShutdownFunc
	cfg config
}

// Capabilities says that resources are changed in place.
func (*base) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{MutatesData: true}
}

// resource puts the attributes on a resource.
func (e *base) resource(r pcommon.Resource) {
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

type metricsProcessor struct {
	base
	top  topProcesses
	next consumer.Metrics
}

func (p *metricsProcessor) ConsumeMetrics(ctx context.Context, md pmetric.Metrics) error {
	if p.cfg.ProcessTop > 0 {
		p.top.apply(md)
	}
	for _, rm := range md.ResourceMetrics().All() {
		p.resource(rm.Resource())
	}
	return p.next.ConsumeMetrics(ctx, md)
}

type tracesProcessor struct {
	base
	next consumer.Traces
}

func (p *tracesProcessor) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	for _, rs := range td.ResourceSpans().All() {
		p.resource(rs.Resource())
	}
	return p.next.ConsumeTraces(ctx, td)
}

type logsProcessor struct {
	base
	progress *queue.Progress // nil: off
	stream   *logs.Stream    // nil: none
	group    *logs.Group     // nil: none
	queue    *queue.State
	next     consumer.Logs
}

func newLogsProcessor(cfg config, state *queue.State, next consumer.Logs) *logsProcessor {
	p := &logsProcessor{base: base{cfg: cfg}, queue: state, next: next}
	if cfg.Progress {
		p.progress = queue.NewProgress(state)
		p.StartFunc = func(ctx context.Context, _ component.Host) error { return p.progress.Prepare(ctx) }
	}
	return p
}

// useGroup gathers records in front of the queue.
func (p *logsProcessor) useGroup(logger *zap.Logger) {
	p.group = logs.NewGroup(p.next, logger)
	p.StartFunc = func(context.Context, component.Host) error { p.group.Start(); return nil } //nolint:contextcheck // The context of a start ends with it.
	p.ShutdownFunc = func(context.Context) error { p.group.Stop(); return nil }
}

// ConsumeLogs passes lines of files on without their context: the receiver cancels it when it stops, takes the error for an answer
// and moves its checkpoint past lines that were never queued. So a line that waits for a full queue waits until the agent is
// stopped for good; its checkpoint is then the one before it.
func (p *logsProcessor) ConsumeLogs(ctx context.Context, ld plog.Logs) error {
	if p.stream != nil && !p.stream.Pass(ctx, ld, p.queue.Full(queue.LogsSignal, p.cfg.QueueLimit)) {
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
				levels.Fill(lr)
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
		if n := ld.LogRecordCount(); !p.group.Add(ld, !p.cfg.Stream.Drop) {
			p.stream.Lost(n)
		}
		return nil
	}
	return p.next.ConsumeLogs(ctx, ld)
}
