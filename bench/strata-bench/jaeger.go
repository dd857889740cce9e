// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/strata-apm/strata/bench/sizes"
)

// jaegerQueue is how many spans Jaeger keeps in memory before it drops what comes; it does not hold its senders back.
const jaegerQueue = 20_000

// jaegerTraces is Jaeger's all-in-one with Badger. It stores spans after it has acknowledged them.
func (b *bench) jaegerTraces(ctx context.Context, dir string) (*target, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("make data directory: %w", err)
	}
	var addrs [3]string
	for i := range addrs {
		var err error
		if addrs[i], err = freePort(); err != nil {
			return nil, err
		}
	}
	otlp, query, admin := addrs[0], addrs[1], addrs[2]
	args := []string{
		"--collector.otlp.http.host-port=" + otlp, "--query.http-server.host-port=" + query, "--admin.http.host-port=" + admin,
		"--badger.ephemeral=false", "--badger.directory-key=" + filepath.Join(dir, "keys"), "--badger.directory-value=" + filepath.Join(dir, "values"),
		"--collector.queue-size=" + strconv.Itoa(2*jaegerQueue), "--log-level=warn",
	}
	for _, unused := range []string{
		"collector.otlp.grpc.host-port", "collector.grpc-server.host-port", "collector.http-server.host-port", "query.grpc-server.host-port",
		"http-server.host-port", "processor.jaeger-binary.server-host-port", "processor.jaeger-compact.server-host-port",
		"processor.zipkin-compact.server-host-port",
	} {
		args = append(args, "--"+unused+"=127.0.0.1:0")
	}
	p, err := launch(dir+".log", []string{"SPAN_STORAGE_TYPE=badger", "OTEL_TRACES_SAMPLER=always_off"}, b.jaeger, args...)
	if err != nil {
		return nil, err
	}
	if err := p.serves(ctx, "http://"+admin, "/"); err != nil {
		return nil, err
	}
	return &target{
		process: p, addr: otlp, path: "/v1/traces", window: jaegerQueue,
		stored: func(ctx context.Context, items int) error { return p.waitSpans(ctx, items) },
		note:   func(ctx context.Context, _ *sent, _ usage) error { return checkTrace(ctx, "http://"+query) },
		disk: func(total *sent) error {
			n, err := sizes.Dirs(dir)
			b.add("traces: disk, Jaeger with Badger", "B/span", "", float64(n)/float64(total.items))
			return err
		},
	}, nil
}

// waitSpans waits until Jaeger says that it has stored items spans.
func (p *process) waitSpans(ctx context.Context, items int) error {
	return poll(ctx, 5*time.Minute, 200*time.Millisecond, func() error {
		if err := p.ended(); err != nil {
			return err
		}
		saved, err := p.counter(ctx, "jaeger_collector_spans_saved_by_svc_total{", `result="ok"`)
		if err != nil {
			return err
		}
		if saved != float64(items) {
			return fmt.Errorf("%.0f of %d spans are stored", saved, items)
		}
		return nil
	})
}

// counter adds up the series of a process's own metrics whose lines start with prefix and have label.
func (p *process) counter(ctx context.Context, prefix, label string) (float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.base+"/metrics", nil)
	if err != nil {
		return 0, fmt.Errorf("build request: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, fmt.Errorf("ask for metrics: %w", err)
	}
	defer resp.Body.Close()
	sum := 0.0
	s := bufio.NewScanner(resp.Body)
	for s.Scan() {
		line := s.Text()
		if !strings.HasPrefix(line, prefix) || !strings.Contains(line, label) {
			continue
		}
		v, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64)
		if err != nil {
			return 0, fmt.Errorf("read metrics: %w", err)
		}
		sum += v
	}
	if err := s.Err(); err != nil {
		return 0, fmt.Errorf("read metrics: %w", err)
	}
	return sum, nil
}

// checkTrace asks Jaeger for one trace of the load.
func checkTrace(ctx context.Context, api string) error {
	var answer struct {
		Data []struct {
			Spans []struct{} `json:"spans"`
		} `json:"data"`
	}
	now := time.Now()
	q := url.Values{
		"service": {"frontend"}, "limit": {"1"},
		"start": {strconv.FormatInt(now.Add(-time.Hour).UnixMicro(), 10)}, "end": {strconv.FormatInt(now.UnixMicro(), 10)},
	}
	if err := get(ctx, api+"/api/traces?"+q.Encode(), &answer); err != nil {
		return err
	}
	if len(answer.Data) != 1 || len(answer.Data[0].Spans) < 8 {
		return errors.New("no whole trace can be read")
	}
	return nil
}
