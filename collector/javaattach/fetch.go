// SPDX-License-Identifier: Apache-2.0

package javaattach

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/strata-apm/strata/atomicfile"
)

const (
	jarPrefix = "opentelemetry-javaagent"
	jarName   = jarPrefix + ".jar"
	jarPath   = "/agent/java/" + jarName
	// maxJarBytes is more than twice the jar's size.
	maxJarBytes  = 64 << 20
	fetchTimeout = 5 * time.Minute
)

// Fetch puts the Java agent of the server at URL server into dir, readable for everybody, and returns its path. A jar that is there and
// is the server's is not fetched again; one that is not takes the place of the old only when its checksum is right.
func Fetch(ctx context.Context, server, dir string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	server = strings.TrimRight(server, "/")
	sum, err := get(ctx, server+jarPath+".sha256", 1<<10)
	if err != nil {
		return "", err
	}
	want, _, _ := strings.Cut(strings.TrimSpace(string(sum)), " ")
	path := filepath.Join(dir, jarName)
	if have, err := os.ReadFile(path); err == nil && checksum(have) == want { //nolint:gosec // The caller's folder.
		return path, nil
	}
	jar, err := get(ctx, server+jarPath, maxJarBytes)
	if err != nil {
		return "", err
	}
	if got := checksum(jar); got != want {
		return "", fmt.Errorf("fetch %s: checksum %s instead of %s", server+jarPath, got, want)
	}
	if err := replace(path, jar); err != nil {
		return "", fmt.Errorf("keep the Java agent: %w", err)
	}
	return path, nil
}

func checksum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func get(ctx context.Context, url string, limit int64) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("fetch %s: %w", url, err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("fetch %s: %w", url, err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("fetch %s: %w", url, err)
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("fetch %s: %s: %.300s", url, resp.Status, b)
	case int64(len(b)) > limit:
		return nil, fmt.Errorf("fetch %s: more than %d bytes", url, limit)
	}
	return b, nil
}

// replace puts the file in place at once.
func replace(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // Every Java program reads it.
		return err
	}
	return atomicfile.Write(path, content, 0o644)
}
