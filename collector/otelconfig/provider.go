// SPDX-License-Identifier: Apache-2.0

package otelconfig

import (
	"context"
	"log/slog"

	"go.opentelemetry.io/collector/confmap"
)

// ProviderScheme begins the URI under which the collector asks for its configuration.
const ProviderScheme = "strata"

// provider hands the generated configuration to the collector's loader. The collector asks again at SIGHUP; a file that has become
// wrong must not end a running agent, so it then gets the configuration it has.
type provider struct {
	logger *slog.Logger
	load   func() (map[string]any, error)
	// last is what load returned when it last succeeded; nil before the first time.
	last map[string]any
}

// NewProviderFactory returns a factory of the provider that hands on what load returns. load is asked at the start and at each SIGHUP.
func NewProviderFactory(logger *slog.Logger, load func() (map[string]any, error)) confmap.ProviderFactory {
	p := &provider{logger: logger, load: load}
	return confmap.NewProviderFactory(func(confmap.ProviderSettings) confmap.Provider { return p })
}

// Retrieve implements confmap.Provider.
func (p *provider) Retrieve(context.Context, string, confmap.WatcherFunc) (*confmap.Retrieved, error) {
	conf, err := p.load()
	switch {
	case err == nil:
		p.last = conf
	case p.last == nil:
		return nil, err
	default:
		p.logger.Error("configuration not reloaded", "error", err)
	}
	return confmap.NewRetrieved(escape(p.last))
}

// Scheme implements confmap.Provider.
func (*provider) Scheme() string { return ProviderScheme }

// Shutdown implements confmap.Provider.
func (*provider) Shutdown(context.Context) error { return nil }
