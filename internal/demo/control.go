// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// controlServer switches incidents by HTTP.
type controlServer struct {
	lis net.Listener
	srv *http.Server
}

// listenControl refuses anything but loopback, because whoever reaches the port may switch.
func listenControl(ctx context.Context, addr string, sw *switches) (*controlServer, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("demo control: %w", err)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("demo control: %q is not a loopback address", addr)
	}
	lis, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("demo control: %w", err)
	}
	return &controlServer{lis: lis, srv: &http.Server{Handler: controlHandler(sw), ReadHeaderTimeout: 5 * time.Second}}, nil
}

func (c *controlServer) addr() string { return c.lis.Addr().String() }

func (c *controlServer) run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = c.srv.Close() })
	defer stop()
	if err := c.srv.Serve(c.lis); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("demo control: %w", err)
	}
	return nil
}

// controlHandler answers GET /incidents with all incidents and whether they are on, and switches one by PUT (on) or DELETE (off) of
// /incidents/{name}.
func controlHandler(sw *switches) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /incidents", func(w http.ResponseWriter, _ *http.Request) {
		out := make(map[IncidentName]bool)
		for _, n := range IncidentNames() {
			out[n] = sw.active(n)
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(out)
	})
	set := func(on bool) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			n := IncidentName(r.PathValue("name"))
			if !n.known() {
				http.Error(w, "unknown incident", http.StatusNotFound)
				return
			}
			sw.set(n, on)
			w.WriteHeader(http.StatusNoContent)
		}
	}
	mux.HandleFunc("PUT /incidents/{name}", set(true))
	mux.HandleFunc("DELETE /incidents/{name}", set(false))
	return mux
}
