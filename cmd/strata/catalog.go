// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"

	"github.com/strata-apm/strata/internal/app"
	"github.com/strata-apm/strata/internal/config"
	"github.com/strata-apm/strata/storage"
)

// commandCatalog is what commands do in the catalog.
type commandCatalog interface {
	storage.KeyReader
	storage.KeyWriter
	storage.InstanceStore
}

// withCatalog opens the configured catalog, which servers may use at the same time, and closes it after use.
func (f serverFlags) withCatalog(ctx context.Context, use func(cat commandCatalog) error) error {
	cfg, err := f.load()
	if err != nil {
		return err
	}
	return f.use(ctx, cfg, use)
}

// withExistingCatalog is withCatalog for commands that make nothing: a directory without a catalog is a mistake in its name.
func (f serverFlags) withExistingCatalog(ctx context.Context, use func(cat commandCatalog) error) error {
	cfg, err := f.load()
	if err != nil {
		return err
	}
	if err := app.CatalogExists(cfg); err != nil {
		return err
	}
	return f.use(ctx, cfg, use)
}

func (serverFlags) use(ctx context.Context, cfg config.Config, use func(cat commandCatalog) error) error {
	cat, err := app.OpenCatalog(ctx, cfg)
	if err != nil {
		return err // It says what failed.
	}
	return errors.Join(use(cat), cat.Close())
}
