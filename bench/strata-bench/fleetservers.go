// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/strata-apm/strata/bench/postgres"
)

// fleetServers are what a number of agents talks to: one process with everything in it, or gateways on Kafka and PostgreSQL beside one
// process that answers the page.
type fleetServers struct {
	bench    *bench
	dir      string
	env      []string
	gateways []*process       // by which the agents are heard
	addrs    []string         // the gateways' listeners, the same after a restart
	page     *process         // answers the API; the only gateway where there is one process
	key      string           // the agents'
	postgres *postgres.Server // nil where the catalog is SQLite
	broker   *broker          // nil where the bus is the process's own
}

// startFleetServers starts as many gateways as the agents need, or one process where one is enough.
func (b *bench) startFleetServers(ctx context.Context, agents int) (s *fleetServers, err error) {
	s = &fleetServers{bench: b, dir: b.dir("fleet", agents), env: append([]string{"STRATA_SELF_ENABLED=false"}, b.env...)}
	if err := os.MkdirAll(s.dir, 0o755); err != nil { //nolint:gosec // PostgreSQL runs as another user.
		return nil, fmt.Errorf("make work directory: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.stop(ctx))
		}
	}()
	gateways := 0
	if agents > b.agentsEach {
		gateways = (agents + b.agentsEach - 1) / b.agentsEach
		if err := s.shared(ctx); err != nil {
			return s, err
		}
	}
	for range gateways + 1 {
		addr, err := freePort()
		if err != nil {
			return s, err
		}
		s.addrs = append(s.addrs, addr)
	}
	if s.page, err = s.start(ctx, "all", s.addrs[0]); err != nil {
		return s, err
	}
	if s.gateways = []*process{s.page}; gateways > 0 {
		s.addrs = s.addrs[1:]
		if err := s.startGateways(ctx); err != nil {
			return s, err
		}
	}
	s.key, err = createKey(ctx, s.page.base)
	return s, err
}

// shared starts what several processes share.
func (s *fleetServers) shared(ctx context.Context) error {
	var err error
	if s.broker, err = s.bench.startBroker(ctx); err != nil {
		return err
	}
	if err := os.Chmod(s.bench.work, 0o755); err != nil { //nolint:gosec // PostgreSQL runs as another user.
		return fmt.Errorf("open work directory: %w", err)
	}
	if s.postgres, err = postgres.Start(ctx, filepath.Join(s.dir, "postgres")); err != nil {
		return err
	}
	s.env = append(s.env, "STRATA_CATALOG_URL="+s.postgres.URL(), "STRATA_BUS_KAFKA_PARTITIONS=4", "STRATA_BUS_KAFKA_REPLICATION_FACTOR=1",
		"STRATA_BUS_KAFKA_BROKERS=["+net.JoinHostPort("127.0.0.1", strconv.Itoa(brokerPort))+"]")
	return nil
}

func (s *fleetServers) startGateways(ctx context.Context) error {
	s.gateways = nil
	for _, addr := range s.addrs {
		p, err := s.start(ctx, "gateway", addr)
		if err != nil {
			return err
		}
		s.gateways = append(s.gateways, p)
	}
	return nil
}

// start starts a role on an address and its own data directory, which is kept over restarts.
func (s *fleetServers) start(ctx context.Context, role, addr string) (*process, error) {
	dir := filepath.Join(s.dir, role+"-"+addr[strings.LastIndexByte(addr, ':')+1:])
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("make data directory: %w", err)
	}
	p, err := launch(dir+".log", s.env, s.bench.strata, role, "--data-dir", dir,
		"--http-listen", addr, "--otlp-grpc-listen", "127.0.0.1:0", "--otlp-http-listen", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	if err := p.serves(ctx, "http://"+addr, "/-/ready"); err != nil {
		return nil, fmt.Errorf("start %s: %w", role, err)
	}
	return p, nil
}

// restart stops what hears the agents and starts it again, all at once.
func (s *fleetServers) restart(ctx context.Context) error {
	stopped := make(chan error)
	for _, p := range s.gateways {
		go func() { stopped <- p.stop() }()
	}
	var err error
	for range s.gateways {
		err = errors.Join(err, <-stopped)
	}
	if err != nil {
		return err
	}
	if s.postgres != nil {
		return s.startGateways(ctx)
	}
	s.page, err = s.start(ctx, "all", s.addrs[0])
	s.gateways = []*process{s.page}
	return err
}

func (s *fleetServers) stop(ctx context.Context) (err error) {
	for _, p := range s.gateways {
		if p != s.page {
			err = errors.Join(err, p.stop())
		}
	}
	if s.page != nil {
		err = errors.Join(err, s.page.stop())
	}
	if s.postgres != nil {
		err = errors.Join(err, s.postgres.Stop())
	}
	if s.broker != nil {
		err = errors.Join(err, s.broker.stop(ctx))
	}
	return err
}

// fleetUsage is the processor time of each part.
type fleetUsage struct{ gateways, page, catalog, broker time.Duration }

func (u fleetUsage) minus(o fleetUsage) fleetUsage {
	return fleetUsage{u.gateways - o.gateways, u.page - o.page, u.catalog - o.catalog, u.broker - o.broker}
}

func (s *fleetServers) cpu() (u fleetUsage, err error) {
	for _, p := range s.gateways {
		used, err := p.cpu()
		if err != nil {
			return u, errors.Join(err, p.ended())
		}
		u.gateways += used.total()
	}
	if s.postgres == nil {
		return u, nil
	}
	page, err := s.page.cpu()
	if err != nil {
		return u, err
	}
	catalog, err := (&process{cmd: &exec.Cmd{Process: &os.Process{Pid: s.postgres.PID()}}}).cpu() // With its children, one a connection.
	if err != nil {
		return u, err
	}
	u.page, u.catalog = page.total(), catalog.total()
	u.broker, err = s.broker.cpu()
	return u, err
}

// memory adds up a line of the gateways' status, without their engine, in MiB.
func (s *fleetServers) memory(key string) (sum float64) {
	for _, p := range s.gateways {
		own, _ := p.memory(key)
		sum += own
	}
	return sum
}

// createKey makes the key that all agents have.
func createKey(ctx context.Context, base string) (string, error) {
	body := []byte(`{"name":"bench agents","scope":"ingest"}`)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/api/v1/keys", bytes.NewReader(body))
	if err != nil {
		return "", fmt.Errorf("build request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", fmt.Errorf("create key: %w", err)
	}
	defer resp.Body.Close()
	var answer struct {
		Secret string `json:"secret"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return "", fmt.Errorf("create key: decode answer: %w", err)
	}
	if answer.Secret == "" {
		return "", fmt.Errorf("create key: %s", resp.Status)
	}
	return answer.Secret, nil
}
