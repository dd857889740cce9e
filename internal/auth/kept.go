// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/strata-apm/strata/atomicfile"
	"github.com/strata-apm/strata/storage"
)

// KeyStore is what of the catalog KeptKey needs.
type KeyStore interface {
	storage.KeyReader
	storage.KeyWriter
}

// KeptKey returns the secret that the file at path holds. When there is none, or the store no longer takes it, a key is made as r says and kept there.
func KeptKey(ctx context.Context, store KeyStore, path string, r KeyRequest) (string, error) {
	if b, err := os.ReadFile(path); err == nil { //nolint:gosec // The operator names the directory.
		secret := strings.TrimSpace(string(b))
		if valid, err := Valid(ctx, store, secret); valid || err != nil {
			return secret, err
		}
	}
	_, secret, err := CreateKey(ctx, store, r)
	if err != nil {
		return "", fmt.Errorf("create the key of this process: %w", err)
	}
	if err := atomicfile.Write(path, []byte(secret+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("keep the key of this process: %w", err)
	}
	return secret, nil
}
