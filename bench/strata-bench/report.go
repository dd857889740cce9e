// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"
)

// figure is one line of the table.
type figure struct {
	Name   string    `json:"name"`
	Unit   string    `json:"unit"`
	Median float64   `json:"median"`
	Runs   []float64 `json:"runs"`
	Target string    `json:"target,omitempty"`
}

// machine is where the figures come from.
type machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Memory string `json:"memory"`
	Kernel string `json:"kernel"`
	Go     string `json:"go"`
}

type report struct {
	Time    string    `json:"time"`
	Commit  string    `json:"commit"`
	Machine machine   `json:"machine"`
	Figures []*figure `json:"figures"`

	mu       sync.Mutex // protects Figures
	progress io.Writer
}

func newReport(progress io.Writer) *report {
	r := &report{progress: progress, Time: time.Now().UTC().Format(time.RFC3339), Machine: thisMachine()}
	if out, err := exec.Command("git", "rev-parse", "--short", "HEAD").Output(); err == nil { //nolint:noctx // Answers at once.
		r.Commit = strings.TrimSpace(string(out))
	}
	return r
}

func thisMachine() machine {
	m := machine{Cores: runtime.NumCPU(), Go: runtime.Version(), CPU: lineOf("/proc/cpuinfo", "model name"), Memory: lineOf("/proc/meminfo", "MemTotal")}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		m.Kernel = unix.ByteSliceToString(u.Release[:])
	}
	return m
}

// lineOf returns what follows the colon of the first line that starts with key.
func lineOf(path, key string) string {
	f, err := os.Open(path) //nolint:gosec // Under /proc.
	if err != nil {
		return ""
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if rest, ok := strings.CutPrefix(s.Text(), key); ok {
			return strings.TrimSpace(strings.TrimLeft(rest, "\t :"))
		}
	}
	return ""
}

// add notes one run's value of a figure.
func (r *report) add(name, unit, target string, value float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, _ = fmt.Fprintf(r.progress, "  %-52s %12s %s\n", name, number(value), unit)
	i := slices.IndexFunc(r.Figures, func(f *figure) bool { return f.Name == name })
	if i < 0 {
		r.Figures = append(r.Figures, &figure{Name: name, Unit: unit, Target: target})
		i = len(r.Figures) - 1
	}
	f := r.Figures[i]
	f.Runs = append(f.Runs, value)
	f.Median = quantile(f.Runs, 0.5)
}

// last returns the newest run of a figure, 0 when there is none.
func (r *report) last(name string) float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range r.Figures {
		if f.Name == name {
			return f.Runs[len(f.Runs)-1]
		}
	}
	return 0
}

// quantile returns the value below which q of the values lie; the mean of the middle two for the median of an even number.
func quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return 0
	}
	s := slices.Clone(values)
	slices.Sort(s)
	if q == 0.5 && len(s)%2 == 0 {
		return (s[len(s)/2-1] + s[len(s)/2]) / 2
	}
	return s[min(len(s)-1, int(q*float64(len(s))))]
}

func number(v float64) string {
	switch {
	case v >= 10_000:
		return fmt.Sprintf("%.0f", v)
	case v >= 100:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}

func (r *report) table(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(tw, "figure\tmedian\tunit\ttarget\truns\n")
	for _, f := range r.Figures {
		runs := make([]string, len(f.Runs))
		for i, v := range f.Runs {
			runs[i] = number(v)
		}
		_, _ = fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\n", f.Name, number(f.Median), f.Unit, f.Target, strings.Join(runs, " "))
	}
	if err := tw.Flush(); err != nil {
		return fmt.Errorf("print table: %w", err)
	}
	return nil
}

// save writes the figures. What an earlier invocation measured and this one did not is kept.
func (r *report) save(path string) error {
	var before report
	old, err := os.ReadFile(path) //nolint:gosec // Named on the command line.
	switch {
	case err == nil:
		if err := json.Unmarshal(old, &before); err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
	case !errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("read earlier figures: %w", err)
	}
	figures := r.Figures
	for _, f := range before.Figures {
		if !slices.ContainsFunc(r.Figures, func(g *figure) bool { return g.Name == f.Name }) {
			figures = append(figures, f)
		}
	}
	b, err := json.MarshalIndent(&report{Time: r.Time, Commit: r.Commit, Machine: r.Machine, Figures: figures}, "", "  ")
	if err != nil {
		return fmt.Errorf("encode figures: %w", err)
	}
	if err := os.WriteFile(path, append(b, '\n'), 0o644); err != nil { //nolint:gosec // Meant to be read by all.
		return fmt.Errorf("write figures: %w", err)
	}
	return nil
}
