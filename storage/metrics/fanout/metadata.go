// SPDX-License-Identifier: Apache-2.0

package fanout

import (
	"context"
	"net/http"
	"net/url"
	"slices"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/scrape"
)

// MetadataFor returns the metadata of all writers, read when it is asked for. Errors and what a partial answer lacks are told by
// WithNotes.
func (s *Storage) MetadataFor(ctx context.Context) scrape.MetricMetadataStore {
	return &metadata{storage: s, ctx: ctx}
}

// metadata implements scrape.MetricMetadataStore, whose methods know neither context nor error.
type metadata struct {
	storage *Storage
	ctx     context.Context // It belongs to one request.
}

type familyMetadata struct {
	Type model.MetricType `json:"type"`
	Help string           `json:"help"`
	Unit string           `json:"unit"`
}

func (m *metadata) read(family string) []scrape.MetricMetadata {
	form := url.Values{}
	if family != "" {
		form.Set("metric", family)
	}
	clients, err := m.storage.pool.snapshot(m.ctx)
	if err != nil {
		note(m.ctx, nil, err)
		return nil
	}
	limit := m.storage.pool.opts.Config.MaxBytes
	lists, warnings, err := ask(m.ctx, clients, m.storage.strict, func(ctx context.Context, c *client) (map[string][]familyMetadata, error) {
		var list map[string][]familyMetadata
		_, err := c.call(ctx, http.MethodGet, "/metadata", form, limit, &list)
		return list, err
	})
	note(m.ctx, warnings, err)
	var out []scrape.MetricMetadata
	seen := map[scrape.MetricMetadata]bool{}
	for _, list := range lists {
		for name, entries := range list {
			for _, e := range entries {
				md := scrape.MetricMetadata{MetricFamily: name, Type: e.Type, Help: e.Help, Unit: e.Unit}
				if !seen[md] {
					seen[md] = true
					out = append(out, md)
				}
			}
		}
	}
	return out
}

// ListMetadata implements scrape.MetricMetadataStore. A family has several entries where writers differ.
func (m *metadata) ListMetadata() []scrape.MetricMetadata { return m.read("") }

// GetMetadata implements scrape.MetricMetadataStore.
func (m *metadata) GetMetadata(family string) (scrape.MetricMetadata, bool) {
	all := m.read(family)
	i := slices.IndexFunc(all, func(md scrape.MetricMetadata) bool { return md.MetricFamily == family })
	if i < 0 {
		return scrape.MetricMetadata{}, false
	}
	return all[i], true
}

// SizeMetadata implements scrape.MetricMetadataStore. It is 0: nothing is held here.
func (*metadata) SizeMetadata() int { return 0 }

// LengthMetadata implements scrape.MetricMetadataStore. It is 0: nothing is held here.
func (*metadata) LengthMetadata() int { return 0 }
