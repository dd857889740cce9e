// SPDX-License-Identifier: Apache-2.0

//go:build linux

package javaattach

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// attachTimeout bounds the wait for the virtual machine; loading takes some seconds, on a busy machine a minute.
	attachTimeout = 3 * time.Minute
	// nudgeEvery is how often the signal is repeated: a virtual machine that is starting ignores it.
	nudgeEvery = time.Second
)

// Attach loads the agent at path jar, which the virtual machine's user must be able to read, with options such as otel.service.name. Names
// and values cannot contain ";" or "=". It returns when the agent is in.
func Attach(ctx context.Context, pid int, jar string, options map[string]string) error {
	args, err := arguments(options)
	if err != nil {
		return err
	}
	if !filepath.IsAbs(jar) || strings.Contains(jar, "=") {
		return fmt.Errorf("attach to %d: the path of the Java agent %q must be absolute and without =", pid, jar)
	}
	ctx, cancel := context.WithTimeout(ctx, attachTimeout)
	defer cancel()
	conn, err := dial(ctx, pid)
	if err != nil {
		return fmt.Errorf("attach to %d: %w", pid, err)
	}
	defer func() { _ = conn.Close() }()
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	// Protocol version 1: the command and exactly three arguments, each ended by a zero byte.
	if _, err := io.WriteString(conn, "1\x00load\x00instrument\x00false\x00"+jar+"="+args+"\x00"); err != nil {
		return fmt.Errorf("attach to %d: send the command: %w", pid, err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		return fmt.Errorf("attach to %d: read the answer: %w", pid, err)
	}
	if err := loaded(string(answer)); err != nil {
		return fmt.Errorf("attach to %d: %w", pid, err)
	}
	return nil
}

// arguments are options as the Java agent takes them at its end of a path.
func arguments(options map[string]string) (string, error) {
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(options)) {
		if strings.ContainsAny(name+options[name], ";=\x00") {
			return "", fmt.Errorf("option %s of the Java agent: neither name nor value can contain ; or =", name)
		}
		pairs = append(pairs, name+"="+options[name])
	}
	return strings.Join(pairs, ";"), nil
}

// loaded reads the answer to load: a line with the status of the command, then "return code: N" of the agent.
func loaded(answer string) error {
	status, rest, _ := strings.Cut(answer, "\n")
	rest = strings.TrimSpace(rest)
	code, isCode := strings.CutPrefix(rest, "return code: ")
	switch {
	case status != "0":
		return fmt.Errorf("the virtual machine refuses (status %s): %s", status, rest)
	case isCode && code != "0":
		return fmt.Errorf("the Java agent could not be loaded (code %s): is its file readable for the virtual machine's user?", code)
	case !isCode && rest != "":
		return fmt.Errorf("the Java agent could not be loaded: %s", rest)
	}
	return nil
}

// dial connects to the virtual machine's socket. Where there is none yet, a file asks for one and SIGQUIT makes the machine look: without
// the file the signal would print a thread dump.
func dial(ctx context.Context, pid int) (net.Conn, error) {
	inner, err := innerPID(pid)
	if err != nil {
		return nil, err
	}
	proc := filepath.Join("/proc", strconv.Itoa(pid))
	socket := filepath.Join(proc, "root", "tmp", ".java_pid"+inner)
	var d net.Dialer
	if conn, err := d.DialContext(ctx, "unix", socket); err == nil {
		return conn, nil
	}
	remove, err := ask(filepath.Join(proc, "cwd", ".attach_pid"+inner), filepath.Join(proc, "root", "tmp", ".attach_pid"+inner))
	if err != nil {
		return nil, err
	}
	defer remove()
	nudge := time.NewTicker(nudgeEvery)
	defer nudge.Stop()
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	if err := syscall.Kill(pid, syscall.SIGQUIT); err != nil {
		return nil, fmt.Errorf("signal the virtual machine: %w", err)
	}
	for {
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("the virtual machine does not open its socket (is it started with -XX:+DisableAttachMechanism?): %w", ctx.Err())
		case <-nudge.C:
			if err := syscall.Kill(pid, syscall.SIGQUIT); err != nil {
				return nil, fmt.Errorf("signal the virtual machine: %w", err)
			}
		case <-look.C:
			if conn, err := d.DialContext(ctx, "unix", socket); err == nil {
				return conn, nil
			}
		}
	}
}

// ask creates the first of the files that can be created.
func ask(paths ...string) (remove func(), err error) {
	var errs []error
	for _, path := range paths {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600) //nolint:gosec // Where the virtual machine looks.
		if err != nil {
			errs = append(errs, err)
			continue
		}
		_ = f.Close()
		return func() { _ = os.Remove(path) }, nil
	}
	return nil, fmt.Errorf("ask the virtual machine for its socket (run as its user or as root): %w", errors.Join(errs...))
}

// innerPID is the process id as the process itself sees it, which is another one in a container.
func innerPID(pid int) (string, error) {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return "", fmt.Errorf("process %d: %w", pid, err)
	}
	for line := range strings.Lines(string(b)) {
		if ids, ok := strings.CutPrefix(line, "NSpid:"); ok {
			f := strings.Fields(ids)
			return f[len(f)-1], nil
		}
	}
	return strconv.Itoa(pid), nil
}
