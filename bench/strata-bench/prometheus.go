// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
)

// peerConfig makes Prometheus do what the server does with OTLP metrics: the same promoted attributes, names and out-of-order window.
const peerConfig = `global:
  scrape_interval: 1h
scrape_configs: []
storage:
  tsdb:
    out_of_order_time_window: 2h
otlp:
  translation_strategy: UnderscoreEscapingWithSuffixes
  promote_resource_attributes: [service.name, service.namespace, service.instance.id, service.version, host.name, deployment.environment.name,
    deployment.environment, k8s.cluster.name, k8s.namespace.name, k8s.pod.name, k8s.container.name, k8s.node.name, k8s.deployment.name,
    k8s.statefulset.name, k8s.daemonset.name, k8s.replicaset.name, k8s.job.name, k8s.cronjob.name, container.name, cloud.region,
    cloud.availability_zone]
`

// startPrometheus starts the peer on a free port.
func (b *bench) startPrometheus(ctx context.Context, dir string) (*process, string, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, "", fmt.Errorf("make data directory: %w", err)
	}
	config := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(config, []byte(peerConfig), 0o600); err != nil {
		return nil, "", fmt.Errorf("write configuration of the peer: %w", err)
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", fmt.Errorf("find a free port: %w", err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		return nil, "", fmt.Errorf("free the port: %w", err)
	}
	p, err := launch(dir+".log", nil, b.prometheus, "--config.file", config, "--storage.tsdb.path", filepath.Join(dir, "data"),
		"--web.listen-address", addr, "--web.enable-otlp-receiver")
	if err != nil {
		return nil, "", err
	}
	p.base = "http://" + addr
	if err := p.waitReady(ctx, "/-/ready"); err != nil {
		return nil, "", errors.Join(fmt.Errorf("start peer: %w", err), p.stop())
	}
	return p, addr, nil
}
