// SPDX-License-Identifier: Apache-2.0

// Package install hands out what a host needs to get an agent: the script with this server's address in it, the agent's binaries with
// their checksums, and the answer whether the host's data has arrived. Apart from that answer, which needs an ingest key, everything is
// public: there are no secrets in it.
package install

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/strata-apm/strata/deploy"
)

// Config is where the binaries are and what agents are told.
type Config struct {
	// Dir holds a folder per platform, such as linux-amd64, with strata-agent and strata-agent.sha256, and the folder java with
	// opentelemetry-javaagent.jar and its checksum. Default: "agents" beside the server's binary.
	Dir string `yaml:"dir"`
	// Endpoint is the URL that agents send to (OTLP over HTTP). Default: the address under which the script was fetched.
	Endpoint string `yaml:"endpoint"`
}

// Validate reports everything that cannot work.
func (c Config) Validate() error {
	return CheckURL("agents.endpoint", c.Endpoint)
}

// CheckURL says whether the value of a configuration key is an address that scripts and links can begin with, or empty.
func CheckURL(key, value string) error {
	if value == "" {
		return nil
	}
	u, err := url.Parse(value)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || !validHost(u.Host) || !validPath.MatchString(u.Path) || u.RawQuery != "" || u.User != nil {
		return fmt.Errorf("%s %q is not http://host:port or https://host:port", key, value)
	}
	return nil
}

// LastSeen tells when the newest data of a host is from; the zero time when there is none.
type LastSeen func(ctx context.Context, host string) (time.Time, error)

// Options are what a Handler works with.
type Options struct {
	Config Config
	// ExternalURL replaces the address under which the request came, where the operator has named one.
	ExternalURL string
	LastSeen    LastSeen
}

// Handler serves the files.
type Handler struct {
	opts  Options
	dir   string
	files fs.FS
}

// New returns a Handler.
func New(opts Options) (*Handler, error) {
	opts.ExternalURL, opts.Config.Endpoint = strings.TrimRight(opts.ExternalURL, "/"), strings.TrimRight(opts.Config.Endpoint, "/")
	if err := CheckURL("http.external_url", opts.ExternalURL); err != nil {
		return nil, err
	}
	dir := opts.Config.Dir
	if dir == "" {
		exe, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("find the agents beside this binary: %w", err)
		}
		dir = filepath.Join(filepath.Dir(exe), "agents")
	}
	return &Handler{opts: opts, dir: dir, files: deploy.Files}, nil
}

// Routes mounts what is public.
func (h *Handler) Routes(r chi.Router) {
	r.Get("/install.sh", h.script("agent/install.sh"))
	r.Get("/uninstall.sh", h.script("agent/uninstall.sh"))
	r.Get("/agent/agent.yaml", h.script("agent/agent.yaml"))
	r.Get("/agent/credentials.yaml", h.script("agent/credentials.yaml"))
	r.Get("/agent/strata-agent.service", h.script("systemd/strata-agent.service"))
	r.Get("/agent/java/{file}", h.javaAgent)
	r.Get("/agent/{platform}/{file}", h.binary)
}

// localServer is what the first configuration of a package names.
const localServer = "http://127.0.0.1:7080"

// script serves a file of deploy with the server's address in it.
func (h *Handler) script(name string) http.HandlerFunc {
	contentType := "text/plain; charset=utf-8"
	if filepath.Ext(name) == ".sh" {
		contentType = "text/x-shellscript; charset=utf-8"
	}
	return func(w http.ResponseWriter, r *http.Request) {
		text, err := fs.ReadFile(h.files, name)
		if err != nil {
			http.Error(w, "cannot read "+name, http.StatusInternalServerError)
			return
		}
		base, err := h.base(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		endpoint := h.opts.Config.Endpoint
		if endpoint == "" {
			endpoint = base
		}
		text = bytes.ReplaceAll(text, []byte("@SERVER@"), []byte(base))
		text = bytes.ReplaceAll(text, []byte("@ENDPOINT@"), []byte(endpoint))
		text = bytes.ReplaceAll(text, []byte("server:\n  endpoint: "+localServer+"\n"), []byte("server:\n  endpoint: "+endpoint+"\n"))
		text = bytes.ReplaceAll(text, []byte("opamp:\n  endpoint: "+localServer+"\n"), []byte("opamp:\n  endpoint: "+base+"\n"))
		// The package owns /usr/bin, the script /usr/local.
		text = bytes.ReplaceAll(text, []byte("ExecStart=/usr/bin/"), []byte("ExecStart=/usr/local/bin/"))
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(text) //nolint:gosec // No HTML, and base and endpoint are nothing but an address.
	}
}

// base is the URL under which the client reached this server. It goes into a script that root runs, so only what a host name, a port and
// a scheme can consist of passes.
func (h *Handler) base(r *http.Request) (string, error) {
	if h.opts.ExternalURL != "" {
		return h.opts.ExternalURL, nil
	}
	scheme := "http"
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		scheme = "https"
	}
	if !validHost(r.Host) {
		return "", errors.New("the Host of the request is not a host name")
	}
	return scheme + "://" + r.Host, nil
}

const maxHostBytes = 255 + len(":65535")

var (
	hostPattern = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?(:[0-9]{1,5})?$`)
	validPath   = regexp.MustCompile(`^[A-Za-z0-9._~/-]*$`)
)

func validHost(host string) bool {
	if len(host) > maxHostBytes {
		return false
	}
	if hostPattern.MatchString(host) {
		return true
	}
	name, _, err := net.SplitHostPort(host) // [::1]:7080
	if err != nil {
		return len(host) > 2 && host[0] == '[' && host[len(host)-1] == ']' && net.ParseIP(host[1:len(host)-1]) != nil
	}
	return host[0] == '[' && net.ParseIP(name) != nil && hostPattern.MatchString("h"+host[len(name)+2:])
}

var (
	platformPattern = regexp.MustCompile(`^[a-z0-9]+-[a-z0-9]+$`)
	filePattern     = regexp.MustCompile(`^strata-agent(\.exe)?(\.sha256)?$`)
	javaPattern     = regexp.MustCompile(`^opentelemetry-javaagent\.jar(\.sha256)?$`)
)

// binary serves the agent for a platform.
func (h *Handler) binary(w http.ResponseWriter, r *http.Request) {
	platform, file := chi.URLParam(r, "platform"), chi.URLParam(r, "file")
	if !platformPattern.MatchString(platform) || !filePattern.MatchString(file) {
		http.NotFound(w, r)
		return
	}
	h.serve(w, r, filepath.Join(platform, file), "no agent for "+platform+": run `make agents`")
}

// javaAgent serves the OpenTelemetry Java agent, as it was released.
func (h *Handler) javaAgent(w http.ResponseWriter, r *http.Request) {
	file := chi.URLParam(r, "file")
	if !javaPattern.MatchString(file) {
		http.NotFound(w, r)
		return
	}
	h.serve(w, r, filepath.Join("java", file), "no OpenTelemetry Java agent: run `make javaagent`")
}

// serve serves a file of the agents' folder, whose path is made of checked parts.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request, path, missing string) {
	f, err := os.Open(filepath.Join(h.dir, path)) //nolint:gosec // The parts match patterns without separators.
	if err != nil {
		http.Error(w, "this server has "+missing+" and put what it makes into agents.dir ("+filepath.Base(h.dir)+
			"/ beside the strata binary by default)", http.StatusNotFound)
		return
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil || info.IsDir() {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Cache-Control", "no-cache")
	http.ServeContent(w, r, "", info.ModTime(), f)
}

// ServeSeen answers GET /v1/agent/host?name=NAME: when the newest data of the host is from.
func (h *Handler) ServeSeen(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Query().Get("name")
	if name == "" || len(name) > 255 {
		http.Error(w, "name is missing or too long", http.StatusBadRequest)
		return
	}
	seen, err := h.opts.LastSeen(r.Context(), name)
	if err != nil {
		http.Error(w, "cannot look for the host now", http.StatusServiceUnavailable)
		return
	}
	answer := struct {
		LastSeen int64 `json:"last_seen_unix_ms"`
	}{}
	if !seen.IsZero() {
		answer.LastSeen = seen.UnixMilli()
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}
