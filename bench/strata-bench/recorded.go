// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/strata-apm/strata/tenant"
)

// recordedRun measures what a sample of real metrics takes on disk: of a recording that is made now, or of the data directory of a server
// that was stopped, of which it takes a copy. Without either there is nothing to do.
func (b *bench) recordedRun(ctx context.Context) error {
	from := b.recorded
	if b.record > 0 {
		from = b.dir("recording", 0)
		if err := b.recordMetrics(ctx, from); err != nil {
			return err
		}
	}
	if from == "" {
		return nil
	}
	to := b.dir("recorded", 0)
	if err := os.CopyFS(to, os.DirFS(filepath.Join(from, "metrics", string(tenant.Default)))); err != nil {
		return fmt.Errorf("copy the recorded metrics: %w", err)
	}
	return b.sampleBytes("recorded", ours, to, 0)
}

// recordMetrics lets a server watch itself, the agent this host with servers of middleware on it, and the shop send the metrics of its
// programs, for as long as was asked.
func (b *bench) recordMetrics(ctx context.Context, dir string) (err error) {
	b.env = append(b.env, "STRATA_SELF_ENABLED=true")
	s, err := b.startStrata(ctx, dir)
	b.env = b.env[:len(b.env)-1]
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	stop, err := b.middleware()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	agentDir := dir + "-agent"
	if err := os.MkdirAll(agentDir, 0o750); err != nil {
		return fmt.Errorf("make the agent's directory: %w", err)
	}
	config := filepath.Join(agentDir, "agent.yaml")
	if err := os.WriteFile(config, []byte("server: {endpoint: \"http://"+s.otlp+"\", protocol: http}\n"), 0o600); err != nil {
		return fmt.Errorf("write the agent's configuration: %w", err)
	}
	agent, err := launch(agentDir+".log", nil, b.agent, "--config", config, "--state-dir", filepath.Join(agentDir, "state"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, agent.stop()) }()
	shop, err := launch(agentDir+"-shop.log", nil, b.strata, "demo", "--endpoint", s.grpc)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shop.stop()) }()
	over := time.NewTimer(b.record)
	defer over.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-over.C:
			return nil
		case <-time.After(10 * time.Second):
			if err := errors.Join(s.ended(), agent.ended(), shop.ended()); err != nil {
				return fmt.Errorf("recording: %w", err)
			}
		}
	}
}
