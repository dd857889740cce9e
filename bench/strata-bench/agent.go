// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// watcher is a program that watches a host: the agent, or one of its peers.
type watcher struct {
	name, binary string
	// start returns the program's arguments for host metrics, or for the lines of a file, sent to the sink; nil where it cannot do that.
	host func(dir, sink string) []string
	logs func(dir, sink, file string) []string
	// scraped is what has to be asked for each interval.
	scraped func() string
}

const agentInterval = 10 * time.Second

func (b *bench) watchers() ([]watcher, error) {
	exporter, err := freePort()
	if err != nil {
		return nil, err
	}
	config := func(dir, text string) []string {
		path := filepath.Join(dir, "agent.yaml")
		_ = os.WriteFile(path, []byte(text), 0o600) // The agent says so if it is not there.
		return []string{"--config", path, "--state-dir", filepath.Join(dir, "state")}
	}
	return []watcher{
		{
			name: "Strata", binary: b.agent,
			host: func(dir, sink string) []string {
				return config(dir, "server: {endpoint: "+sink+", compression: gzip}\nopamp: {enabled: false}\n")
			},
			logs: func(dir, sink, file string) []string {
				return config(dir, "server: {endpoint: "+sink+", compression: gzip}\nopamp: {enabled: false}\nhost: {enabled: false}\nmiddleware: {enabled: false}\nlogs: [{include: ["+file+"], start_at: beginning}]\n")
			},
		},
		{
			name: "OTel Collector", binary: b.collector,
			host: func(_, sink string) []string {
				return []string{"--config", "yaml:" + strings.ReplaceAll(collectorHost, "SINK", sink)}
			},
			logs: func(dir, sink, file string) []string {
				return []string{"--config", "yaml:" + strings.NewReplacer("SINK", sink, "FILE", file, "DIR", dir).Replace(collectorLogs)}
			},
		},
		{
			name: "node exporter", binary: b.nodeExporter,
			host:    func(string, string) []string { return []string{"--web.listen-address=" + exporter} },
			scraped: func() string { return "http://" + exporter + "/metrics" },
		},
	}, nil
}

// collectorHost asks a Collector for what the agent gathers by itself.
const collectorHost = `
receivers:
  hostmetrics:
    collection_interval: 10s
    scrapers: {cpu: {}, load: {}, memory: {}, disk: {}, filesystem: {}, network: {}, paging: {}, processes: {}, process: {mute_process_all_errors: true}}
processors: {batch: {}, memory_limiter: {check_interval: 1s, limit_mib: 400}}
exporters: {otlp: {endpoint: SINK, tls: {insecure: true}}}
service:
  telemetry: {metrics: {level: none}, logs: {level: error}}
  pipelines: {metrics: {receivers: [hostmetrics], processors: [memory_limiter, batch], exporters: [otlp]}}
`

// collectorLogs reads a file as safely as a Collector can: offsets and queue on disk.
const collectorLogs = `
extensions: {file_storage: {directory: DIR, create_directory: true, fsync: true}}
receivers: {filelog: {include: [FILE], start_at: beginning, storage: file_storage}}
exporters: {otlp: {endpoint: SINK, tls: {insecure: true}, sending_queue: {storage: file_storage, block_on_overflow: true, batch: {flush_timeout: 200ms}}}}
service:
  extensions: [file_storage]
  telemetry: {metrics: {level: none}, logs: {level: error}}
  pipelines: {logs: {receivers: [filelog], exporters: [otlp]}}
`

// agentRuns measures the agent beside a Collector and the node exporter: size, rest, lines.
func (b *bench) agentRuns(ctx context.Context) error {
	list, err := b.watchers()
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(w watcher) bool { return w.binary == "" })
	sink, err := startAgentSink(ctx)
	if err != nil {
		return err
	}
	defer sink.server.Stop()
	for _, w := range list {
		info, err := os.Stat(w.binary)
		if err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
		target := ""
		if w.name == "Strata" {
			target = "≤ 90"
		}
		b.add("agent: binary, "+w.name, "MB", target, float64(info.Size())/1e6)
	}
	if b.agentTime > 0 {
		if err := b.agentHosts(ctx, list, sink); err != nil {
			return err
		}
	}
	file := filepath.Join(b.work, "lines.log")
	if err := writeLines(file, b.lines); err != nil {
		return err
	}
	for range b.runs {
		for _, w := range list {
			if w.logs == nil {
				continue
			}
			if err := b.agentLines(ctx, w, sink, file); err != nil {
				return fmt.Errorf("%s, lines: %w", w.name, err)
			}
		}
	}
	return nil
}

// agentLines lets a program read a file from its beginning until the sink has every line.
func (b *bench) agentLines(ctx context.Context, w watcher, sink *agentSink, file string) error {
	dir, err := os.MkdirTemp(b.work, "agent-")
	if err != nil {
		return fmt.Errorf("make a directory: %w", err)
	}
	before := sink.lines.Load()
	began := time.Now()
	p, err := launch(filepath.Join(dir, "log"), nil, w.binary, w.logs(dir, sink.addr, file)...)
	if err != nil {
		return err
	}
	err = poll(ctx, 10*time.Minute, 20*time.Millisecond, func() error {
		if n := sink.lines.Load() - before; n < int64(b.lines) {
			return errors.Join(p.ended(), fmt.Errorf("%d of %d lines", n, b.lines))
		}
		return nil
	})
	if err == nil {
		took := time.Since(began)
		var u usage
		if u, err = p.cpu(); err == nil {
			b.add("agent: lines, "+w.name, "lines/CPU-s", "", float64(b.lines)/u.total().Seconds())
			b.add("agent: lines, "+w.name+", rate", "lines/s", "", float64(b.lines)/took.Seconds())
			own, children := p.memory("VmHWM")
			b.add("agent: lines, "+w.name+", peak resident", "MiB", "", own+children)
		}
	}
	return errors.Join(err, p.stop())
}

// writeLines writes a log of about 150 bytes a line.
func writeLines(path string, n int) error {
	f, err := os.Create(path) //nolint:gosec // Under the work directory.
	if err != nil {
		return fmt.Errorf("create log: %w", err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	for i := range n {
		_, _ = fmt.Fprintf(w, "2026-11-21T08:00:%02d.%03dZ INFO checkout order %08x of customer %06d placed in %d ms, payment card, shipping standard, total %d.%02d EUR, trace %032x\n",
			i/1000%60, i%1000, i*2654435761, i%100_000, i%500, i%300, i%100, i)
	}
	if err := errors.Join(w.Flush(), f.Close()); err != nil {
		return fmt.Errorf("write log: %w", err)
	}
	return nil
}

// freePort returns an address on loopback that nothing listens on.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // Closed at once.
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return l.Addr().String(), l.Close()
}
