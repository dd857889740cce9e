// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
)

// checkListen refuses to serve the engine to a network without a password: it reads any file that this process can read.
func (o Options) checkListen() error {
	if (o.Socket == "") == (o.Listen == "") {
		return errors.New("engine: a socket or an address to listen on is needed, and not both")
	}
	if o.Listen == "" || o.Password != "" {
		return nil
	}
	host, _, err := net.SplitHostPort(o.Listen)
	if err != nil {
		return fmt.Errorf("engine: listen address %q is not host:port", o.Listen)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("engine: listening on %s needs a password; only a loopback address goes without", o.Listen)
	}
	return nil
}

func listen(ctx context.Context, opts Options) (net.Listener, error) {
	if opts.Listen == "" {
		return listenUnix(ctx, opts.DataDir, opts.Socket)
	}
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", opts.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", opts.Listen, err)
	}
	if opts.OnListen != nil {
		opts.OnListen(listener.Addr().String())
	}
	return listener, nil
}

func listenUnix(ctx context.Context, dataDir, socket string) (net.Listener, error) {
	// The lock is held, so every socket that lies here belongs to a process that is gone.
	stale, err := filepath.Glob(filepath.Join(dataDir, "engine-*.sock"))
	if err != nil {
		return nil, fmt.Errorf("look for old sockets in %s: %w", dataDir, err)
	}
	for _, old := range append(stale, socket) {
		if err := os.Remove(old); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("remove the old socket %s: %w", old, err)
		}
	}
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "unix", socket)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", socket, err)
	}
	if err := os.Chmod(socket, 0o600); err != nil {
		_ = listener.Close()
		return nil, fmt.Errorf("protect the socket %s: %w", socket, err)
	}
	return listener, nil
}

// guarded asks for the password over TCP. Without one, requests of other sites through a browser of this machine are refused: those have
// an Origin, or a Host that is no loopback name.
func (s *server) guarded() http.Handler {
	if s.opts.Listen == "" {
		return s
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case s.opts.Password == "" && (r.Header.Get("Origin") != "" || !loopbackHost(r.Host)):
			w.Header().Set("X-ClickHouse-Exception-Code", "516")
			http.Error(w, "Code: 516. DB::Exception: without a password only programs on this machine are served. (AUTHENTICATION_FAILED)", http.StatusForbidden)
		case s.opts.Password != "" && subtle.ConstantTimeCompare([]byte(password(r)), []byte(s.opts.Password)) != 1:
			w.Header().Set("X-ClickHouse-Exception-Code", "516")
			http.Error(w, "Code: 516. DB::Exception: Authentication failed: password is incorrect. (AUTHENTICATION_FAILED)", http.StatusForbidden)
		default:
			s.ServeHTTP(w, r)
		}
	})
}

// password is what ClickHouse's HTTP interface takes, except in the URL, which ends up in logs.
func password(r *http.Request) string {
	if key := r.Header.Get("X-ClickHouse-Key"); key != "" {
		return key
	}
	_, pass, _ := r.BasicAuth()
	return pass
}

func loopbackHost(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
