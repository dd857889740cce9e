// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// agentHosts lets each program watch this host, with three servers of middleware on it.
func (b *bench) agentHosts(ctx context.Context, list []watcher, sink *agentSink) error {
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
	return stop()
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
