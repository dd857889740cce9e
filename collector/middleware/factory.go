// SPDX-License-Identifier: Apache-2.0

package middleware

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"

	"github.com/strata-apm/strata/collector/status"
	"github.com/strata-apm/strata/packs"
)

// TypeName is the receiver's type.
const TypeName = "strata_middleware"

// Config is the receiver's configuration.
type Config struct {
	// Interval is how often every instance is read, DiscoverInterval how often new ones are looked for.
	Interval         time.Duration `mapstructure:"interval"`
	DiscoverInterval time.Duration `mapstructure:"discover_interval"`
	// ForgetAfter is how long an instance that is gone is reported as down.
	ForgetAfter     time.Duration `mapstructure:"forget_after"`
	CredentialsFile string        `mapstructure:"credentials_file"`
	// Disable names packs that are left alone.
	Disable []string `mapstructure:"disable"`
	// Static are instances that are not looked for, on this host or another.
	Static []Static `mapstructure:"static"`
	// HostName is the first part of service.instance.id.
	HostName string `mapstructure:"host_name"`
	// ProcRoot is where the host's /proc is.
	ProcRoot string `mapstructure:"proc_root"`
}

// Static is one instance that is named in the configuration.
type Static struct {
	Kind    string `mapstructure:"kind" yaml:"kind"`
	Address string `mapstructure:"address" yaml:"address"`
}

// Validate implements confmap.Validator.
func (c *Config) Validate() error {
	var errs []error
	for name, d := range map[string]time.Duration{"interval": c.Interval, "discover_interval": c.DiscoverInterval} {
		if d < time.Second {
			errs = append(errs, fmt.Errorf("%s: %s is below 1s", name, d))
		}
	}
	if c.ForgetAfter < time.Minute {
		errs = append(errs, fmt.Errorf("forget_after: %s is below 1m", c.ForgetAfter))
	}
	names, err := packs.Names()
	errs = append(errs, err)
	known := func(key, kind string) {
		if !slices.Contains(names, kind) {
			errs = append(errs, fmt.Errorf("%s: %q is none of %s", key, kind, strings.Join(names, ", ")))
		}
	}
	for _, kind := range c.Disable {
		known("disable", kind)
	}
	for i, s := range c.Static {
		known(fmt.Sprintf("static[%d].kind", i), s.Kind)
		if _, _, err := net.SplitHostPort(s.Address); err != nil {
			errs = append(errs, fmt.Errorf("static[%d].address: %w", i, err))
		}
	}
	return errors.Join(errs...)
}

// Options are given by the agent.
type Options struct {
	Board  *status.Board
	Logger *slog.Logger
	// Memory outlives a reload of the configuration.
	Memory *Memory
	// AccessRetry is how long a refusal is taken for one, because each attempt is a line in the log of the middleware; 0 means 1 min.
	// A credentials file that changes is tried at once.
	AccessRetry time.Duration
}

// NewFactory returns the receiver's factory.
func NewFactory(opts Options) (receiver.Factory, error) {
	typ, err := component.NewType(TypeName)
	if err != nil {
		return nil, fmt.Errorf("middleware receiver: %w", err)
	}
	return receiver.NewFactory(
		typ,
		func() component.Config {
			return &Config{Interval: 10 * time.Second, DiscoverInterval: 10 * time.Second, ForgetAfter: time.Hour}
		},
		receiver.WithMetrics(func(_ context.Context, _ receiver.Settings, cfg component.Config, next consumer.Metrics) (receiver.Metrics, error) {
			return newMiddleware(*cfg.(*Config), opts, next)
		}, component.StabilityLevelStable),
	), nil
}
