// SPDX-License-Identifier: Apache-2.0

package fanout

import (
	"errors"
	"time"
)

// Config are the settings a user may change; zero values are not usable, take DefaultConfig.
type Config struct {
	// ConnectTimeout bounds the connect to a writer, and its answer to the question whether it is alive.
	ConnectTimeout time.Duration `yaml:"connect_timeout"`
	// ProbeAfter is how long a writer may be silent before it is asked whether it is alive. A writer that is may take as long as the
	// query has; one that is not is left out.
	ProbeAfter time.Duration `yaml:"probe_after"`
	// Cooldown is how long a writer that was found dead is left out before it is tried again.
	Cooldown time.Duration `yaml:"cooldown"`
	// MaxConcurrent requests are sent to one writer at once; more wait here.
	MaxConcurrent int `yaml:"max_concurrent"`
	// MaxBytes bounds the chunks that one query may hold in memory.
	MaxBytes int64 `yaml:"max_bytes"`
}

// DefaultConfig finds a stopped writer within four seconds and holds at most 1 GiB a query: some 700 million samples of a steady
// gauge, 100 million of random ones.
func DefaultConfig() Config {
	return Config{
		ConnectTimeout: 2 * time.Second, ProbeAfter: 2 * time.Second, Cooldown: 5 * time.Second, MaxConcurrent: 16, MaxBytes: 1 << 30,
	}
}

// Validate says which setting makes no sense.
func (c Config) Validate() error {
	if c.ConnectTimeout <= 0 || c.ProbeAfter <= 0 || c.Cooldown < 0 || c.MaxConcurrent <= 0 || c.MaxBytes <= 0 {
		return errors.New("fanout: connect_timeout, probe_after, max_concurrent and max_bytes must be positive")
	}
	return nil
}
