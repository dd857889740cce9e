// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/strata-apm/strata/internal/config"
	"github.com/strata-apm/strata/storage/catalog"
)

// OpenCatalog opens the configured catalog for a command, also while servers run on it.
func OpenCatalog(ctx context.Context, cfg config.Config) (*catalog.Catalog, error) {
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("create data directory: %w", err)
	}
	return openCatalog(ctx, cfg, nil)
}

// CatalogExists says why a command that only reads cannot: there is no catalog in the data directory, where no other is configured.
func CatalogExists(cfg config.Config) error {
	if cfg.Catalog.Remote() {
		return nil
	}
	path := filepath.Join(cfg.DataDir, "catalog.db")
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("there is no catalog of a server in %s (--data-dir, or data_dir in the file of --config): %w", cfg.DataDir, err)
	}
	return nil
}

// openCatalog opens the configured catalog; logger may be nil.
func openCatalog(ctx context.Context, cfg config.Config, logger *slog.Logger) (*catalog.Catalog, error) {
	c, err := catalog.OpenConfig(ctx, cfg.Catalog, catalog.Options{Path: filepath.Join(cfg.DataDir, "catalog.db"), Logger: logger})
	if err != nil {
		return nil, fmt.Errorf("open catalog: %w", err)
	}
	return c, nil
}

func (a *App) openCatalog(ctx context.Context) error {
	c, err := openCatalog(ctx, a.cfg, a.logger.With("part", "catalog"))
	if err != nil {
		return err
	}
	a.stores.catalog = c
	a.stack.push("catalog", c.Close)
	if !a.cfg.Catalog.Remote() {
		return nil
	}
	return a.joinCluster(ctx)
}
