// SPDX-License-Identifier: Apache-2.0

// Package web serves the web UI that is embedded into the binary.
//
// The UI is built by `make ui` into ui/dist. That folder holds nothing but a placeholder in a fresh checkout, so that
// the binary builds without Node; the handler then answers with a page that says so. The package serves files only: it
// knows neither the API nor who is signed in.
package web

import (
	"embed"
	"errors"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed all:ui/dist
var dist embed.FS

// contentSecurityPolicy lets the page load only what this server sends. Styles are the exception: the component library
// and the editor write style elements at run time.
const contentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; " +
	"img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; " +
	"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

const notBuilt = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Strata</title>
<body>
<h1>The web UI was not built</h1>
<p>This binary was compiled without the web UI. The APIs work. Run <code>make ui</code> and compile again to include it.</p>
</body>
</html>
`

// Handler returns a handler for the web UI: assets, and index.html for every route of the client.
func Handler() http.Handler {
	root, err := fs.Sub(dist, "ui/dist")
	if err != nil {
		// The name is a constant and valid; an empty file system still gives the explaining page.
		root = embed.FS{}
	}
	return newHandler(root)
}

type handler struct {
	root fs.FS
}

func newHandler(root fs.FS) http.Handler {
	return &handler{root: root}
}

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Security-Policy", contentSecurityPolicy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "same-origin")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("X-Frame-Options", "DENY")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		header.Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	name := strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/")
	if servable(name) {
		switch err := h.serveFile(w, r, name); {
		case err == nil:
			return
		case !errors.Is(err, fs.ErrNotExist):
			http.Error(w, "cannot read the file", http.StatusInternalServerError)
			return
		}
	}
	// A missing asset is an error and no page: a browser must not cache HTML under the name of a script.
	if strings.HasPrefix(name+"/", "assets/") {
		header.Set("Cache-Control", "no-cache")
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	switch err := h.serveFile(w, r, "index.html"); {
	case errors.Is(err, fs.ErrNotExist):
		h.serveNotBuilt(w, r)
	case err != nil:
		http.Error(w, "cannot read the page", http.StatusInternalServerError)
	}
}

// servable tells whether a path may name a file of the build. Hidden files and the compressed copies are not served
// under their own name.
func servable(name string) bool {
	return name != "" && !strings.HasPrefix(path.Base(name), ".") && !strings.HasSuffix(name, ".gz")
}

// serveFile writes the file, or its compressed copy where there is one and the client takes it. It returns an error
// only when nothing was written.
func (h *handler) serveFile(w http.ResponseWriter, r *http.Request, name string) error {
	info, err := fs.Stat(h.root, name)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return fs.ErrNotExist
	}
	header := w.Header()
	body, err := fs.ReadFile(h.root, name+".gz")
	if err == nil {
		header.Set("Vary", "Accept-Encoding")
	}
	compressed := err == nil && acceptsGzip(r)
	if !compressed {
		if body, err = fs.ReadFile(h.root, name); err != nil {
			return err
		}
	}
	if compressed {
		header.Set("Content-Encoding", "gzip")
	}
	header.Set("Content-Type", contentType(name))
	header.Set("Cache-Control", cacheControl(name))
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodGet {
		// The client is gone when this fails; nobody is left to be told.
		_, _ = w.Write(body) //nolint:gosec // A file of the embedded page, not what somebody sent.
	}
	return nil
}

func (h *handler) serveNotBuilt(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodGet {
		_, _ = w.Write([]byte(notBuilt))
	}
}

// cacheControl: names below assets hold a hash of the content and never change their meaning.
func cacheControl(name string) string {
	if strings.HasPrefix(name, "assets/") {
		return "public, max-age=31536000, immutable"
	}
	return "no-cache"
}

// contentType does not depend on the tables of the operating system for what the build consists of.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	if known := mime.TypeByExtension(path.Ext(name)); known != "" {
		return known
	}
	return "application/octet-stream"
}

// acceptsGzip reads Accept-Encoding; a quality of zero is a refusal.
func acceptsGzip(r *http.Request) bool {
	for part := range strings.SplitSeq(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		coding, parameters, _ := strings.Cut(strings.TrimSpace(part), ";")
		if coding != "gzip" && coding != "*" {
			continue
		}
		quality, found := strings.CutPrefix(strings.ReplaceAll(parameters, " ", ""), "q=")
		if !found {
			return true
		}
		value, err := strconv.ParseFloat(quality, 64)
		return err == nil && value > 0
	}
	return false
}
