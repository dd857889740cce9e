// SPDX-License-Identifier: Apache-2.0

//go:build linux

package javaattach

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// JVM is a Java virtual machine of this host.
type JVM struct {
	PID int
	// Main is the main class or the jar, as the command line names it; empty where it names none.
	Main string
	// Instrumented says that an OpenTelemetry Java agent is in it already.
	Instrumented bool
}

// Find lists the virtual machines that this user may see, by process id.
func Find() ([]JVM, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var out []JVM
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if jvm, err := Look(pid); err == nil {
			out = append(out, jvm)
		}
	}
	slices.SortFunc(out, func(a, b JVM) int { return a.PID - b.PID })
	return out, nil
}

// ErrNoJVM says that a process is not a Java virtual machine, or not one that this user may look at.
var ErrNoJVM = errors.New("no Java virtual machine that this user may look at")

// Look looks at one process.
func Look(pid int) (JVM, error) {
	maps, err := os.Open(filepath.Join("/proc", strconv.Itoa(pid), "maps"))
	if err != nil {
		return JVM{}, fmt.Errorf("process %d: %w", pid, ErrNoJVM)
	}
	defer func() { _ = maps.Close() }()
	found := false
	for s := bufio.NewScanner(maps); !found && s.Scan(); {
		found = strings.HasSuffix(s.Text(), "/libjvm.so")
	}
	if !found {
		return JVM{}, fmt.Errorf("process %d: %w", pid, ErrNoJVM)
	}
	line, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
	if err != nil {
		return JVM{}, fmt.Errorf("process %d: %w", pid, ErrNoJVM)
	}
	return JVM{PID: pid, Main: mainOf(strings.Split(string(bytes.TrimRight(line, "\x00")), "\x00")), Instrumented: instrumented(pid)}, nil
}

// mainOf finds the main class or jar in a command line: the first argument that is neither an option nor an option's value.
func mainOf(args []string) string {
	for i := 1; i < len(args); i++ {
		switch a := args[i]; {
		case a == "-jar" && i+1 < len(args):
			return filepath.Base(args[i+1])
		case slices.Contains([]string{"-cp", "-classpath", "--class-path", "-p", "--module-path", "--add-modules", "--add-opens", "--add-exports", "--add-reads"}, a):
			i++
		case !strings.HasPrefix(a, "-") && !strings.HasPrefix(a, "@"):
			return a
		}
	}
	return ""
}

// instrumented looks for the agent's jar among the open files: the virtual machine keeps jars on its class path open.
func instrumented(pid int) bool {
	dir := filepath.Join("/proc", strconv.Itoa(pid), "fd")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, e := range entries {
		if to, err := os.Readlink(filepath.Join(dir, e.Name())); err == nil && strings.HasPrefix(filepath.Base(to), jarPrefix) {
			return true
		}
	}
	return false
}
