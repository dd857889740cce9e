// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"context"
	"log/slog"
	"strings"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/service/telemetry"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// newTelemetryFactory makes the collector log to our logger and measure nothing about itself. Its info lines are for people who
// operate collectors; they become debug lines here.
func newTelemetryFactory(logger *slog.Logger) telemetry.Factory {
	return telemetry.NewFactory(
		func() component.Config { return &struct{}{} },
		telemetry.WithCreateLogger(func(context.Context, telemetry.LoggerSettings, component.Config) (*zap.Logger, component.ShutdownFunc, error) {
			return zap.New(slogCore{logger}), nil, nil
		}),
	)
}

// slogCore is a zapcore.Core that writes to slog.
type slogCore struct{ logger *slog.Logger }

func (c slogCore) Enabled(l zapcore.Level) bool {
	return c.logger.Enabled(context.Background(), slogLevel(l))
}

func (c slogCore) With(fields []zapcore.Field) zapcore.Core {
	return slogCore{c.logger.With(slogArgs(fields)...)}
}

func (c slogCore) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) {
		return ce.AddCore(e, c)
	}
	return ce
}

func (c slogCore) Write(e zapcore.Entry, fields []zapcore.Field) error {
	for _, f := range fields {
		if err, ok := f.Interface.(error); ok && f.Key == "error" && strings.HasPrefix(err.Error(), "interrupted due to shutdown") {
			return nil // Said to be dropped, but a request that a stop interrupts stays in the queue.
		}
	}
	c.logger.Log(context.Background(), slogLevel(e.Level), e.Message, slogArgs(fields)...) //nolint:sloglint // The message is the library's.
	return nil
}

func (slogCore) Sync() error { return nil }

func slogLevel(l zapcore.Level) slog.Level {
	switch {
	case l >= zapcore.ErrorLevel:
		return slog.LevelError
	case l == zapcore.WarnLevel:
		return slog.LevelWarn
	default:
		return slog.LevelDebug
	}
}

func slogArgs(fields []zapcore.Field) []any {
	enc := zapcore.NewMapObjectEncoder()
	args := make([]any, 0, len(fields))
	for _, f := range fields {
		if f.Key == "resource" {
			continue // The collector's own identity on each line says nothing here.
		}
		f.AddTo(enc)
		args = append(args, slog.Any(f.Key, enc.Fields[f.Key]))
	}
	return args
}
