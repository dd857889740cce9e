// SPDX-License-Identifier: Apache-2.0

// Package dashboards has the dashboards that come with the product: of a host, of a service, and of each kind of middleware.
package dashboards

import (
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/strata-apm/strata/dashboard"
	"github.com/strata-apm/strata/packs"
	"github.com/strata-apm/strata/storage"
)

//go:embed host.json service.json
var files embed.FS

// BuiltIn returns every dashboard that comes with the product, in order of name. That of a kind of middleware has the name of its pack.
func BuiltIn() ([]dashboard.Dashboard, error) {
	names, err := fs.Glob(files, "*.json")
	if err != nil {
		return nil, fmt.Errorf("list dashboards: %w", err)
	}
	all, err := packs.All()
	if err != nil {
		return nil, fmt.Errorf("list dashboards: %w", err)
	}
	out := make([]dashboard.Dashboard, 0, len(names)+len(all))
	for _, name := range names {
		text, err := files.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("dashboard %s: %w", name, err)
		}
		d, err := dashboard.Parse(text)
		if err != nil {
			return nil, err // It names the dashboard.
		}
		out = append(out, d)
	}
	for _, p := range all {
		out = append(out, p.Dashboard)
	}
	slices.SortFunc(out, func(a, b dashboard.Dashboard) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// Get returns one of them. The error wraps storage.ErrNotFound when there is none of this name.
func Get(name string) (dashboard.Dashboard, error) {
	all, err := BuiltIn()
	if err != nil {
		return dashboard.Dashboard{}, err
	}
	for _, d := range all {
		if d.Name == name {
			return d, nil
		}
	}
	return dashboard.Dashboard{}, fmt.Errorf("dashboard %q: %w", name, storage.ErrNotFound)
}
