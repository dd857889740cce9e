// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"sync"

	"github.com/prometheus/prometheus/model/metadata"
	"github.com/prometheus/prometheus/scrape"
)

// maxMetadata bounds the metric families whose metadata is held; more than that is not metadata but a mistake in a name.
const maxMetadata = 50_000

// Metadata keeps the type, unit and help of each metric family as last seen. It is filled by what arrives, so after a restart it
// grows back within one export interval. It implements scrape.MetricMetadataStore. Safe for concurrent use.
type Metadata struct {
	mu       sync.RWMutex
	families map[string]metadata.Metadata
	bytes    int
}

// NewMetadata returns an empty store.
func NewMetadata() *Metadata { return &Metadata{families: map[string]metadata.Metadata{}} }

// Set notes the metadata of a family.
func (m *Metadata) Set(family string, md metadata.Metadata) {
	m.mu.RLock()
	old, known := m.families[family]
	full := len(m.families) >= maxMetadata
	m.mu.RUnlock()
	if known && old.Equals(md) || !known && full {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.bytes += len(md.Help) + len(md.Unit) - len(old.Help) - len(old.Unit)
	if !known {
		m.bytes += len(family)
	}
	m.families[family] = md
}

// ListMetadata implements scrape.MetricMetadataStore.
func (m *Metadata) ListMetadata() []scrape.MetricMetadata {
	m.mu.RLock()
	defer m.mu.RUnlock()
	out := make([]scrape.MetricMetadata, 0, len(m.families))
	for f, md := range m.families {
		out = append(out, toScrape(f, md))
	}
	return out
}

// GetMetadata implements scrape.MetricMetadataStore.
func (m *Metadata) GetMetadata(family string) (scrape.MetricMetadata, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	md, ok := m.families[family]
	return toScrape(family, md), ok
}

// SizeMetadata implements scrape.MetricMetadataStore: bytes of names, units and help.
func (m *Metadata) SizeMetadata() int {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.bytes
}

// LengthMetadata implements scrape.MetricMetadataStore.
func (m *Metadata) LengthMetadata() int {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return len(m.families)
}

func toScrape(family string, md metadata.Metadata) scrape.MetricMetadata {
	return scrape.MetricMetadata{MetricFamily: family, Type: md.Type, Help: md.Help, Unit: md.Unit}
}
