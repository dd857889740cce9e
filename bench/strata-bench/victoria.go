// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/strata-apm/strata/bench/sizes"
)

// victoriaFlush is a little longer than VictoriaMetrics and VictoriaLogs keep what they took in memory: the write to disk that follows
// is part of their work.
const victoriaFlush = 6 * time.Second

// startVictoria starts VictoriaMetrics or VictoriaLogs on a free port.
func (b *bench) startVictoria(ctx context.Context, program, dir string, args ...string) (*target, error) {
	addr, err := freePort()
	if err != nil {
		return nil, err
	}
	p, err := launch(dir+".log", nil, program, append(args, "-storageDataPath="+dir, "-httpListenAddr="+addr)...)
	if err != nil {
		return nil, err
	}
	if err := p.serves(ctx, "http://"+addr, "/health"); err != nil {
		return nil, err
	}
	return &target{
		process: p, addr: addr, api: p.base,
		stored: func(ctx context.Context, _ int) error { return sleep(ctx, victoriaFlush) },
		note:   func(ctx context.Context, _ *sent, _ usage) error { return mergeVictoria(ctx, p) },
	}, nil
}

// mergeVictoria makes a server write all it has to disk and merge it, as it does by itself in time.
func mergeVictoria(ctx context.Context, p *process) error {
	for _, path := range []string{"/internal/force_flush", "/internal/force_merge"} {
		if err := get(ctx, p.base+path, nil); err != nil {
			return err
		}
	}
	// The merge goes on after the answer; its end is told in the server's log and nowhere else for sure.
	return poll(ctx, 5*time.Minute, 250*time.Millisecond, func() error {
		log, err := os.ReadFile(p.logs.Name())
		if err != nil {
			return fmt.Errorf("read log of the peer: %w", err)
		}
		_, after, _ := bytes.Cut(log, []byte("forced merge for partition_prefix"))
		if !bytes.Contains(after, []byte("has been successfully finished")) {
			return errors.Join(p.ended(), errors.New("the forced merge has not ended"))
		}
		return nil
	})
}

// victoriaMetricsTarget is VictoriaMetrics with the labels and names of peerConfig.
func (b *bench) victoriaMetricsTarget(ctx context.Context, dir string, l metricsLoad) (*target, error) {
	t, err := b.startVictoria(ctx, b.victoriaMetrics, dir, "-opentelemetry.usePrometheusNaming", "-opentelemetry.promoteScopeMetadata=false",
		"-opentelemetry.promoteAllResourceAttributes=false", "-opentelemetry.promoteResourceAttributes="+strings.Join(promotedAttributes(), ","))
	if err != nil {
		return nil, err
	}
	t.path = l.victoria
	t.disk = func(total *sent) error {
		n, err := sizes.Dirs(filepath.Join(dir, "data"), filepath.Join(dir, "indexdb"))
		b.add(l.part+": disk, VictoriaMetrics, merged", "B/sample", "", float64(n)/float64(total.items))
		return err
	}
	return t, nil
}

// victoriaLogsTarget is VictoriaLogs, which takes the same OTLP bodies; each resource of them is a stream.
func (b *bench) victoriaLogsTarget(ctx context.Context, dir string) (*target, error) {
	t, err := b.startVictoria(ctx, b.victoriaLogs, dir)
	if err != nil {
		return nil, err
	}
	t.path = "/insert/opentelemetry/v1/logs"
	t.note = func(ctx context.Context, total *sent, _ usage) error {
		var answer struct {
			Rows string `json:"rows"`
		}
		q := url.Values{"query": {"* | stats count() rows"}}
		if err := get(ctx, t.base+"/select/logsql/query?"+q.Encode(), &answer); err != nil {
			return err
		}
		if want := strconv.Itoa(total.items); answer.Rows != want {
			return fmt.Errorf("%s log records can be read, %s were sent", answer.Rows, want)
		}
		return mergeVictoria(ctx, t.process)
	}
	t.disk = func(total *sent) error {
		n, err := sizes.Dirs(filepath.Join(dir, "partitions"))
		b.add("logs: disk, VictoriaLogs, merged", "B/record", "", float64(n)/float64(total.items))
		b.add("logs: text to disk, VictoriaLogs", "x", "", float64(total.textSize)/float64(n))
		return err
	}
	return t, nil
}
