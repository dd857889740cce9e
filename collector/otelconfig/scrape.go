// SPDX-License-Identifier: Apache-2.0

package otelconfig

import (
	"github.com/strata-apm/strata/collector/enrich"
	"github.com/strata-apm/strata/collector/scrape"
)

const (
	idScrape       = scrape.TypeName
	idEnrichScrape = enrich.TypeName + "/scrape"
)

// addScrape makes the pipeline of the Prometheus targets, where there are any.
func (g *generator) addScrape() error {
	if len(g.cfg.Scrape) == 0 {
		return nil
	}
	text, err := scrape.Render(g.cfg.Scrape)
	if err != nil {
		return err // Says what it is.
	}
	g.receivers[idScrape] = object{"configs": text}
	g.processors[idEnrichScrape] = object{"attributes": stringsObject(g.env.Host.Attributes(g.cfg.Attributes))}
	g.pipeline("metrics/scrape", list{idScrape}, idEnrichScrape)
	return nil
}
