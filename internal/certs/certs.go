// SPDX-License-Identifier: Apache-2.0

// Package certs makes TLS of certificate files for listeners, which are read again when they change, and for connections to other processes.
// It keeps the last good certificate: a renewal that is half written, or wrong, is logged and costs no connection.
package certs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// checkEvery is how often a handshake looks whether the files have changed.
const checkEvery = time.Second

// Server names the files of a listener; without them it speaks no TLS.
type Server struct {
	// CertFile and KeyFile are PEM, the certificate followed by its chain.
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
	// ClientCAFile is a PEM bundle; with it every client must have a certificate that one of them signed.
	ClientCAFile string `yaml:"client_ca_file"`
}

// Enabled says whether the listener speaks TLS.
func (s Server) Enabled() bool { return s.CertFile != "" }

// Validate says which file is missing. Whether they can be read shows when the listener opens.
func (s Server) Validate() error {
	switch {
	case (s.CertFile == "") != (s.KeyFile == ""):
		return errors.New("cert_file and key_file are needed together")
	case s.ClientCAFile != "" && s.CertFile == "":
		return errors.New("client_ca_file needs cert_file and key_file")
	default:
		return nil
	}
}

// Load reads the files and returns the configuration of a listener, with HTTP/2.
func (s Server) Load(logger *slog.Logger) (*tls.Config, error) {
	r := &reloader{files: s, logger: logger, now: time.Now}
	r.seen = r.stamps()
	r.checked = r.now()
	var err error
	if r.current, err = s.read(); err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return r.config(), nil },
		// Never asked, since GetConfigForClient answers; net/http and grpc-go look for a certificate before they serve.
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &r.config().Certificates[0], nil },
	}, nil
}

// read returns the configuration that the files make now.
func (s Server) read() (*tls.Config, error) {
	cert, err := tls.LoadX509KeyPair(s.CertFile, s.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("read certificate %s and key %s: %w", s.CertFile, s.KeyFile, err)
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, Certificates: []tls.Certificate{cert}}
	if s.ClientCAFile == "" {
		return c, nil
	}
	if c.ClientCAs, err = pool(s.ClientCAFile); err != nil {
		return nil, err
	}
	c.ClientAuth = tls.RequireAndVerifyClientCert
	c.SessionTicketsDisabled = true // A resumed session would outlive the authority that was taken out of the bundle.
	return c, nil
}

func pool(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file) //nolint:gosec // The operator names the file.
	if err != nil {
		return nil, fmt.Errorf("read certificate authorities: %w", err)
	}
	p := x509.NewCertPool()
	if !p.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("read certificate authorities: %s holds no certificate in PEM", file)
	}
	return p, nil
}

// reloader holds what the files said last. Safe for concurrent use.
type reloader struct {
	files  Server
	logger *slog.Logger
	now    func() time.Time

	mu      sync.Mutex
	current *tls.Config // guarded by mu
	seen    [3]stamp    // guarded by mu
	checked time.Time   // guarded by mu
}

// stamp tells one version of a file from the next. Symbolic links are followed, so that Kubernetes' way of changing a secret shows.
type stamp struct {
	size    int64
	changed time.Time
}

func (r *reloader) stamps() [3]stamp {
	var out [3]stamp
	for i, name := range []string{r.files.CertFile, r.files.KeyFile, r.files.ClientCAFile} {
		if info, err := os.Stat(name); name != "" && err == nil {
			out[i] = stamp{info.Size(), info.ModTime()}
		}
	}
	return out
}

func (r *reloader) config() *tls.Config {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	if now.Sub(r.checked) < checkEvery {
		return r.current
	}
	r.checked = now
	stamps := r.stamps()
	if stamps == r.seen {
		return r.current
	}
	c, err := r.files.read()
	if err != nil { // Looked at again at the next check: a change within the clock's grain would not show in the stamp.
		r.logger.Error("certificate not renewed, the one before stays", "cert_file", r.files.CertFile, "err", err)
		return r.current
	}
	r.current, r.seen = c, stamps
	r.logger.Info("certificate renewed", "cert_file", r.files.CertFile)
	return c
}

// Client is how this process trusts, and shows itself to, other processes that speak TLS.
type Client struct {
	// CAFile is a PEM bundle that is trusted instead of the system's.
	CAFile string `yaml:"ca_file"`
	// CertFile and KeyFile are shown to a server that asks for them.
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
}

// Validate says which file is missing.
func (c Client) Validate() error {
	if (c.CertFile == "") != (c.KeyFile == "") {
		return errors.New("cert_file and key_file are needed together")
	}
	return nil
}

// Load reads the authorities; the certificate is read for each connection, so that a renewed one is used.
func (c Client) Load() (*tls.Config, error) {
	out := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CAFile != "" {
		var err error
		if out.RootCAs, err = pool(c.CAFile); err != nil {
			return nil, err
		}
	}
	if c.CertFile == "" {
		return out, nil
	}
	read := func() (*tls.Certificate, error) {
		cert, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("read certificate %s and key %s: %w", c.CertFile, c.KeyFile, err)
		}
		return &cert, nil
	}
	if _, err := read(); err != nil {
		return nil, err
	}
	out.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return read() }
	return out, nil
}
