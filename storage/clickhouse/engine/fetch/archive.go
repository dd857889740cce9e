// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"github.com/strata-apm/strata/atomicfile"
	"github.com/strata-apm/strata/storage/clickhouse/engine"
)

// errIntegrity says that the package is not the one that was pinned.
var errIntegrity = errors.New("the engine package does not have the pinned sha512")

// verify compares the sha512 of the file with integrity ("sha512-<base64>").
func verify(ctx context.Context, file, integrity string) error {
	want, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(integrity, "sha512-"))
	if err != nil || len(want) != sha512.Size || !strings.HasPrefix(integrity, "sha512-") {
		return fmt.Errorf("integrity %q is not of the form sha512-<base64>", integrity)
	}
	f, err := os.Open(file) //nolint:gosec // the user names the file
	if err != nil {
		return fmt.Errorf("read the engine package: %w", err)
	}
	defer f.Close()
	h := sha512.New()
	if _, err := io.Copy(h, &ctxReader{ctx: ctx, r: f}); err != nil {
		return fmt.Errorf("read the engine package: %w", err)
	}
	if subtle.ConstantTimeCompare(h.Sum(nil), want) != 1 {
		return fmt.Errorf("%w: %s has sha512-%s, wanted %s", errIntegrity, file, base64.StdEncoding.EncodeToString(h.Sum(nil)), integrity)
	}
	return nil
}

// extract writes the library from the package to target: into a temporary file that is fsynced and renamed, so that target is
// either absent or whole.
func extract(ctx context.Context, archive, target string) error {
	f, err := os.Open(archive) //nolint:gosec // the user names the file
	if err != nil {
		return fmt.Errorf("read the engine package: %w", err)
	}
	defer f.Close()
	gz, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("read the engine package %s: %w", archive, err)
	}
	tr := tar.NewReader(&ctxReader{ctx: ctx, r: gz})
	for {
		header, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("the engine package %s holds no %s", archive, engine.LibraryName)
		}
		if err != nil {
			return fmt.Errorf("read the engine package %s: %w", archive, err)
		}
		if header.Typeflag == tar.TypeReg && path.Base(header.Name) == engine.LibraryName {
			return atomicfile.Copy(target, tr, 0o755)
		}
	}
}

// ctxReader stops a long copy when the context ends.
type ctxReader struct {
	ctx context.Context // lives for one copy
	r   io.Reader
}

func (c *ctxReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
