// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
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
	stop, err := b.middleware()
	if err != nil {
		return err
	}
	for range b.runs {
		for _, w := range list {
			if err := b.agentHost(ctx, w, sink); err != nil {
				return errors.Join(fmt.Errorf("%s, host: %w", w.name, err), stop())
			}
		}
	}
	if err := stop(); err != nil {
		return err
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

// middleware starts three servers for the agent to find: Redis, memcached and nginx.
func (b *bench) middleware() (stop func() error, err error) {
	dir, err := os.MkdirTemp(b.work, "middleware-")
	if err != nil {
		return nil, fmt.Errorf("make a directory: %w", err)
	}
	var ports [3]string
	for i := range ports {
		addr, err := freePort()
		if err != nil {
			return nil, err
		}
		_, ports[i], _ = net.SplitHostPort(addr)
	}
	conf := filepath.Join(dir, "nginx.conf")
	text := "daemon off; pid " + dir + "/nginx.pid; error_log stderr; events {} http { access_log off; server { listen 127.0.0.1:" + ports[2] + "; location /nginx_status { stub_status; } } }"
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return nil, fmt.Errorf("write configuration of nginx: %w", err)
	}
	var started []*process
	stop = func() error {
		var errs []error
		for _, p := range started {
			errs = append(errs, p.stop())
		}
		return errors.Join(errs...)
	}
	for _, args := range [][]string{
		{"redis-server", "--port", ports[0], "--bind", "127.0.0.1", "--save", "", "--dir", dir},
		{"memcached", "-u", "root", "-l", "127.0.0.1", "-p", ports[1]},
		{"nginx", "-c", conf, "-p", dir},
	} {
		p, err := launch(filepath.Join(dir, args[0]+".log"), nil, args[0], args[1:]...)
		if err != nil {
			return nil, errors.Join(err, stop())
		}
		started = append(started, p)
	}
	return stop, nil
}

// agentHost lets a program watch this host for a while: share of a core, resident memory, data points.
func (b *bench) agentHost(ctx context.Context, w watcher, sink *agentSink) error {
	dir, err := os.MkdirTemp(b.work, "agent-")
	if err != nil {
		return fmt.Errorf("make a directory: %w", err)
	}
	p, err := launch(filepath.Join(dir, "log"), nil, w.binary, w.host(dir, sink.addr)...)
	if err != nil {
		return err
	}
	err = func() error {
		if err := b.watch(ctx, p, w, 2*agentInterval+5*time.Second); err != nil { // It has found everything by then.
			return err
		}
		before, err := p.cpu()
		if err != nil {
			return err
		}
		points := sink.points.Load()
		if err := b.watch(ctx, p, w, b.agentTime); err != nil {
			return err
		}
		after, err := p.cpu()
		if err != nil {
			return err
		}
		cpu, memory := "", ""
		if w.scraped == nil {
			b.add("agent: data points a minute, "+w.name, "points", "", float64(sink.points.Load()-points)/b.agentTime.Minutes())
		}
		if w.logs != nil && w.name == "Strata" {
			cpu, memory = "≤ 1", "≤ 60"
		}
		b.add("agent: host + 3 middleware, CPU, "+w.name, "% of a core", cpu, 100*after.minus(before).total().Seconds()/b.agentTime.Seconds())
		own, children := p.memory("VmRSS")
		b.add("agent: host + 3 middleware, resident, "+w.name, "MiB", memory, own+children)
		return nil
	}()
	return errors.Join(err, p.stop())
}

// watch waits, and asks for the metrics of a program that does not send them.
func (b *bench) watch(ctx context.Context, p *process, w watcher, d time.Duration) error {
	for end := time.Now().Add(d); time.Now().Before(end); {
		if err := sleep(ctx, min(agentInterval, time.Until(end))); err != nil {
			return err
		}
		if err := p.ended(); err != nil {
			return err
		}
		if w.scraped == nil {
			continue
		}
		resp, err := http.Get(w.scraped()) //nolint:noctx // Our own peer, on loopback.
		if err != nil {
			return fmt.Errorf("scrape: %w", err)
		}
		_, err = io.Copy(io.Discard, resp.Body)
		if err := errors.Join(err, resp.Body.Close()); err != nil {
			return fmt.Errorf("scrape: %w", err)
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
