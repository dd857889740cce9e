// SPDX-License-Identifier: Apache-2.0

package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/test/bufconn"

	"github.com/strata-apm/strata/atomicfile"
	"github.com/strata-apm/strata/internal/config"
)

// RunFile is the file in the data directory that says where the process listens.
const RunFile = "run.json"

// Running is the content of RunFile.
type Running struct {
	PID      int    `json:"pid"`
	HTTP     string `json:"http"`
	OTLPGRPC string `json:"otlp_grpc,omitempty"`
	OTLPHTTP string `json:"otlp_http,omitempty"`
}

// listeners are the sockets: one for HTTP, and two for OTLP where the role has an intake. They are opened before anything else so that a taken port stops the start at once.
type listeners struct {
	http, otlpGRPC, otlpHTTP net.Listener
	// self is how the process sends its own telemetry to its own intake.
	self *bufconn.Listener
}

// selfBuffer is how many bytes of own telemetry are on the way at most.
const selfBuffer = 256 << 10

func openListeners(cfg config.Config, role config.Role, s *stack, reg prometheus.Registerer) (*listeners, error) {
	l := &listeners{self: bufconn.Listen(selfBuffer)}
	s.push("own telemetry", l.self.Close)
	for _, x := range []struct {
		key, addr string
		to        *net.Listener
	}{
		{"http.listen", cfg.HTTP.Listen, &l.http},
		{"otlp.grpc_listen", cfg.OTLP.GRPCListen, &l.otlpGRPC},
		{"otlp.http_listen", cfg.OTLP.HTTPListen, &l.otlpHTTP},
	} {
		if x.to != &l.http && !role.Is(config.RoleGateway) {
			continue
		}
		ln, err := net.Listen("tcp", x.addr) //nolint:noctx // Binding does not block.
		if err != nil {
			return nil, fmt.Errorf("listen on %s (%s): %w", x.addr, x.key, err)
		}
		s.push(x.key, func() error {
			if err := ln.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
				return fmt.Errorf("close listener: %w", err)
			}
			return nil
		})
		bounded := newBoundedListener(ln, maxConnections)
		reg.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "strata_connections_refused_total", Help: "Connections closed at once because the listener held as many as it may.",
			ConstLabels: prometheus.Labels{"listener": x.key},
		}, func() float64 { return float64(bounded.refused.Load()) }))
		*x.to = bounded
	}
	return l, nil
}

// loopback says whether every listener is reachable from this machine only.
func (l *listeners) loopback() bool {
	for _, ln := range []net.Listener{l.http, l.otlpGRPC, l.otlpHTTP} {
		if ln == nil {
			continue
		}
		addr, ok := ln.Addr().(*net.TCPAddr)
		if !ok || !addr.IP.IsLoopback() {
			return false
		}
	}
	return true
}

func (l *listeners) running() Running {
	r := Running{PID: os.Getpid(), HTTP: l.http.Addr().String()}
	if l.otlpGRPC != nil {
		r.OTLPGRPC, r.OTLPHTTP = l.otlpGRPC.Addr().String(), l.otlpHTTP.Addr().String()
	}
	return r
}

// writeRunFile says where the process listens, whole or not at all.
func (l *listeners) writeRunFile(dir string) error {
	b, err := json.Marshal(l.running())
	if err != nil {
		return fmt.Errorf("encode %s: %w", RunFile, err)
	}
	return atomicfile.Write(filepath.Join(dir, RunFile), append(b, '\n'), 0o600) //nolint:wrapcheck // It names the file.
}

func (l *listeners) removeRunFile(dir string) error {
	if err := os.Remove(filepath.Join(dir, RunFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove %s: %w", RunFile, err)
	}
	return nil
}
