// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a server under measurement and the children it started.
type process struct {
	cmd     *exec.Cmd
	logs    *os.File
	done    chan error
	started time.Time
	base    string // http://host:port
}

// launch starts a program with its output in logPath.
func launch(logPath string, env []string, program string, args ...string) (*process, error) {
	logs, err := os.Create(logPath) //nolint:gosec // Under the work directory.
	if err != nil {
		return nil, fmt.Errorf("create log: %w", err)
	}
	cmd := exec.Command(program, args...) //nolint:gosec,noctx // Named on the command line; stopped by stop.
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = logs, logs
	p := &process{cmd: cmd, logs: logs, done: make(chan error, 1), started: time.Now()}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", program, err), logs.Close())
	}
	go func() { p.done <- cmd.Wait() }()
	return p, nil
}

// serves waits until the server at base answers GET path; one that does not is stopped.
func (p *process) serves(ctx context.Context, base, path string) error {
	p.base = base
	if err := p.waitReady(ctx, path); err != nil {
		return errors.Join(err, p.stop())
	}
	return nil
}

// stop ends the process and waits for it.
func (p *process) stop() error {
	defer p.logs.Close()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop: %w", err)
	}
	select {
	case err := <-p.done:
		if _, ok := errors.AsType[*exec.ExitError](err); ok { // By the signal, or with a status of its own; it was told to end.
			return nil
		}
		return err
	case <-time.After(time.Minute):
		err := p.cmd.Process.Kill()
		return errors.Join(errors.New("the server did not end within a minute of SIGTERM"), err, <-p.done)
	}
}

// pids are the process and its children.
func (p *process) pids() []int {
	out := []int{p.cmd.Process.Pid}
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", out[0])) // A child belongs to the thread that started it.
	for _, list := range lists {
		b, _ := os.ReadFile(list) //nolint:gosec // Under /proc. A thread that has ended has no children.
		for f := range strings.FieldsSeq(string(b)) {
			if pid, err := strconv.Atoi(f); err == nil {
				out = append(out, pid)
			}
		}
	}
	return out
}

// usage is the processor time of the server itself and of its children.
type usage struct{ own, children time.Duration }

func (u usage) total() time.Duration { return u.own + u.children }
func (u usage) minus(before usage) usage {
	return usage{u.own - before.own, u.children - before.children}
}

// cpu reads user and system time of the process and its children, alive or dead, in the kernel's ticks of 10 ms.
func (p *process) cpu() (usage, error) {
	var u usage
	for i, pid := range p.pids() {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			if i > 0 {
				continue // A child that has just ended; its parent counts it from now on.
			}
			return u, fmt.Errorf("read processor time: %w", err)
		}
		f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
		const utime, stime, cutime, cstime = 11, 12, 13, 14 // proc(5), counted from the state.
		ticks := func(indexes ...int) time.Duration {
			sum := 0
			for _, i := range indexes {
				n, _ := strconv.Atoi(f[i])
				sum += n
			}
			return time.Duration(sum) * 10 * time.Millisecond
		}
		if i == 0 {
			u.own = ticks(utime, stime)
			u.children = ticks(cutime, cstime)
		} else {
			u.children += ticks(utime, stime, cutime, cstime)
		}
	}
	return u, nil
}

// cpuAndMachine reads the processor time of the process and of everything on the machine.
func (p *process) cpuAndMachine() (usage, time.Duration, error) {
	u, err := p.cpu()
	if err != nil {
		return u, 0, err
	}
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return u, 0, fmt.Errorf("read processor time of the machine: %w", err)
	}
	ticks := 0
	for i, f := range strings.Fields(strings.SplitN(string(b), "\n", 2)[0]) {
		const name, idle, iowait, steal = 0, 4, 5, 8 // proc(5). Guests are counted in user time already.
		if n, err := strconv.Atoi(f); err == nil && i != name && i != idle && i != iowait && i <= steal {
			ticks += n
		}
	}
	return u, time.Duration(ticks) * 10 * time.Millisecond, nil
}

// memory adds up a line of /proc/PID/status, VmRSS or VmHWM, in MiB.
func (p *process) memory(key string) (own, children float64) {
	for i, pid := range p.pids() {
		kib, _ := strconv.ParseFloat(strings.TrimSuffix(lineOf(fmt.Sprintf("/proc/%d/status", pid), key), " kB"), 64)
		if i == 0 {
			own = kib / 1024
		} else {
			children += kib / 1024
		}
	}
	return own, children
}

// settle waits until the server does next to nothing, so that what it put off is counted too.
func (p *process) settle(ctx context.Context) error {
	const window, quiet, limit = 500 * time.Millisecond, 50 * time.Millisecond, 20 * time.Second
	deadline := time.Now().Add(limit)
	before, err := p.cpu()
	for calm := 0; err == nil && calm < 4 && time.Now().Before(deadline); {
		if err := sleep(ctx, window); err != nil {
			return err
		}
		var now usage
		if now, err = p.cpu(); now.minus(before).total() <= quiet {
			calm++
		} else {
			calm = 0
		}
		before = now
	}
	return err
}

// errEnded says that the server is gone.
var errEnded = errors.New("the server ended")

// ended returns an error with the end of the server's log once it has ended.
func (p *process) ended() error {
	select {
	case err := <-p.done:
		p.done <- err
		log, _ := os.ReadFile(p.logs.Name()) // Written by the process itself.
		return fmt.Errorf("%w: %w: %s", errEnded, err, log[max(0, len(log)-2000):])
	default:
		return nil
	}
}

// waitReady polls path until it answers 200.
func (p *process) waitReady(ctx context.Context, path string) error {
	return poll(ctx, time.Minute, 5*time.Millisecond, func() error {
		if err := p.ended(); err != nil {
			return err
		}
		return get(ctx, p.base+path, nil)
	})
}

// poll calls f until it returns nil.
func poll(ctx context.Context, within, every time.Duration, f func() error) error {
	for deadline := time.Now().Add(within); ; {
		err := f()
		if err == nil {
			return nil
		}
		if errors.Is(err, errEnded) || time.Now().After(deadline) {
			return fmt.Errorf("gave up: %w", err)
		}
		if err := sleep(ctx, every); err != nil {
			return err
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err() // Says it all.
	case <-time.After(d):
		return nil
	}
}

// get decodes the body of a 200 answer into v unless that is nil.
func get(ctx context.Context, url string, v any) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("build request: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("ask: %w", err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s: %.300s", url, resp.Status, b)
	}
	if v == nil {
		return nil
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("GET %s: %w", url, err)
	}
	return nil
}
