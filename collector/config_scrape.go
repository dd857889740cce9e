// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"strings"

	"github.com/strata-apm/strata/collector/scrape"
)

const (
	idScrape       = scrape.TypeName
	idEnrichScrape = "strata_enrich/scrape"
)

func (g *generator) addScrape() error {
	if len(g.cfg.Scrape) == 0 {
		return nil
	}
	text, err := scrape.Render(g.cfg.Scrape)
	if err != nil {
		return err //nolint:wrapcheck // Says what it is.
	}
	g.receivers[idScrape] = object{"configs": text}
	g.processors[idEnrichScrape] = object{"attributes": stringsObject(g.env.Host.attributes(g.cfg.Attributes))}
	g.pipeline("metrics/scrape", list{idScrape}, idEnrichScrape)
	return nil
}

func validateScrape(configs []any) error {
	text, err := scrape.Render(configs)
	if err == nil && len(configs) > 0 {
		_, err = scrape.Parse(text)
	}
	return err //nolint:wrapcheck // Says what it is.
}

// hideSecrets returns a copy of decoded YAML in which what signs in is not shown.
func hideSecrets(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, inner := range v {
			switch name := strings.ToLower(k); {
			case name == "password" || name == "credentials" || name == "bearer_token" || name == "token" || strings.HasSuffix(name, "_secret") || strings.HasSuffix(name, "_key"):
				out[k] = "<hidden>"
			case name == "http_headers":
				out[k] = "<hidden>"
			default:
				out[k] = hideSecrets(inner)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, inner := range v {
			out[i] = hideSecrets(inner)
		}
		return out
	default:
		return v
	}
}
