// SPDX-License-Identifier: Apache-2.0

package enrich

import (
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processortest"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/strata-apm/strata/collector/logs"
	"github.com/strata-apm/strata/collector/queue"
)

// parts is what an agent shares with its processors.
type parts struct {
	factory processor.Factory
	volume  *queue.Volume
	state   *queue.State
	stats   *logs.Stats
}

func newParts(t *testing.T) parts {
	t.Helper()
	p := parts{volume: queue.NewVolume(time.Unix(0, 0)), state: queue.NewState(), stats: logs.NewStats()}
	var err error
	p.factory, err = NewFactory(p.volume, p.state, p.stats)
	require.NoError(t, err)
	return p
}

// settings are those of the processor strata_enrich/<name>.
func (p parts) settings(name string) processor.Settings {
	set := processortest.NewNopSettings(p.factory.Type())
	set.ID = component.NewIDWithName(p.factory.Type(), name)
	return set
}

// logs starts a processor of log records that hands over to a sink.
func (p parts) logs(t *testing.T, name string, cfg config) (processor.Logs, *consumertest.LogsSink) {
	t.Helper()
	sink := new(consumertest.LogsSink)
	proc, err := p.factory.CreateLogs(t.Context(), p.settings(name), &cfg, sink)
	require.NoError(t, err)
	require.NoError(t, proc.Start(t.Context(), componenttest.NewNopHost()))
	return proc, sink
}

// counted are the records of a pipeline that were handed over.
func (p parts) counted(pipeline string) int64 {
	return p.volume.Section(time.Unix(0, 0), "").Pipelines[pipeline].Total
}

// openQueue opens the queue of log records with so many bytes in it.
func openQueue(t *testing.T, state *queue.State, bytes uint64) {
	t.Helper()
	factory, err := queue.NewFactory(state)
	require.NoError(t, err)
	cfg := factory.CreateDefaultConfig().(*filestorage.Config)
	cfg.Directory = t.TempDir()
	ext, err := factory.Create(t.Context(), extensiontest.NewNopSettings(factory.Type()), cfg)
	require.NoError(t, err)
	require.NoError(t, ext.Start(t.Context(), componenttest.NewNopHost()))
	client, err := ext.(storage.Extension).GetClient(t.Context(), component.KindExporter, component.MustNewID("otlp_grpc"), queue.LogsSignal)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, client.Close(t.Context()))
		require.NoError(t, ext.Shutdown(t.Context()))
	})
	account := protowire.AppendFixed64(protowire.AppendTag(nil, 2, protowire.Fixed64Type), bytes)
	require.NoError(t, client.Batch(t.Context(), storage.SetOperation("qmv0", account)))
}

func logRecord(text string) plog.Logs {
	ld := plog.NewLogs()
	ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body().SetStr(text)
	return ld
}

func firstRecord(t *testing.T, sink *consumertest.LogsSink) plog.LogRecord {
	t.Helper()
	require.NotEmpty(t, sink.AllLogs())
	return sink.AllLogs()[0].ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
}

// TestPrecedence: what the agent read itself is the host's, what programs sent keeps what they say of themselves.
func TestPrecedence(t *testing.T) {
	own := map[string]string{"host.name": "h", "os.type": "linux"}
	for name, tc := range map[string]struct {
		override bool
		sent     map[string]any
		want     map[string]any
	}{
		"the agent's, nothing there":       {true, nil, map[string]any{"host.name": "h", "os.type": "linux"}},
		"the agent's, something there":     {true, map[string]any{"host.name": "x"}, map[string]any{"host.name": "h", "os.type": "linux"}},
		"a program's, nothing there":       {false, nil, map[string]any{"host.name": "h", "os.type": "linux"}},
		"a program's, something there":     {false, map[string]any{"host.name": "x"}, map[string]any{"host.name": "x", "os.type": "linux"}},
		"a program's, there and empty":     {false, map[string]any{"host.name": ""}, map[string]any{"host.name": "", "os.type": "linux"}},
		"a program's, of another type":     {false, map[string]any{"host.name": int64(7)}, map[string]any{"host.name": int64(7), "os.type": "linux"}},
		"the agent's, of another type":     {true, map[string]any{"host.name": int64(7)}, map[string]any{"host.name": "h", "os.type": "linux"}},
		"what has another name stays":      {true, map[string]any{"service.name": "s"}, map[string]any{"host.name": "h", "os.type": "linux", "service.name": "s"}},
		"what has another name stays, too": {false, map[string]any{"service.name": "s"}, map[string]any{"host.name": "h", "os.type": "linux", "service.name": "s"}},
	} {
		t.Run(name, func(t *testing.T) {
			p, cfg := newParts(t), &config{Attributes: own, Override: tc.override}
			fill := func(r pcommon.Resource) { require.NoError(t, r.Attributes().FromRaw(tc.sent)) }

			metrics, md := new(consumertest.MetricsSink), pmetric.NewMetrics()
			fill(md.ResourceMetrics().AppendEmpty().Resource())
			forMetrics, err := p.factory.CreateMetrics(t.Context(), p.settings("x"), cfg, metrics)
			require.NoError(t, err)
			require.NoError(t, forMetrics.ConsumeMetrics(t.Context(), md))
			require.Equal(t, tc.want, metrics.AllMetrics()[0].ResourceMetrics().At(0).Resource().Attributes().AsRaw())

			traces, td := new(consumertest.TracesSink), ptrace.NewTraces()
			fill(td.ResourceSpans().AppendEmpty().Resource())
			forTraces, err := p.factory.CreateTraces(t.Context(), p.settings("x"), cfg, traces)
			require.NoError(t, err)
			require.NoError(t, forTraces.ConsumeTraces(t.Context(), td))
			require.Equal(t, tc.want, traces.AllTraces()[0].ResourceSpans().At(0).Resource().Attributes().AsRaw())

			forLogs, sink := p.logs(t, "x", *cfg)
			ld := logRecord("a")
			fill(ld.ResourceLogs().At(0).Resource())
			require.NoError(t, forLogs.ConsumeLogs(t.Context(), ld))
			require.Equal(t, tc.want, sink.AllLogs()[0].ResourceLogs().At(0).Resource().Attributes().AsRaw())
			require.True(t, forLogs.Capabilities().MutatesData)
		})
	}
}

func TestConfig(t *testing.T) {
	require.Equal(t, &config{}, newParts(t).factory.CreateDefaultConfig())
	require.NoError(t, (&config{ProcessTop: 0}).Validate())
	require.EqualError(t, (&config{ProcessTop: -1}).Validate(), "process_top is negative")
}

// TestDetectSeverity: a severity that a record has is never changed.
func TestDetectSeverity(t *testing.T) {
	for name, tc := range map[string]struct {
		detect     bool
		prepare    func(lr plog.LogRecord)
		wantNumber plog.SeverityNumber
		wantText   string
	}{
		"off":         {false, func(lr plog.LogRecord) { lr.Body().SetStr("ERROR x") }, plog.SeverityNumberUnspecified, ""},
		"found":       {true, func(lr plog.LogRecord) { lr.Body().SetStr("ERROR x") }, plog.SeverityNumberError, "ERROR"},
		"none there":  {true, func(lr plog.LogRecord) { lr.Body().SetStr("x") }, plog.SeverityNumberUnspecified, ""},
		"has one":     {true, func(lr plog.LogRecord) { lr.Body().SetStr("ERROR x"); lr.SetSeverityNumber(plog.SeverityNumberInfo) }, plog.SeverityNumberInfo, ""},
		"has a text":  {true, func(lr plog.LogRecord) { lr.Body().SetStr("ERROR x"); lr.SetSeverityText("bad") }, plog.SeverityNumberError, "bad"},
		"is no text":  {true, func(lr plog.LogRecord) { lr.Body().SetEmptyMap().PutStr("level", "ERROR") }, plog.SeverityNumberUnspecified, ""},
		"is a number": {true, func(lr plog.LogRecord) { lr.Body().SetInt(3) }, plog.SeverityNumberUnspecified, ""},
	} {
		t.Run(name, func(t *testing.T) {
			proc, sink := newParts(t).logs(t, "x", config{DetectSeverity: tc.detect})
			ld := logRecord("")
			tc.prepare(ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0))
			require.NoError(t, proc.ConsumeLogs(t.Context(), ld))
			got := firstRecord(t, sink)
			require.Equal(t, tc.wantNumber, got.SeverityNumber())
			require.Equal(t, tc.wantText, got.SeverityText())
		})
	}
}

// TestStreamOfAFullQueue: a source that cannot wait is dropped and counted when the queue has no space, any other one goes on.
func TestStreamOfAFullQueue(t *testing.T) {
	const limit = 4 << 20
	for name, tc := range map[string]struct {
		queued      uint64
		limit       int64
		drop        bool
		wantPassed  int
		wantDropped int64
	}{
		"space":             {0, limit, true, 1, 0},
		"no space":          {limit, limit, true, 0, 1},
		"no limit":          {limit, 0, true, 1, 0},
		"a source can wait": {limit, limit, false, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			p := newParts(t)
			openQueue(t, p.state, tc.queued)
			proc, sink := p.logs(t, "journald", config{
				Override: true, QueueLimit: tc.limit, Stream: &streamConfig{Kind: logs.KindJournald, Name: "source", Drop: tc.drop},
			})
			require.NoError(t, proc.ConsumeLogs(t.Context(), logRecord("a")))
			require.Equal(t, tc.wantPassed, sink.LogRecordCount())
			require.Equal(t, int64(tc.wantPassed), p.counted("logs/journald"))
			got := p.stats.Status()
			require.Len(t, got, 1)
			require.Equal(t, tc.wantDropped, got[0].Dropped)
			require.NoError(t, proc.Shutdown(t.Context()))
		})
	}
}

// TestGateMasks: secrets are out before the queue is written.
func TestGateMasks(t *testing.T) {
	for mask, want := range map[bool]bool{true: false, false: true} {
		proc, sink := newParts(t).logs(t, "journald", config{Stream: &streamConfig{Kind: logs.KindJournald, Name: "source", Mask: mask}})
		require.NoError(t, proc.ConsumeLogs(t.Context(), logRecord("login password=hunter2hunter2 ok")))
		require.Equal(t, want, firstRecord(t, sink).Body().Str() == "login password=hunter2hunter2 ok", "mask %t", mask)
	}
}

// TestSyslogIsGathered: records of syslog wait in a group until the queue takes them, and a stop hands all of them over.
func TestSyslogIsGathered(t *testing.T) {
	p := newParts(t)
	proc, sink := p.logs(t, "syslog_1", config{Override: true, DetectSeverity: true, Stream: &streamConfig{Kind: logs.KindSyslog, Name: "udp://x:1", Drop: true}})
	for range 10 {
		require.NoError(t, proc.ConsumeLogs(t.Context(), logRecord("ERROR x")))
	}
	require.NoError(t, proc.Shutdown(t.Context()))
	require.Equal(t, 10, sink.LogRecordCount())
	require.Equal(t, plog.SeverityNumberError, firstRecord(t, sink).SeverityNumber())
	require.Equal(t, int64(10), p.counted("logs/syslog_1"))
}

// TestProgressTakesOffsets: what the agent needs for itself goes no further, and nothing is handed over when nothing is new.
func TestProgressTakesOffsets(t *testing.T) {
	p := newParts(t)
	openQueue(t, p.state, 0)
	proc, sink := p.logs(t, "logs", config{Override: true, Progress: true})
	ld := logRecord("a")
	attrs := ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Attributes()
	attrs.PutStr(logs.AttrFilePath, "/none")
	attrs.PutInt(logs.AttrFileOffset, 0)
	require.NoError(t, proc.ConsumeLogs(t.Context(), ld))
	require.Equal(t, map[string]any{logs.AttrFilePath: "/none"}, firstRecord(t, sink).Attributes().AsRaw())
	require.NoError(t, proc.ConsumeLogs(t.Context(), plog.NewLogs()))
	require.Len(t, sink.AllLogs(), 1, "an empty request is not queued")
	require.Equal(t, int64(1), p.counted("logs/files"), "the pipeline of files has a name of its own")
	require.NoError(t, proc.Shutdown(t.Context()))
}
