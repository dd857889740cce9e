// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/receiver"
	"go.uber.org/zap"

	"github.com/strata-apm/strata/collector/logs/charset"
	"github.com/strata-apm/strata/collector/logs/join"
	"github.com/strata-apm/strata/collector/logs/mask"
	"github.com/strata-apm/strata/collector/logs/parse"
	"github.com/strata-apm/strata/collector/logs/parts"
	"github.com/strata-apm/strata/collector/logs/tail"
	"github.com/strata-apm/strata/collector/logs/when"
)

// Type is the receiver's type in a collector's configuration.
const Type = "strata_files"

// Attributes of a record that tell the next consumer where it is from. It takes off the ones that only it needs.
const (
	AttrFilePath   = "log.file.path"
	AttrFileOffset = "log.file.record_offset"
	// AttrFileEnd is where the record after it begins, AttrFileID its file's identity over renames, AttrHead are its first bytes as they are in the
	// file. They and the offset are on the last record of each call.
	AttrFileEnd = "strata.record.end"
	AttrFileID  = "strata.file.id"
	AttrHead    = "strata.record.head"
	// headBytes is how long the one is that Head makes.
	headBytes = 200
)

const (
	retryFirst = time.Second
	retryMost  = 30 * time.Second
	// pollInterval is the time between two rounds over the files.
	pollInterval = 200 * time.Millisecond
	// flushRecord is how long a record waits for another line.
	flushRecord = 500 * time.Millisecond
	// DefaultRotateWait and DefaultFlushLine are for what the configuration leaves out.
	DefaultRotateWait = time.Minute
	// DefaultFlushLine is how long a last line without a newline waits for its rest.
	DefaultFlushLine = 2 * time.Second
)

// Config is one set of files.
type Config struct {
	// Include are patterns of files, at least one; files that Exclude matches are left out.
	Include []string `mapstructure:"include"`
	Exclude []string `mapstructure:"exclude"`
	// StartAt is end, for files that are there at the first start, or anything else for their beginning.
	StartAt string `mapstructure:"start_at"`
	// MultilineStart is a regular expression for the first line of a record; Multiline false makes each line a record. Otherwise join.Records decides.
	MultilineStart string `mapstructure:"multiline_start"`
	Multiline      bool   `mapstructure:"multiline"`
	// Format is how records are taken apart; Mask replaces secrets in them before.
	Format parse.Format `mapstructure:"format"`
	Mask   bool         `mapstructure:"mask"`
	// MaxRecordsPerSecond is how many records are read in a second; 0 is as many as there are.
	MaxRecordsPerSecond int `mapstructure:"max_records_per_second"`
	// Resource are attributes of the resource, Attributes those of each record; both may be empty.
	Resource   map[string]string `mapstructure:"resource"`
	Attributes map[string]string `mapstructure:"attributes"`
	// Encoding is how the files are written; see charset.Lookup.
	Encoding string `mapstructure:"encoding"`
	// Timezone is for times that name none; empty is this host's.
	Timezone string `mapstructure:"timezone"`
	// Times bound the times that are read from the texts.
	Times when.Limits `mapstructure:"times"`
	// RotateWait is how long a file is read on after its name has gone, FlushLine how long a line waits for its end.
	RotateWait time.Duration `mapstructure:"rotate_wait"`
	FlushLine  time.Duration `mapstructure:"flush_line"`
	// Storage keeps the checkpoints.
	Storage component.ID `mapstructure:"storage"`
}

// Validate implements confmap.Validator.
func (c *Config) Validate() error {
	if len(c.Include) == 0 {
		return errors.New("include names no files")
	}
	if !slices.Contains(parse.Formats(), c.Format) {
		return fmt.Errorf("format %q is none of %v", c.Format, parse.Formats())
	}
	if c.MaxRecordsPerSecond < 0 {
		return errors.New("max_records_per_second is negative")
	}
	return nil
}

// Queued knows what an earlier run has queued. Safe for concurrent use.
type Queued interface {
	// Repeats says whether the record of a file that begins and ends there was queued before. It is asked once for each record, in their order.
	Repeats(ctx context.Context, id, path string, offset, end int64) bool
}

// NewFactory returns the receiver's factory. Its receivers count in stats, and leave out what is queued already; nil is nothing.
func NewFactory(stats *Stats, queued Queued) (receiver.Factory, error) {
	typ, err := component.NewType(Type)
	if err != nil {
		return nil, fmt.Errorf("receiver type: %w", err)
	}
	return receiver.NewFactory(typ,
		func() component.Config {
			return &Config{StartAt: "end", Multiline: true, Format: parse.Auto, Mask: true, RotateWait: DefaultRotateWait, FlushLine: DefaultFlushLine, Times: when.DefaultLimits()}
		},
		receiver.WithLogs(func(_ context.Context, set receiver.Settings, cfg component.Config, next consumer.Logs) (receiver.Logs, error) {
			f, err := newFiles(set, *cfg.(*Config), next, stats)
			if err != nil {
				return nil, err
			}
			f.queued = queued
			return f, nil
		}, component.StabilityLevelStable),
	), nil
}

// files is one receiver.
type files struct {
	cfg      Config
	set      receiver.Settings
	next     consumer.Logs
	follower *tail.Follower
	stop     context.CancelFunc
	done     chan error
	client   storage.Client
	parser   *parse.Parser
	masker   *mask.Masker // nil: off
	parts    *parts.Memory
	limit    *limiter
	counters *Counters
	queued   Queued // nil: nothing
}

func newFiles(set receiver.Settings, cfg Config, next consumer.Logs, stats *Stats) (*files, error) {
	zone, err := when.Zone(cfg.Timezone)
	if err != nil {
		return nil, err
	}
	f := &files{
		cfg: cfg, set: set, next: next, parser: parse.New(cfg.Format, zone, time.Now), limit: newLimiter(cfg.MaxRecordsPerSecond, time.Now()),
		counters: stats.Source(cfg.Include), parts: parts.NewMemory(), stop: func() {},
	}
	if cfg.Mask {
		f.masker = mask.New()
	}
	opts := tail.Options{
		Include: cfg.Include, Exclude: cfg.Exclude, FromEnd: cfg.StartAt == "end", Split: join.Lines, Poll: pollInterval, FlushRecord: flushRecord,
		FlushLine: cfg.FlushLine, RotateWait: cfg.RotateWait, Emit: f.emit, Logger: set.Logger,
		Batch: cfg.MaxRecordsPerSecond, // A limit would hold back what is more than a second's worth.
	}
	switch {
	case cfg.MultilineStart != "":
		opts.Split, err = join.At(cfg.MultilineStart)
	case cfg.Multiline:
		opts.Split = join.Records
	}
	if err != nil {
		return nil, err
	}
	if opts.Encoding, err = charset.Lookup(cfg.Encoding); err != nil {
		return nil, fmt.Errorf("encoding: %w", err)
	}
	if f.follower, err = tail.New(opts); err != nil {
		return nil, fmt.Errorf("follow files: %w", err)
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
	client, err := store.GetClient(ctx, component.KindReceiver, f.set.ID, "")
	if err != nil {
		return fmt.Errorf("open checkpoints: %w", err)
	}
	f.client, f.done = client, make(chan error, 1)
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	f.stop = cancel
	go func() {
		err := f.follower.Run(run, client)
		if err != nil {
			f.set.Logger.Error("log files are not followed", zap.Error(err))
		}
		f.done <- err
	}()
	return nil
}

// Shutdown implements component.Component. It waits for the records that are being handed over.
func (f *files) Shutdown(ctx context.Context) error {
	f.stop()
	if f.client == nil {
		return nil
	}
	if err := errors.Join(<-f.done, f.client.Close(ctx)); err != nil {
		return fmt.Errorf("stop following files: %w", err)
	}
	return nil
}
