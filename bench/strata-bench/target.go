// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
)

// ours is the name of the server under measurement in the figures.
const ours = "Strata"

// contender is a server that takes turns with others: ours or a peer.
type contender struct {
	name, program string // A contender without a program is left out.
	start         func(ctx context.Context, dir string) (*target, error)
}

// target is a contender that runs, on a data directory of its own.
type target struct {
	*process
	name       string
	addr, path string // where the load goes
	api        string // where Prometheus's query API is
	// window is how many records are sent before stored is asked again; 0 for a server that holds its senders back itself.
	window int
	// stored waits until items are stored; nil where they are once they are acknowledged.
	stored func(ctx context.Context, items int) error
	// note measures what it can after the load while the server runs, and readies its files for disk; nil where there is nothing to do.
	note func(ctx context.Context, total *sent, used usage) error
	// disk notes the bytes of the stopped server; nil where note has done so.
	disk func(total *sent) error
}

// turn is one contender's part of a run: it is started, put under load and stopped, and its files are measured if that is wanted.
func (b *bench) turn(ctx context.Context, c contender, dir string, load func(*target) (*sent, usage, error), disk bool) error {
	t, err := c.start(ctx, dir)
	if err != nil {
		return fmt.Errorf("start %s: %w", c.name, err)
	}
	t.name = c.name
	total, used, err := load(t)
	if err == nil && t.note != nil {
		err = t.note(ctx, total, used)
	}
	if err = errors.Join(err, t.stop()); err == nil && disk && t.disk != nil {
		err = t.disk(total)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	return nil
}

// turns lets every contender with a program have its turn in every run, so that all see the same noise, and notes how many times the
// work of each peer ours did; figure names the work of one.
func (b *bench) turns(part string, list []contender, figure func(name string) string, turn func(c contender, run int) error) error {
	for run := range b.runs {
		for _, c := range list {
			if c.program == "" {
				continue
			}
			if err := turn(c, run); err != nil {
				return err
			}
			if peer := b.last(figure(c.name)); c.name != ours && peer > 0 {
				b.add(part+": ratio to "+c.name, "x", ratioTarget(part, c.name), b.last(figure(ours))/peer)
			}
		}
	}
	return nil
}

func ratioTarget(part, peer string) string {
	if part == "metrics" && peer == prometheusName {
		return "≥ 1, then ≥ 2"
	}
	return ""
}

// peak notes the most memory that a target and its children had.
func (b *bench) peak(t *target, part string) {
	own, children := t.memory("VmHWM")
	b.add("memory: peak under load, "+part+suffix(t.name), "MiB", "", own+children)
}

// suffix tells a peer's figure from ours.
func suffix(name string) string {
	if name == ours {
		return ""
	}
	return ", " + name
}
