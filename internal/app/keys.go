// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/strata-apm/strata/internal/config"
	"github.com/strata-apm/strata/storage/catalog"
)

const catalogName = "catalog.db"

// OpenCatalog opens the configured catalog for a command, also while servers run on it.
func OpenCatalog(ctx context.Context, cfg config.Config) (*catalog.Catalog, error) {
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("create data directory: %w", err)
	}
	c, err := catalog.OpenConfig(ctx, cfg.Catalog, catalog.Options{Path: filepath.Join(cfg.DataDir, catalogName)})
	if err != nil {
		return nil, fmt.Errorf("open catalog: %w", err)
	}
	return c, nil
}
