// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage/clickhouse/engine"
)

// npmPackage makes a package like npm's and its integrity.
func npmPackage(t *testing.T, library []byte) ([]byte, string) {
	t.Helper()
	var buf bytes.Buffer
	gz := gzip.NewWriter(&buf)
	tw := tar.NewWriter(gz)
	for _, f := range []struct {
		name string
		data []byte
	}{{"package/index.js", []byte("x")}, {"package/" + engine.LibraryName, library}} {
		require.NoError(t, tw.WriteHeader(&tar.Header{Name: f.name, Mode: 0o644, Size: int64(len(f.data))}))
		_, err := tw.Write(f.data)
		require.NoError(t, err)
	}
	require.NoError(t, tw.Close())
	require.NoError(t, gz.Close())
	sum := sha512.Sum512(buf.Bytes())
	return buf.Bytes(), "sha512-" + base64.StdEncoding.EncodeToString(sum[:])
}

func serveFile(t *testing.T, data []byte) (url string, requests *[]string) {
	t.Helper()
	var mu sync.Mutex
	requests = new([]string)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		*requests = append(*requests, r.Header.Get("Range"))
		mu.Unlock()
		http.ServeContent(w, r, "p.tgz", time.Time{}, bytes.NewReader(data))
	}))
	t.Cleanup(srv.Close)
	return srv.URL + "/p.tgz", requests
}

func TestRunDownloadsVerifiesAndExtracts(t *testing.T) {
	library := bytes.Repeat([]byte("library "), 100_000)
	data, integrity := npmPackage(t, library)
	url, requests := serveFile(t, data)
	dir := filepath.Join(t.TempDir(), "to")
	var out bytes.Buffer
	opts := Options{To: dir, Integrity: integrity, Progress: &out, npm: func(_ context.Context, args ...string) (string, error) {
		require.Equal(t, "view", args[0])
		require.True(t, strings.HasSuffix(args[1], "@"+engine.Version), args[1])
		return url, nil
	}}
	res, err := Run(t.Context(), opts)
	require.NoError(t, err)
	require.True(t, res.Downloaded)
	got, err := os.ReadFile(res.Path)
	require.NoError(t, err)
	require.Equal(t, library, got)
	require.Contains(t, out.String(), "100%")

	again, err := Run(t.Context(), opts)
	require.NoError(t, err)
	require.False(t, again.Downloaded)
	require.Len(t, *requests, 1)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		require.Contains(t, []string{engine.LibraryName, ".fetch.lock"}, e.Name(), "nothing else stays behind")
	}
}

func TestRunContinuesAnInterruptedDownload(t *testing.T) {
	data, integrity := npmPackage(t, []byte("the library"))
	url, requests := serveFile(t, data)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".engine-"+engine.Version+".tgz.part"), data[:40], 0o600))
	res, err := Run(t.Context(), Options{To: dir, URL: url, Integrity: integrity})
	require.NoError(t, err)
	require.True(t, res.Downloaded)
	require.Equal(t, []string{"bytes=40-"}, *requests)
}

func TestRunRefusesAWrongPackage(t *testing.T) {
	data, integrity := npmPackage(t, []byte("the library"))
	other, _ := npmPackage(t, []byte("another one"))
	url, _ := serveFile(t, other)
	dir := t.TempDir()
	_, err := Run(t.Context(), Options{To: dir, URL: url, Integrity: integrity})
	require.ErrorIs(t, err, errIntegrity)
	require.NoFileExists(t, filepath.Join(dir, engine.LibraryName))

	// The wrong bytes are gone, so the next try with the right package works.
	file := filepath.Join(t.TempDir(), "p.tgz")
	require.NoError(t, os.WriteFile(file, data, 0o600))
	for _, address := range []string{file, "file://" + file} {
		res, err := Run(t.Context(), Options{To: dir, URL: address, Integrity: integrity, Force: true})
		require.NoError(t, err)
		require.True(t, res.Downloaded)
	}
}

func TestRunNamesWhatIsMissing(t *testing.T) {
	_, err := Run(t.Context(), Options{To: t.TempDir(), npm: func(context.Context, ...string) (string, error) {
		return "", errors.New("npm is not installed")
	}})
	require.ErrorContains(t, err, "npm is not installed")
	t.Setenv("PATH", t.TempDir())
	_, err = runNPM(t.Context(), "view")
	require.ErrorContains(t, err, "--url")
}

func TestTwoFetchesAtOnce(t *testing.T) {
	data, integrity := npmPackage(t, bytes.Repeat([]byte("x"), 1<<20))
	url, _ := serveFile(t, data)
	dir := t.TempDir()
	var wg sync.WaitGroup
	downloads := make([]bool, 4)
	errs := make([]error, 4)
	for i := range downloads {
		wg.Go(func() {
			res, err := Run(t.Context(), Options{To: dir, URL: url, Integrity: integrity})
			downloads[i], errs[i] = res.Downloaded, err
		})
	}
	wg.Wait()
	n := 0
	for i := range downloads {
		require.NoError(t, errs[i])
		if downloads[i] {
			n++
		}
	}
	require.Equal(t, 1, n)
}

func TestRunStopsWithTheContext(t *testing.T) {
	release := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000000")
		_, _ = w.Write(make([]byte, 1000))
		_ = http.NewResponseController(w).Flush()
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	defer srv.Close()
	defer close(release)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	dir := t.TempDir()
	_, err := Run(ctx, Options{To: dir, URL: srv.URL})
	require.ErrorContains(t, err, "run the command again to continue")
	info, err := os.Stat(filepath.Join(dir, ".engine-"+engine.Version+".tgz.part"))
	require.NoError(t, err)
	require.EqualValues(t, 1000, info.Size())
}
