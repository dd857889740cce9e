// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"context"
	"log/slog"

	"go.opentelemetry.io/collector/confmap"
)

const providerScheme = "strata"

// provider hands the generated configuration to the collector's loader. The collector asks again at SIGHUP; a file that has become
// wrong must not end a running agent, so it then gets the configuration it has.
type provider struct {
	logger *slog.Logger
	load   func() (map[string]any, error)
	last   map[string]any
}

func (p *provider) factory() confmap.ProviderFactory {
	return confmap.NewProviderFactory(func(confmap.ProviderSettings) confmap.Provider { return p })
}

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

func (*provider) Scheme() string { return providerScheme }

func (*provider) Shutdown(context.Context) error { return nil }
