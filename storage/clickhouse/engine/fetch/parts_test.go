// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage/clickhouse/engine"
)

// packed is a package with entries of these names and types, each holding its name.
func packed(t *testing.T, entries ...tar.Header) []byte {
	t.Helper()
	var buf bytes.Buffer
	gz := gzip.NewWriter(&buf)
	tw := tar.NewWriter(gz)
	for _, h := range entries {
		h.Mode = 0o644
		if h.Typeflag == tar.TypeReg {
			h.Size = int64(len(h.Name))
		}
		require.NoError(t, tw.WriteHeader(&h))
		if h.Typeflag == tar.TypeReg {
			_, err := io.WriteString(tw, h.Name)
			require.NoError(t, err)
		}
	}
	require.NoError(t, tw.Close())
	require.NoError(t, gz.Close())
	return buf.Bytes()
}

func TestExtract(t *testing.T) {
	library := engine.LibraryName
	whole := packed(t, tar.Header{Name: "package/" + library, Typeflag: tar.TypeReg})
	for name, c := range map[string]struct {
		data []byte
		want string // what the library holds
		err  string
	}{
		"in a folder":     {whole, "package/" + library, ""},
		"at the top":      {packed(t, tar.Header{Name: library, Typeflag: tar.TypeReg}), library, ""},
		"outside":         {packed(t, tar.Header{Name: "../../" + library, Typeflag: tar.TypeReg}), "../../" + library, ""}, // The name of the target is ours.
		"a link first":    {packed(t, tar.Header{Name: "a/" + library, Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}, tar.Header{Name: "b/" + library, Typeflag: tar.TypeReg}), "b/" + library, ""},
		"a folder first":  {packed(t, tar.Header{Name: library, Typeflag: tar.TypeDir}, tar.Header{Name: "b/" + library, Typeflag: tar.TypeReg}), "b/" + library, ""},
		"first of two":    {packed(t, tar.Header{Name: "a/" + library, Typeflag: tar.TypeReg}, tar.Header{Name: "b/" + library, Typeflag: tar.TypeReg}), "a/" + library, ""},
		"no library":      {packed(t, tar.Header{Name: "other.so", Typeflag: tar.TypeReg}), "", "holds no " + library},
		"a link alone":    {packed(t, tar.Header{Name: library, Typeflag: tar.TypeSymlink, Linkname: "x"}), "", "holds no " + library},
		"nothing":         {nil, "", "read the engine package"},
		"no package":      {[]byte("<html>not found</html>"), "", "read the engine package"},
		"cut off":         {whole[:len(whole)/2], "", "EOF"},
		"cut at the last": {whole[:len(whole)-30], "", "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			archive, target := filepath.Join(dir, "p.tgz"), filepath.Join(dir, library)
			require.NoError(t, os.WriteFile(archive, c.data, 0o600))
			require.NoError(t, os.WriteFile(target, []byte("the one before"), 0o600))
			err := extract(t.Context(), archive, target)
			got, readErr := os.ReadFile(target)
			require.NoError(t, readErr)
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
				require.Equal(t, "the one before", string(got), "the target is whole or as it was")
			} else {
				require.NoError(t, err)
				require.Equal(t, c.want, string(got))
			}
			entries, err := os.ReadDir(dir)
			require.NoError(t, err)
			require.Len(t, entries, 2, "nothing temporary stays")
		})
	}
	require.ErrorIs(t, extract(t.Context(), filepath.Join(t.TempDir(), "none"), "x"), os.ErrNotExist)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	archive := filepath.Join(t.TempDir(), "p.tgz")
	require.NoError(t, os.WriteFile(archive, whole, 0o600))
	require.ErrorIs(t, extract(ctx, archive, filepath.Join(t.TempDir(), library)), context.Canceled)
}

func TestVerify(t *testing.T) {
	data, integrity := npmPackage(t, []byte("x"))
	file := filepath.Join(t.TempDir(), "p.tgz")
	require.NoError(t, os.WriteFile(file, data, 0o600))
	require.NoError(t, verify(t.Context(), file, integrity))
	for _, bad := range []string{"", "sha512-", "sha512-x", strings.TrimPrefix(integrity, "sha512-"), "sha256-" + strings.TrimPrefix(integrity, "sha512-"), integrity[:len(integrity)-4], "sha512-!!!"} {
		require.ErrorContains(t, verify(t.Context(), file, bad), "not of the form", bad)
	}
	_, other := npmPackage(t, []byte("y"))
	require.ErrorIs(t, verify(t.Context(), file, other), errIntegrity)
	require.ErrorIs(t, verify(t.Context(), file+"x", integrity), os.ErrNotExist)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, verify(ctx, file, integrity), context.Canceled)
}

// A server may not know ranges, or hold all that is here; and what is here may be of another file.
func TestDownload(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789"), 1000)
	for name, c := range map[string]struct {
		have   string
		answer func(w http.ResponseWriter, r *http.Request)
		want   string
		err    string
	}{
		"all":              {"", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(data) }, string(data), ""},
		"no ranges":        {"0123", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(data) }, string(data), ""},
		"longer, no range": {strings.Repeat("x", 20_000), func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(data) }, string(data), ""},
		"all is here": {string(data), func(w http.ResponseWriter, r *http.Request) {
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
		}, string(data), ""},
		"not found": {"0123", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) }, "0123", "404"},
		"broken":    {"0123", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }, "0123", "502"},
		"cut off": {"", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "20000")
			_, _ = w.Write(data)
		}, string(data), "run the command again"},
	} {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(c.answer))
			defer srv.Close()
			file := filepath.Join(t.TempDir(), "part")
			require.NoError(t, os.WriteFile(file, []byte(c.have), 0o600))
			err := download(t.Context(), Options{Progress: io.Discard, Client: srv.Client()}, srv.URL, file)
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
			} else {
				require.NoError(t, err)
			}
			got, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, c.want, string(got), "what arrived is kept")
		})
	}
	require.ErrorContains(t, download(t.Context(), Options{Progress: io.Discard, Client: http.DefaultClient}, "http://127.0.0.1:1/x", filepath.Join(t.TempDir(), "p")), "download http://127.0.0.1:1/x")
	require.ErrorContains(t, download(t.Context(), Options{}, "http://x", filepath.Join(t.TempDir(), "no", "folder")), "write")
	require.ErrorContains(t, download(t.Context(), Options{}, "http://%zz", filepath.Join(t.TempDir(), "p")), "download")
}

// A folder that holds bytes of a wrong file is put right by the checksum: they go, and the next try begins anew.
func TestRunAfterAWrongPart(t *testing.T) {
	data, integrity := npmPackage(t, []byte("the library"))
	url, _ := serveFile(t, data)
	dir := t.TempDir()
	part := filepath.Join(dir, ".engine-"+engine.Version+".tgz.part")
	require.NoError(t, os.WriteFile(part, []byte("something else"), 0o600))
	_, err := Run(t.Context(), Options{To: dir, URL: url, Integrity: integrity})
	require.ErrorIs(t, err, errIntegrity)
	require.NoFileExists(t, part)
	res, err := Run(t.Context(), Options{To: dir, URL: url, Integrity: integrity})
	require.NoError(t, err)
	require.True(t, res.Downloaded)
}

func TestRunErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := Run(t.Context(), Options{To: filepath.Join(file, "x"), URL: "x"})
	require.ErrorContains(t, err, "create")
	_, err = Run(t.Context(), Options{To: t.TempDir(), URL: "/no/such/package.tgz"})
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestComplete(t *testing.T) {
	t.Setenv(URLEnv, "https://mirror.example/engine.tgz")
	t.Setenv("XDG_CACHE_HOME", "/cache")
	opts, pkg, err := complete(Options{})
	require.NoError(t, err)
	require.Equal(t, "https://mirror.example/engine.tgz", opts.URL)
	require.Equal(t, filepath.Join("/cache", "strata", "engine", engine.Version), opts.To)
	require.NotNil(t, opts.Client)
	require.NotNil(t, opts.Progress)
	require.NotNil(t, opts.npm)
	if pkg.Integrity != "" {
		require.Equal(t, pkg.Integrity, opts.Integrity, "pinned unless another one is given")
	}
	opts, _, err = complete(Options{URL: "mine", To: "/to", Integrity: "sha512-x"})
	require.NoError(t, err)
	require.Equal(t, []string{"mine", "/to", "sha512-x"}, []string{opts.URL, opts.To, opts.Integrity})
}

func TestLocalPath(t *testing.T) {
	for address, want := range map[string]string{"/a/b.tgz": "/a/b.tgz", "b.tgz": "b.tgz", "file:///a/b.tgz": "/a/b.tgz", "file:///a%20b": "/a b", "file://%zz": "%zz", "https://x/y": "", "http://x": ""} {
		got, ok := localPath(address)
		require.Equal(t, want != "", ok, address)
		if ok {
			require.Equal(t, want, got)
		}
	}
}

// npmOf puts a script in the place of npm.
func npmOf(t *testing.T, script string) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "npm"), []byte("#!/bin/sh\n"+script), 0o700))
	t.Setenv("PATH", dir+":/usr/bin:/bin")
}

func TestRunNPM(t *testing.T) {
	npmOf(t, `echo "  https://registry.example/$2.tgz  "`)
	got, err := runNPM(t.Context(), "view", "x@1")
	require.NoError(t, err)
	require.Equal(t, "https://registry.example/x@1.tgz", got)
	npmOf(t, "exit 0")
	_, err = runNPM(t.Context(), "view")
	require.ErrorContains(t, err, "printed nothing")
	npmOf(t, "head -c 2000 /dev/zero | tr '\\0' x >&2; echo 'E404 not found' >&2; exit 1")
	_, err = runNPM(t.Context(), "view")
	require.ErrorContains(t, err, "E404 not found")
	require.Less(t, len(err.Error()), 600, "the end of what npm said is enough")
}

func TestLockDir(t *testing.T) {
	dir := t.TempDir()
	unlock, err := lockDir(t.Context(), dir, io.Discard)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	var told bytes.Buffer
	_, err = lockDir(ctx, dir, &told)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Equal(t, 1, strings.Count(told.String(), "waiting for another fetch"), "told once, however long it waits")
	unlock()
	again, err := lockDir(t.Context(), dir, io.Discard)
	require.NoError(t, err)
	again()
	_, err = lockDir(t.Context(), filepath.Join(dir, "missing"), io.Discard)
	require.ErrorContains(t, err, "lock")
}

func TestProgress(t *testing.T) {
	var out bytes.Buffer
	p := newProgress(&out, 0, 1000)
	for range 100 {
		p.add(10)
	}
	p.finish()
	require.Equal(t, 11, strings.Count(out.String(), "\n"), "a line for each tenth, and the first:\n%s", out.String())
	require.Contains(t, out.String(), "[==============================] 100%")
	require.NotContains(t, out.String(), "\r")

	out.Reset()
	p = newProgress(&out, 0, -1)
	p.add(5_000_000)
	require.Empty(t, out.String(), "of an unknown size there are no tenths")
	require.Contains(t, p.line(), "5.0 MB")

	p.tty = true
	p.add(1)
	p.add(1) // Not again within a fifth of a second.
	p.finish()
	require.Equal(t, 2, strings.Count(out.String(), "\r"))
}
