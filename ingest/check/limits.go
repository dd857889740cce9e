// SPDX-License-Identifier: Apache-2.0

package check

import (
	"errors"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/strata-apm/strata/signal"
)

// MaxSeverity is FATAL4, the highest severity number (opentelemetry-proto, SeverityNumber).
const MaxSeverity = 24

// MaxDepth is how many levels of lists and maps an attribute or a log body may have; deeper values are left out.
const MaxDepth = 32

// Limits bound one record. The zero value is not usable; take DefaultLimits.
type Limits struct {
	// Attributes a record, resource or scope may have. Spans and log records keep the first ones and count the rest as dropped;
	// data points over it are refused, because a series without some of its labels is another series.
	Attributes int `yaml:"attributes"`
	// AttributeBytes is the longest string value; longer ones are cut on a character boundary, in data points refused.
	AttributeBytes int `yaml:"attribute_bytes"`
	// LogBodyBytes is the longest log body; longer ones are cut.
	LogBodyBytes int `yaml:"log_body_bytes"`
	// KeepColours leaves the control sequences of terminals in log bodies and texts of levels.
	KeepColours bool `yaml:"keep_colours"`
	// TracesPast, LogsPast and MetricsPast say how old a record may be when it arrives.
	TracesPast  time.Duration `yaml:"traces_past"`
	LogsPast    time.Duration `yaml:"logs_past"`
	MetricsPast time.Duration `yaml:"metrics_past"`
	// Future says how far ahead of this machine's clock a record may be.
	Future time.Duration `yaml:"future"`
}

// DefaultLimits are the SDK's 128 attributes, values of 4 KiB, and Prometheus's ten minutes ahead.
func DefaultLimits() Limits {
	return Limits{
		Attributes: 128, AttributeBytes: 4 << 10, LogBodyBytes: 256 << 10,
		TracesPast: 15 * 24 * time.Hour, LogsPast: 15 * 24 * time.Hour, MetricsPast: 2 * time.Hour, Future: 10 * time.Minute,
	}
}

// Validate says which limit makes no sense.
func (l Limits) Validate() error {
	if l.Attributes < 1 || l.AttributeBytes < 16 || l.LogBodyBytes < 16 {
		return errors.New("limits: attributes must be at least 1, attribute_bytes and log_body_bytes at least 16")
	}
	if l.TracesPast <= 0 || l.LogsPast <= 0 || l.MetricsPast <= 0 || l.Future <= 0 {
		return errors.New("limits: traces_past, logs_past, metrics_past and future must be positive")
	}
	return nil
}

// Window is the span of times that a record may have, both ends included.
type Window struct{ From, To pcommon.Timestamp }

// Window is that of a signal's records which arrive at now.
func (l Limits) Window(s signal.Signal, now time.Time) Window {
	var past time.Duration
	switch s {
	case signal.Metrics:
		past = l.MetricsPast
	case signal.Traces:
		past = l.TracesPast
	case signal.Logs:
		past = l.LogsPast
	}
	return Window{pcommon.NewTimestampFromTime(now.Add(-past)), pcommon.NewTimestampFromTime(now.Add(l.Future))}
}

// Reason says why a record of time t is refused, "" when it is not.
func (w Window) Reason(t pcommon.Timestamp) string {
	switch {
	case t < w.From:
		return ReasonTooOld
	case t > w.To:
		return ReasonTooNew
	default:
		return ""
	}
}
