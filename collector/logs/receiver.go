// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/stanza/fileconsumer"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/stanza/split"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver"
	"go.uber.org/zap"
)

// Type is the receiver's type in a collector's configuration.
const Type = "strata_files"

// Attributes of a record that tell the next consumer where it is from. What only it needs is taken off by it.
const (
	AttrFilePath   = "log.file.path"
	AttrFileOffset = "log.file.record_offset"
	// AttrHead is the beginning of the text as it is in the file, on the last record of each call.
	AttrHead = "strata.record.head"
	// headBytes is how long it is at the most.
	headBytes = 200
)

const (
	fileEncoding = "utf-8"
	retryFirst   = time.Second
	retryMost    = 30 * time.Second
)

// Config is one set of files.
type Config struct {
	Include []string `mapstructure:"include"`
	Exclude []string `mapstructure:"exclude"`
	StartAt string   `mapstructure:"start_at"`
	// MultilineStart is a regular expression for the first line of a record; Multiline false makes each line a record. Otherwise SplitRecords decides.
	MultilineStart string `mapstructure:"multiline_start"`
	Multiline      bool   `mapstructure:"multiline"`
	Format         Format `mapstructure:"format"`
	Mask           bool   `mapstructure:"mask"`
	// MaxRecordsPerSecond is how many records are read in a second; 0 is as many as there are.
	MaxRecordsPerSecond int               `mapstructure:"max_records_per_second"`
	Resource            map[string]string `mapstructure:"resource"`
	Attributes          map[string]string `mapstructure:"attributes"`
	// Storage keeps the checkpoints.
	Storage component.ID `mapstructure:"storage"`
}

// Validate implements confmap.Validator.
func (c *Config) Validate() error {
	if len(c.Include) == 0 {
		return errors.New("include names no files")
	}
	if !slices.Contains(Formats(), c.Format) {
		return fmt.Errorf("format %q is none of %v", c.Format, Formats())
	}
	if c.MaxRecordsPerSecond < 0 {
		return errors.New("max_records_per_second is negative")
	}
	return nil
}

// NewFactory returns the receiver's factory. What its receivers do is counted in stats.
func NewFactory(stats *Stats) (receiver.Factory, error) {
	typ, err := component.NewType(Type)
	if err != nil {
		return nil, fmt.Errorf("receiver type: %w", err)
	}
	return receiver.NewFactory(typ,
		func() component.Config { return &Config{StartAt: "end", Multiline: true, Format: Auto, Mask: true} },
		receiver.WithLogs(func(_ context.Context, set receiver.Settings, cfg component.Config, next consumer.Logs) (receiver.Logs, error) {
			return newFiles(set, *cfg.(*Config), next, stats)
		}, component.StabilityLevelStable),
	), nil
}

// files is one receiver.
type files struct {
	cfg      Config
	set      receiver.Settings
	next     consumer.Logs
	manager  *fileconsumer.Manager
	client   storage.Client
	parser   *Parser
	masker   *Masker // nil: off
	limit    *limiter
	counters *Counters
}

func newFiles(set receiver.Settings, cfg Config, next consumer.Logs, stats *Stats) (*files, error) {
	f := &files{
		cfg: cfg, set: set, next: next, parser: NewParser(cfg.Format, time.Local, time.Now), limit: newLimiter(cfg.MaxRecordsPerSecond, time.Now()),
		counters: stats.Source(cfg.Include),
	}
	if cfg.Mask {
		f.masker = NewMasker()
	}
	fc := fileconsumer.NewConfig()
	fc.Include, fc.Exclude, fc.StartAt = cfg.Include, cfg.Exclude, cfg.StartAt
	fc.IncludeFilePath = true
	fc.Encoding = fileEncoding
	fc.OnTruncate = fileconsumer.OnTruncateReadWholeFile
	var opts []fileconsumer.Option
	switch {
	case cfg.MultilineStart != "":
		fc.SplitConfig = split.Config{LineStartPattern: cfg.MultilineStart}
	case cfg.Multiline:
		opts = append(opts, fileconsumer.WithSplitFunc(SplitRecords))
	default:
		opts = append(opts, fileconsumer.WithSplitFunc(SplitLines))
	}
	var err error
	if f.manager, err = fc.Build(set.TelemetrySettings, f.emit, opts...); err != nil {
		return nil, fmt.Errorf("follow %v: %w", cfg.Include, err)
	}
	return f, nil
}

// Start implements component.Component.
func (f *files) Start(ctx context.Context, host component.Host) error {
	ext, ok := host.GetExtensions()[f.cfg.Storage]
	if !ok {
		return fmt.Errorf("storage %s is not there", f.cfg.Storage)
	}
	store, ok := ext.(storage.Extension)
	if !ok {
		return fmt.Errorf("%s is no storage", f.cfg.Storage)
	}
	var err error
	if f.client, err = store.GetClient(ctx, component.KindReceiver, f.set.ID, ""); err != nil {
		return fmt.Errorf("open checkpoints: %w", err)
	}
	if err := f.manager.Start(f.client); err != nil {
		return fmt.Errorf("follow %v: %w", f.cfg.Include, err)
	}
	return nil
}

// Shutdown implements component.Component. It waits for the records that are being handed over.
func (f *files) Shutdown(ctx context.Context) error {
	err := f.manager.Stop()
	if f.client != nil {
		err = errors.Join(err, f.client.Close(ctx))
	}
	if err != nil {
		return fmt.Errorf("stop following files: %w", err)
	}
	return nil
}

// emit hands records over. It returns only when they are queued: the file consumer takes any return for an answer and moves its checkpoint. So
// records that wait for a full queue wait until the process ends, and are read again by the next one.
func (f *files) emit(ctx context.Context, texts [][]byte, attributes map[string]any, _ int64, offsets []int64) error {
	ld, bytes := f.records(texts, attributes, offsets)
	n := ld.LogRecordCount()
	if n == 0 {
		return nil
	}
	if waited := f.limit.wait(ctx, n); waited > 0 {
		f.counters.HeldBack.Add(int64(n))
		f.counters.HeldBackMillis.Add(waited.Milliseconds())
	}
	for pause := retryFirst; ; pause = min(2*pause, retryMost) {
		given := plog.NewLogs() // The next one may change what it is given.
		ld.CopyTo(given)
		err := f.next.ConsumeLogs(context.WithoutCancel(ctx), given)
		if err == nil {
			f.counters.Records.Add(int64(n))
			f.counters.Bytes.Add(bytes)
			return nil
		}
		f.set.Logger.Error("log records not queued, trying again", zap.Error(err))
		time.Sleep(pause)
	}
}

func (f *files) records(texts [][]byte, attributes map[string]any, offsets []int64) (plog.Logs, int64) {
	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	for k, v := range f.cfg.Resource {
		rl.Resource().Attributes().PutStr(k, v)
	}
	records, now := rl.ScopeLogs().AppendEmpty().LogRecords(), pcommon.NewTimestampFromTime(time.Now())
	records.EnsureCapacity(len(texts))
	total, last := int64(0), ""
	for i, raw := range texts {
		if len(raw) == 0 {
			continue
		}
		last = string(raw)
		text := last
		if f.masker != nil {
			var n int
			if text, n = f.masker.Mask(text); n > 0 {
				f.counters.Masked.Add(int64(n))
			}
		}
		lr := records.AppendEmpty()
		lr.SetObservedTimestamp(now)
		f.parser.Parse(text, lr)
		for k, v := range attributes {
			if s, ok := v.(string); ok {
				lr.Attributes().PutStr(k, s)
			}
		}
		for k, v := range f.cfg.Attributes {
			lr.Attributes().PutStr(k, v)
		}
		lr.Attributes().PutInt(AttrFileOffset, offsets[i])
		total += int64(len(raw))
	}
	if n := records.Len(); n > 0 {
		records.At(n-1).Attributes().PutStr(AttrHead, Head(last))
	}
	return ld, total
}
