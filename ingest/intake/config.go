// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"errors"
	"fmt"

	"github.com/strata-apm/strata/ingest/check"
)

// Config bounds what the intake takes, by whatever protocol it comes.
type Config struct {
	// MaxBodyBytes bounds one request after decompression.
	MaxBodyBytes int64 `yaml:"max_body_bytes"`
	// InFlightBytes bounds all requests being worked on together; 0 is a quarter of the process's memory, at most 256 MiB.
	InFlightBytes int64 `yaml:"in_flight_bytes"`
	// Limits are those of one record.
	Limits check.Limits `yaml:"limits"`
}

// DefaultConfig is 64 MiB a request, as OTLP recommends, and the default limits of a record.
func DefaultConfig() Config { return Config{MaxBodyBytes: 64 << 20, Limits: check.DefaultLimits()} }

// Validate says what makes no sense.
func (c Config) Validate() error {
	var errs []error
	if n := c.InFlightBytes; c.MaxBodyBytes < 1<<10 || n != 0 && n < c.MaxBodyBytes {
		errs = append(errs, errors.New("intake: max_body_bytes must be at least 1024, in_flight_bytes at least max_body_bytes, or 0"))
	}
	if err := c.Limits.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("intake.%w", err))
	}
	return errors.Join(errs...)
}
