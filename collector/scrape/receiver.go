// SPDX-License-Identifier: Apache-2.0

package scrape

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery"
	_ "github.com/prometheus/prometheus/discovery/consul"    // Registers consul_sd_configs.
	_ "github.com/prometheus/prometheus/discovery/dns"       // Registers dns_sd_configs.
	_ "github.com/prometheus/prometheus/discovery/file"      // Registers file_sd_configs.
	_ "github.com/prometheus/prometheus/discovery/zookeeper" // Registers serverset_sd_configs and nerve_sd_configs.
	promscrape "github.com/prometheus/prometheus/scrape"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"
	"go.yaml.in/yaml/v3"
)

// TypeName is the receiver's type.
const TypeName = "strata_scrape"

// Config is the receiver's configuration.
type Config struct {
	// Configs is a list of Prometheus scrape_configs as YAML.
	Configs string `mapstructure:"configs"`
}

// Validate implements confmap.Validator.
func (c *Config) Validate() error {
	_, err := Parse(c.Configs)
	return err
}

// Render writes a list of scrape configurations as the text that Config holds.
func Render(list []any) (string, error) {
	text, err := yaml.Marshal(list)
	if err != nil {
		return "", fmt.Errorf("render scrape: %w", err)
	}
	return string(text), nil
}

// Parse reads a list of scrape_configs by Prometheus's own rules and defaults.
func Parse(list string) (*config.Config, error) {
	var configs []any
	if err := yaml.Unmarshal([]byte(list), &configs); err != nil {
		return nil, fmt.Errorf("scrape: %w", err)
	}
	text, err := yaml.Marshal(map[string]any{"scrape_configs": configs})
	if err != nil {
		return nil, fmt.Errorf("scrape: %w", err)
	}
	cfg, err := config.Load(string(text), slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, fmt.Errorf("scrape: %w", err)
	}
	return cfg, nil
}

// NewFactory returns the receiver's factory.
func NewFactory(logger *slog.Logger) (receiver.Factory, error) {
	typ, err := component.NewType(TypeName)
	if err != nil {
		return nil, fmt.Errorf("scrape receiver: %w", err)
	}
	return receiver.NewFactory(
		typ,
		func() component.Config { return &Config{} },
		receiver.WithMetrics(func(_ context.Context, _ receiver.Settings, cfg component.Config, next consumer.Metrics) (receiver.Metrics, error) {
			return &scraper{cfg: *cfg.(*Config), logger: logger, next: next}, nil
		}, component.StabilityLevelStable),
	), nil
}

// scraper is the receiver.
type scraper struct {
	cfg     Config
	logger  *slog.Logger
	next    consumer.Metrics
	manager *promscrape.Manager
	cancel  context.CancelFunc
	done    sync.WaitGroup
}

// Start implements component.Component.
func (s *scraper) Start(context.Context, component.Host) error {
	cfg, err := Parse(s.cfg.Configs)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background()) // The one given is for starting only.
	s.cancel = cancel
	reg := prometheus.NewRegistry()
	sd, err := discovery.CreateAndRegisterSDMetrics(reg)
	if err != nil {
		return fmt.Errorf("scrape: discovery: %w", err)
	}
	finder := discovery.NewManager(ctx, s.logger, reg, sd, discovery.Name("scrape")) //nolint:contextcheck // It outlives the start.
	if s.manager, err = promscrape.NewManager(&promscrape.Options{}, s.logger, nil, nil, &appendable{next: s.next}, reg); err != nil {
		return fmt.Errorf("scrape: %w", err)
	}
	targets := make(map[string]discovery.Configs, len(cfg.ScrapeConfigs))
	for _, c := range cfg.ScrapeConfigs {
		targets[c.JobName] = c.ServiceDiscoveryConfigs
	}
	if err := errors.Join(s.manager.ApplyConfig(cfg), finder.ApplyConfig(targets)); err != nil {
		return fmt.Errorf("scrape: %w", err)
	}
	s.done.Go(func() { _ = finder.Run() })                   // It returns when ctx ends.
	s.done.Go(func() { _ = s.manager.Run(finder.SyncCh()) }) // It returns when it is stopped.
	return nil
}

// Shutdown implements component.Component.
func (s *scraper) Shutdown(context.Context) error {
	if s.manager != nil {
		s.manager.Stop()
	}
	if s.cancel != nil {
		s.cancel()
	}
	s.done.Wait()
	return nil
}
