// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// prometheusName is Prometheus in the figures.
const prometheusName = "Prometheus"

// peerConfig makes Prometheus do what the server does with metrics: the same promoted attributes, names and out-of-order window.
const peerConfig = `global:
  scrape_interval: 1h
scrape_configs: []
storage:
  tsdb:
    out_of_order_time_window: 2h
otlp:
  translation_strategy: UnderscoreEscapingWithSuffixes
  promote_resource_attributes: [PROMOTED]
`

// promotedAttributes are the resource attributes that the server makes labels of.
func promotedAttributes() []string {
	return []string{
		"service.name", "service.namespace", "service.instance.id", "service.version", "host.name", "deployment.environment.name",
		"deployment.environment", "k8s.cluster.name", "k8s.namespace.name", "k8s.pod.name", "k8s.container.name", "k8s.node.name",
		"k8s.deployment.name", "k8s.statefulset.name", "k8s.daemonset.name", "k8s.replicaset.name", "k8s.job.name", "k8s.cronjob.name",
		"container.name", "cloud.region", "cloud.availability_zone",
	}
}

// prometheusMetrics starts Prometheus on a free port.
func (b *bench) prometheusMetrics(ctx context.Context, dir string, l metricsLoad) (*target, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("make data directory: %w", err)
	}
	config := filepath.Join(dir, "prometheus.yml")
	text := strings.Replace(peerConfig, "PROMOTED", strings.Join(promotedAttributes(), ", "), 1)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, fmt.Errorf("write configuration of the peer: %w", err)
	}
	addr, err := freePort()
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	p, err := launch(dir+".log", nil, b.prometheus, "--config.file", config, "--storage.tsdb.path", data, "--web.listen-address", addr,
		"--web.enable-otlp-receiver", "--web.enable-remote-write-receiver")
	if err != nil {
		return nil, err
	}
	if err := p.serves(ctx, "http://"+addr, "/-/ready"); err != nil {
		return nil, err
	}
	return &target{
		process: p, addr: addr, path: l.prometheus, api: p.base,
		disk: func(total *sent) error { return b.sampleBytes(l.part, prometheusName, data, total.items) },
	}, nil
}
